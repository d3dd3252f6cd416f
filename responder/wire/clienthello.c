/*
 * TLS hellos taken apart.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/xmalloc.h"
#include "wire/clienthello.h"

#define TLS_HANDSHAKE 22
#define TLS_CLIENT_HELLO 1
#define TLS_SERVER_HELLO 2
/* RFC 5246, 6.2.1; what a record may hold in the clear. */
#define TLS_RECORD_MAX 16384

enum {
	EXT_SNI = 0, EXT_GROUPS = 10, EXT_POINTS = 11, EXT_SIGALGS = 13,
	EXT_ALPN = 16, EXT_VERSIONS = 43
};

/* A list behind its own length of two or one bytes. */
static struct cursor
hello_list(struct cursor *c, size_t length_size)
{
	return cursor_sub(c, cursor_number(c, length_size));
}

/*
 * server_name (RFC 6066, 3): a list of one host name
 *
 *   list length (2) │ type 0 │ length (2) │ name
 */
static void
hello_sni(struct hello *h, struct cursor *ext)
{
	/* A server's is empty: it only says that the name was of use. */
	h->has_sni = true;
	if (cursor_left(ext) == 0)
		return;
	struct cursor list = hello_list(ext, 2);
	uint8_t type = cursor_u8(&list);
	struct cursor name = hello_list(&list, 2);

	if (name.failed || type != 0 || cursor_left(&name) == 0 ||
	    cursor_left(&name) >= sizeof h->sni ||
	    memchr(name.data, 0, name.length) != NULL)
		return;
	memcpy(h->sni, name.data, name.length);
	h->sni[name.length] = '\0';
}

bool
hello_is_grease(uint16_t v)
{
	/* RFC 8701, 2: 0a0a, 1a1a, … fafa */
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

/* supported_versions (RFC 8446, 4.2.1): a client's list, a server's choice. */
static void
hello_versions(struct hello *h, struct cursor *ext)
{
	h->versions = h->server ? *ext : hello_list(ext, 1);
	struct cursor list = h->versions;
	uint16_t best = 0;

	while (cursor_has(&list, 2)) {
		uint16_t v = cursor_u16(&list);

		if (!hello_is_grease(v) && v > best)
			best = v;
	}
	if (best != 0)
		h->version = best;
}

static void
hello_extension(struct hello *h, uint16_t type, struct cursor ext)
{
	switch (type) {
	case EXT_SNI:
		if (!h->has_sni)
			hello_sni(h, &ext);
		break;
	case EXT_GROUPS:
		h->groups = hello_list(&ext, 2);
		break;
	case EXT_POINTS:
		h->points = hello_list(&ext, 1);
		break;
	case EXT_SIGALGS:
		h->sigalgs = hello_list(&ext, 2);
		break;
	case EXT_ALPN:
		h->alpn = hello_list(&ext, 2);
		break;
	case EXT_VERSIONS:
		hello_versions(h, &ext);
		break;
	}
}

/*
 * The body of either hello:
 *
 *   version (2) │ random (32) │ session id │ client: ciphers, compressions
 *                                          │ server: cipher, compression
 *   │ extensions, if there are any
 */
static int
hello_body(struct hello *h, size_t n)
{
	struct cursor c = cursor_of(h->bytes, n);

	h->legacy_version = h->version = cursor_u16(&c);
	h->random = cursor_sub(&c, 32);
	struct cursor session = hello_list(&c, 1);

	if (h->server) {
		h->ciphers = cursor_sub(&c, 2);
		cursor_u8(&c);
	} else {
		h->ciphers = hello_list(&c, 2);
		hello_list(&c, 1);
	}
	if (c.failed || session.length > 32 || h->ciphers.length % 2 != 0)
		return -1;
	if (cursor_left(&c) == 0)
		return 1;
	struct cursor list = hello_list(&c, 2);

	h->extensions = list;
	while (cursor_left(&list) > 0 && !list.failed) {
		uint16_t type = cursor_u16(&list);

		hello_extension(h, type, hello_list(&list, 2));
	}
	return c.failed || list.failed ? -1 : 1;
}

int
hello_parse(const void *message, size_t n, struct hello *h)
{
	struct cursor c = cursor_of(message, n);
	uint8_t type = cursor_u8(&c);
	uint32_t length = cursor_u24(&c);

	memset(h, 0, sizeof *h);
	if (c.failed || length > HELLO_MAX || cursor_left(&c) < length ||
	    (type != TLS_CLIENT_HELLO && type != TLS_SERVER_HELLO))
		return -1;
	h->server = type == TLS_SERVER_HELLO;
	h->bytes = xmalloc(length);
	memcpy(h->bytes, c.data + c.offset, length);
	int result = hello_body(h, length);

	if (result < 0)
		hello_free(h);
	return result;
}

/*
 * SSLv2's form (RFC 5246, E.2), told by the version that it asks for:
 *
 *   1 length (15 bits) │ 1 │ version (2) │ lengths of ciphers (2), session
 *   id (2), challenge (2) │ ciphers, 3 bytes each │ session id │ challenge
 */
static int
hello_sslv2(struct cursor c, struct hello *h)
{
	size_t total = cursor_u16(&c) & 0x7fff;

	if (cursor_u8(&c) != TLS_CLIENT_HELLO)
		return c.failed ? 0 : -1;
	uint16_t version = cursor_u16(&c);

	if (!c.failed && (version < 0x0300 || version > 0x0304 || total < 12))
		return -1;
	uint16_t ciphers = cursor_u16(&c), session = cursor_u16(&c),
	    challenge = cursor_u16(&c);

	if (!c.failed && (ciphers % 3 != 0 || ciphers == 0 || session > 32 ||
	    challenge < 16 || challenge > 32 ||
	    total != 9u + ciphers + session + challenge))
		return -1;
	struct cursor specs = cursor_sub(&c, ciphers);

	cursor_sub(&c, session);
	struct cursor random = cursor_sub(&c, challenge);

	if (c.failed)
		return 0;
	/* One block: the ciphers that TLS knows (first byte 0), the random. */
	h->bytes = xmalloc(ciphers + challenge);
	struct writer w = writer_of(h->bytes, ciphers + challenge);

	while (cursor_left(&specs) > 0) {
		uint32_t spec = cursor_u24(&specs);

		if (spec <= UINT16_MAX)
			writer_u16(&w, (uint16_t)spec);
	}
	h->ciphers = cursor_of(h->bytes, w.length);
	h->random = cursor_of(h->bytes + w.length, challenge);
	writer_bytes(&w, random.data, challenge);
	h->sslv2 = true;
	h->legacy_version = h->version = version;
	return 1;
}

/* Whether a record of the handshake starts here; 0 if too little is there. */
static int
hello_record(struct cursor *c, uint16_t *version, uint16_t *length)
{
	size_t left = cursor_left(c);
	const uint8_t *p = c->data + c->offset;

	if ((left > 0 && p[0] != TLS_HANDSHAKE) || (left > 1 && p[1] != 3))
		return -1;
	if (left < 5)
		return 0;
	cursor_u8(c);
	*version = cursor_u16(c);
	*length = cursor_u16(c);
	return *length == 0 || *length > TLS_RECORD_MAX ? -1 : 1;
}

int
clienthello_read(const void *bytes, size_t n, struct hello *h)
{
	struct cursor c = cursor_of(bytes, n);
	uint8_t *message = NULL;
	size_t have = 0, want = 4;
	int result = 0;

	memset(h, 0, sizeof *h);
	if (n > 0 && c.data[0] & 0x80)
		return hello_sslv2(c, h);
	uint16_t record_version = 0;

	while (have < want && cursor_left(&c) > 0) {
		uint16_t version = 0, length = 0;

		result = hello_record(&c, &version, &length);
		if (result <= 0)
			break;
		if (record_version == 0)
			record_version = version;
		size_t part = cursor_left(&c) < length ? cursor_left(&c) :
		    length;

		result = 0;
		if (part == 0)
			break;
		if (message == NULL)
			message = xmalloc(n < HELLO_MAX ? n : HELLO_MAX);
		if (have + part > HELLO_MAX)
			part = HELLO_MAX - have;
		memcpy(message + have, cursor_bytes(&c, part), part);
		have += part;
		if (message[0] != TLS_CLIENT_HELLO)
			result = -1;
		if (have >= 4)
			want = 4 + ((size_t)message[1] << 16 |
			    (size_t)message[2] << 8 | message[3]);
		if (want > HELLO_MAX || result < 0) {
			result = -1;
			break;
		}
	}
	if (result == 0 && have >= want)
		result = hello_parse(message, want, h);
	if (result == 1)
		h->record_version = record_version;
	free(message);
	return result;
}

void
hello_free(struct hello *h)
{
	free(h->bytes);
	memset(h, 0, sizeof *h);
}

int
hello_alpn(const struct hello *h, unsigned n, const uint8_t **name)
{
	struct cursor list = h->alpn;

	for (;;) {
		uint8_t length = cursor_u8(&list);

		*name = cursor_bytes(&list, length);
		if (*name == NULL)
			return -1;
		if (n-- == 0)
			return length;
	}
}

const char *
hello_version_text(uint16_t version, char buf[static 16])
{
	static const char *const names[] = { "SSLv3", "TLS 1.0", "TLS 1.1",
		"TLS 1.2", "TLS 1.3" };

	if (version == 0x0002)
		snprintf(buf, 16, "SSLv2");
	else if (version >= 0x0300 && version <= 0x0304)
		snprintf(buf, 16, "%s", names[version & 0xff]);
	else
		snprintf(buf, 16, "0x%04x", version);
	return buf;
}
