/*
 * DNS names and messages, reading and writing.
 */
#include <ctype.h>
#include <stdio.h>

#include "wire/dns.h"
#include "wire/dns_types.h"

/* --- names --- */

/*
 * A label's first octet, RFC 1035, 4.1.4:
 *
 *   0 0 n n n n n n   that many octets follow; 0 is the root, the end
 *   1 1 o o o o o o   with the next octet an offset from the message's start
 */
void
dns_name_read(struct cursor *message, struct dns_name *name)
{
	struct cursor at = *message;
	size_t limit = at.offset, used = 0, behind = 0;
	unsigned hops = 0; /* more than a name has labels is a trap */

	for (;;) {
		uint8_t length = cursor_u8(&at);

		if (at.failed)
			break;
		if (length >= 0xc0) {
			size_t target = (size_t)(length & 0x3f) << 8 |
			    cursor_u8(&at);

			if (behind == 0)
				behind = at.offset;
			if (at.failed || target >= limit || ++hops > 127)
				break;
			limit = at.offset = target;
			continue;
		}
		if (length >= 0x40 || used + length + 1 > DNS_NAME_MAX)
			break;
		name->wire[used++] = length;
		if (length == 0) {
			name->length = (uint8_t)used;
			message->offset = behind != 0 ? behind : at.offset;
			return;
		}
		const uint8_t *label = cursor_bytes(&at, length);

		if (label == NULL)
			break;
		memcpy(name->wire + used, label, length);
		used += length;
	}
	message->failed = true;
	name->length = 1;
	name->wire[0] = 0;
}

/* One character of a name's text: *text moves on; -1 if it is malformed. */
static int
dns_name_unescape(const char **text)
{
	const char *t = *text;

	if (*t != '\\') {
		*text = t + 1;
		return (unsigned char)*t;
	}
	if (!isdigit((unsigned char)t[1])) {
		*text = t + 2;
		return t[1] == '\0' ? -1 : (unsigned char)t[1];
	}
	if (!isdigit((unsigned char)t[2]) || !isdigit((unsigned char)t[3]))
		return -1;
	int value = (t[1] - '0') * 100 + (t[2] - '0') * 10 + (t[3] - '0');

	*text = t + 4;
	return value > 255 ? -1 : value;
}

int
dns_name_parse(struct dns_name *name, const char *text)
{
	size_t used = 0;

	if (*text == '\0')
		return -1;
	if (strcmp(text, ".") == 0)
		text++;
	while (*text != '\0') {
		size_t start = used++, length = 0;

		while (*text != '\0' && *text != '.') {
			int c = dns_name_unescape(&text);

			if (c < 0 || ++length > 63 || used >= DNS_NAME_MAX - 1)
				return -1;
			name->wire[used++] = (uint8_t)c;
		}
		if (length == 0)
			return -1;
		name->wire[start] = (uint8_t)length;
		if (*text == '.')
			text++;
	}
	name->wire[used++] = 0;
	name->length = (uint8_t)used;
	return 0;
}

const char *
dns_name_text(const struct dns_name *name, char buf[static DNS_NAME_TEXT_SIZE])
{
	const uint8_t *p = name->wire;
	char *out = buf;

	while (*p != 0) {
		for (uint8_t n = *p++; n > 0; n--, p++) {
			if (*p <= ' ' || *p >= 0x7f) {
				*out++ = '\\';
				*out++ = (char)('0' + *p / 100);
				*out++ = (char)('0' + *p / 10 % 10);
				*out++ = (char)('0' + *p % 10);
				continue;
			}
			if (*p == '.' || *p == '\\')
				*out++ = '\\';
			*out++ = (char)*p;
		}
		if (*p != 0)
			*out++ = '.';
	}
	if (out == buf)
		*out++ = '.';
	*out = '\0';
	return buf;
}

static uint8_t
dns_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Length octets are below 64, so lowering them changes nothing. */
static bool
dns_same(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (dns_lower(a[i]) != dns_lower(b[i]))
			return false;
	}
	return true;
}

bool
dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->length == b->length &&
	    dns_same(a->wire, b->wire, a->length);
}

unsigned
dns_name_labels(const struct dns_name *name)
{
	unsigned labels = 0;

	for (const uint8_t *p = name->wire; *p != 0; p += *p + 1)
		labels++;
	return labels;
}

void
dns_name_strip(const struct dns_name *name, unsigned n, struct dns_name *out)
{
	size_t at = 0;

	while (n-- > 0 && name->wire[at] != 0)
		at += name->wire[at] + 1u;
	out->length = (uint8_t)(name->length - at);
	memmove(out->wire, name->wire + at, out->length);
}

int
dns_name_prepend(const char *label, const struct dns_name *name,
    struct dns_name *out)
{
	size_t n = strlen(label);

	if (n == 0 || n > 63 || n + 1 + name->length > DNS_NAME_MAX)
		return -1;
	memmove(out->wire + n + 1, name->wire, name->length);
	out->wire[0] = (uint8_t)n;
	memcpy(out->wire + 1, label, n);
	out->length = (uint8_t)(n + 1 + name->length);
	return 0;
}

/* --- messages --- */

/*
 *   0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15     RFC 1035, 4.1.1
 * +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 * |                      ID                       |
 * |QR|   Opcode  |AA|TC|RD|RA| Z|AD|CD|   RCODE   |
 * |            QD, AN, NS, AR count               |
 * +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
 */
void
dns_header_read(struct cursor *c, struct dns_header *h)
{
	h->id = cursor_u16(c);
	h->flags = cursor_u16(c);
	h->qdcount = cursor_u16(c);
	h->ancount = cursor_u16(c);
	h->nscount = cursor_u16(c);
	h->arcount = cursor_u16(c);
}

void
dns_header_write(struct writer *w, const struct dns_header *h)
{
	writer_u16(w, h->id);
	writer_u16(w, h->flags);
	writer_u16(w, h->qdcount);
	writer_u16(w, h->ancount);
	writer_u16(w, h->nscount);
	writer_u16(w, h->arcount);
}

bool
dns_is_query(const void *bytes, size_t n)
{
	struct cursor c = cursor_of(bytes, n);
	struct dns_header h;

	dns_header_read(&c, &h);
	return !c.failed && !(h.flags & DNS_QR) && h.qdcount < 256 &&
	    h.ancount < 256 && h.nscount < 256 && h.arcount < 256;
}

enum dns_guess
dns_guess(const uint8_t *bytes, size_t n, bool silent)
{
	/* Behind the length the header, and of each count the high octet. */
	for (size_t i = 6; i < n && i < 2 + DNS_HEADER_SIZE; i += 2) {
		if (bytes[i] != 0)
			return DNS_GUESS_NO;
	}
	if (n >= 2 && (bytes[0] << 8 | bytes[1]) < DNS_HEADER_SIZE)
		return DNS_GUESS_NO;
	if (n > 4 && bytes[4] & DNS_QR >> 8)
		return DNS_GUESS_NO;
	if (n >= 2 + DNS_HEADER_SIZE)
		return DNS_GUESS_YES;
	if (!silent)
		return DNS_GUESS_MAYBE;
	/* The length of a real question is small, that of text is not. */
	return n >= 2 && bytes[0] == 0 ? DNS_GUESS_YES : DNS_GUESS_NO;
}

void
dns_question_read(struct cursor *c, struct dns_name *name, uint16_t *type,
    uint16_t *class)
{
	dns_name_read(c, name);
	*type = cursor_u16(c);
	*class = cursor_u16(c);
}

void
dns_record_read(struct cursor *c, struct dns_record *r)
{
	dns_name_read(c, &r->name);
	r->type = cursor_u16(c);
	r->class = cursor_u16(c);
	r->ttl = cursor_u32(c);
	r->length = cursor_u16(c);
	r->message = *c;
	cursor_bytes(c, r->length);
}

/*
 * Whether the name at an offset of what was written (it may end in pointers,
 * which we wrote ourselves and which go back) equals n octets of wire form.
 */
static bool
dns_written_is(const struct writer *w, size_t offset, const uint8_t *wire,
    size_t n)
{
	size_t at = 0;

	for (;;) {
		while (w->data[offset] >= 0xc0)
			offset = (size_t)(w->data[offset] & 0x3f) << 8 |
			    w->data[offset + 1];
		size_t step = w->data[offset] + 1u;

		if (at + step > n || !dns_same(w->data + offset, wire + at,
		    step))
			return false;
		at += step;
		offset += step;
		if (step == 1)
			return at == n;
	}
}

void
dns_name_write(struct dns_writer *dw, const struct dns_name *name)
{
	struct writer *w = &dw->w;

	unsigned known = dw->count; /* the name under way isn't whole yet */

	for (size_t at = 0; name->wire[at] != 0;) {
		for (unsigned i = 0; i < known; i++) {
			if (!dns_written_is(w, dw->offsets[i],
			    name->wire + at, name->length - at))
				continue;
			writer_u16(w, 0xc000 | dw->offsets[i]);
			return;
		}
		size_t step = name->wire[at] + 1u;
		size_t offset = w->length;

		writer_bytes(w, name->wire + at, step);
		if (w->failed)
			return;
		if (dw->count < DNS_COMPRESS_MAX && offset < 0x4000)
			dw->offsets[dw->count++] = (uint16_t)offset;
		at += step;
	}
	writer_u8(w, 0);
}

/* Writes rdata field by field, so that its names can be compressed. */
static void
dns_rdata_write(struct dns_writer *dw, uint16_t type, const uint8_t *rdata,
    size_t n)
{
	const char *fields = dns_type_fields(type);
	struct cursor c = cursor_of(rdata, n);
	struct dns_name name;

	if (fields == NULL || strchr(fields, 'N') == NULL) {
		writer_bytes(&dw->w, rdata, n);
		return;
	}
	for (; *fields != '\0' && !c.failed; fields++) {
		if (*fields == 'N') {
			dns_name_read(&c, &name);
			if (!c.failed)
				dns_name_write(dw, &name);
			continue;
		}
		size_t size = dns_field_size(*fields);
		const uint8_t *p = cursor_bytes(&c, size);

		if (p != NULL)
			writer_bytes(&dw->w, p, size);
	}
	if (c.failed || cursor_left(&c) != 0)
		dw->w.failed = true;
}

int
dns_record_write(struct dns_writer *dw, const struct dns_name *owner,
    uint16_t type, uint16_t class, uint32_t ttl, const uint8_t *rdata,
    size_t n)
{
	struct writer *w = &dw->w;
	size_t start = w->length;
	unsigned count = dw->count;

	dns_name_write(dw, owner);
	writer_u16(w, type);
	writer_u16(w, class);
	writer_u32(w, ttl);
	size_t length_at = w->length;

	writer_u16(w, 0);
	dns_rdata_write(dw, type, rdata, n);
	if (w->failed) {
		writer_rewind(w, start);
		dw->count = count;
		return -1;
	}
	writer_patch_u16(w, length_at,
	    (uint16_t)(w->length - length_at - 2));
	return 0;
}
