/*
 * DNS types, return codes and record data as text, both ways.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/addr.h"
#include "wire/dns.h"
#include "wire/dns_types.h"

static const struct {
	uint16_t type;
	const char *name, *fields;
} dns_types[] = {
	{ DNS_A, "A", "a" },
	{ DNS_AAAA, "AAAA", "A" },
	{ DNS_NS, "NS", "N" },
	{ DNS_CNAME, "CNAME", "N" },
	{ DNS_SOA, "SOA", "NN44444" },
	{ DNS_PTR, "PTR", "N" },
	{ DNS_HINFO, "HINFO", "ss" },
	{ DNS_MX, "MX", "2N" },
	{ DNS_TXT, "TXT", "S" },
	{ DNS_SRV, "SRV", "222n" },
	{ DNS_SVCB, "SVCB", "2nP" },
	{ DNS_HTTPS, "HTTPS", "2nP" },
	{ DNS_CAA, "CAA", "1tq" },
	{ 35, "NAPTR", "22sssn" },
	{ 39, "DNAME", "n" },
	{ 99, "SPF", "S" },
	{ 43, "DS", "211x" },
	{ 44, "SSHFP", "11x" },
	{ 46, "RRSIG", NULL },
	{ 47, "NSEC", NULL },
	{ 48, "DNSKEY", NULL },
	{ 50, "NSEC3", NULL },
	{ 52, "TLSA", "111x" },
	{ 29, "LOC", NULL },
	{ 17, "RP", "nn" },
	{ 10, "NULL", "x" },
	{ 256, "URI", "22q" },
	{ DNS_OPT, "OPT", NULL },
	{ DNS_TKEY, "TKEY", NULL },
	{ DNS_TSIG, "TSIG", NULL },
	{ DNS_IXFR, "IXFR", NULL },
	{ DNS_AXFR, "AXFR", NULL },
	{ DNS_MAILB, "MAILB", NULL },
	{ DNS_MAILA, "MAILA", NULL },
	{ DNS_ANY, "ANY", NULL },
};

static const char *const dns_rcodes[] = { "NOERROR", "FORMERR", "SERVFAIL",
	"NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET",
	"NOTAUTH", "NOTZONE", [DNS_BADVERS] = "BADVERS" };

/* RFC 9460, 14.3.2 */
static const char *const dns_svc_keys[] = { "mandatory", "alpn",
	"no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint" };
#define DNS_SVC_KEYS (sizeof dns_svc_keys / sizeof *dns_svc_keys)

#define DNS_TYPES (sizeof dns_types / sizeof *dns_types)

const char *
dns_type_fields(uint16_t type)
{
	for (size_t i = 0; i < DNS_TYPES; i++) {
		if (dns_types[i].type == type)
			return dns_types[i].fields;
	}
	return NULL;
}

size_t
dns_field_size(char field)
{
	switch (field) {
	case '1':
		return 1;
	case '2':
	case 'T':
		return 2;
	case '4':
	case 'a':
		return 4;
	case 'A':
		return 16;
	default:
		return 0;
	}
}

const char *
dns_type_text(uint16_t type, char buf[static DNS_TYPE_TEXT_SIZE])
{
	for (size_t i = 0; i < DNS_TYPES; i++) {
		if (dns_types[i].type == type)
			return strcpy(buf, dns_types[i].name);
	}
	snprintf(buf, DNS_TYPE_TEXT_SIZE, "TYPE%u", type);
	return buf;
}

int
dns_type_parse(const char *text)
{
	for (size_t i = 0; i < DNS_TYPES; i++) {
		if (strcasecmp(dns_types[i].name, text) == 0)
			return dns_types[i].type;
	}
	if (strncasecmp(text, "TYPE", 4) != 0 ||
	    !isdigit((unsigned char)text[4]))
		return -1;
	char *end;
	unsigned long n = strtoul(text + 4, &end, 10);

	return *end == '\0' && n <= UINT16_MAX ? (int)n : -1;
}

const char *
dns_rcode_text(unsigned rcode, char buf[static DNS_TYPE_TEXT_SIZE])
{
	if (rcode < sizeof dns_rcodes / sizeof *dns_rcodes &&
	    dns_rcodes[rcode] != NULL)
		return strcpy(buf, dns_rcodes[rcode]);
	snprintf(buf, DNS_TYPE_TEXT_SIZE, "RCODE%u", rcode & 0xfffu);
	return buf;
}

/* --- printing --- */

/* Text that grows in a buffer of fixed size, and is counted beyond it. */
struct text {
	char *buf;
	size_t size, length;
};

static void
text_char(struct text *t, char c)
{
	if (t->length + 1 < t->size)
		t->buf[t->length] = c;
	t->length++;
}

static void
text_string(struct text *t, const char *s)
{
	while (*s != '\0')
		text_char(t, *s++);
}

static void A_PRINTF(2, 3)
text_format(struct text *t, const char *format, ...)
{
	char buf[64];
	va_list ap;

	va_start(ap, format);
	vsnprintf(buf, sizeof buf, format, ap);
	va_end(ap);
	text_string(t, buf);
}

/* Bytes in quotes, escaped as RFC 1035, 5.1 says. */
static void
text_quoted(struct text *t, const uint8_t *p, size_t n)
{
	text_char(t, '"');
	for (size_t i = 0; i < n; i++) {
		if (p[i] < ' ' || p[i] >= 0x7f) {
			text_format(t, "\\%03u", p[i]);
			continue;
		}
		if (p[i] == '"' || p[i] == '\\')
			text_char(t, '\\');
		text_char(t, (char)p[i]);
	}
	text_char(t, '"');
}

static void
text_hex(struct text *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		text_format(t, "%02x", p[i]);
}

/* Names in record data carry their final dot, as everywhere else. */
static void
text_name(struct text *t, struct cursor *message)
{
	char buf[DNS_NAME_TEXT_SIZE];
	struct dns_name name;

	dns_name_read(message, &name);
	text_string(t, dns_name_text(&name, buf));
	if (name.length > 1)
		text_char(t, '.');
}

static void
text_addr(struct text *t, int family, const uint8_t *p, size_t n)
{
	char buf[ADDR_TEXT_SIZE];
	struct addr a = { .family = (uint8_t)family };

	memcpy(a.bytes, p, n);
	text_string(t, addr_text(&a, buf));
}

/* Bytes without quotes: all but letters, digits and a few signs escaped. */
static void
text_escaped(struct text *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (isalnum(p[i]) || (p[i] != 0 && strchr("-./:_+", p[i])))
			text_char(t, (char)p[i]);
		else
			text_format(t, "\\%03u", p[i]);
	}
}

/* The value of one service parameter (RFC 9460, 7 and appendix A). */
static void
text_svc_value(struct text *t, uint16_t key, struct cursor *v)
{
	const char *comma = "";

	if (key == 1 || key > 6 || key == 5) {
		if (key == 1)
			text_char(t, '"');
		while (key == 1 && cursor_left(v) > 0 && !v->failed) {
			uint8_t n = cursor_u8(v);
			const uint8_t *p = cursor_bytes(v, n);

			text_string(t, comma);
			if (p != NULL)
				text_escaped(t, p, n);
			comma = ",";
		}
		if (key == 1)
			text_char(t, '"');
		else {
			size_t n = cursor_left(v);

			text_quoted(t, cursor_bytes(v, n), n);
		}
		return;
	}
	while (cursor_left(v) > 0 && !v->failed) {
		size_t n = key == 4 ? 4 : key == 6 ? 16 : 2;
		const uint8_t *p = cursor_bytes(v, n);

		if (p == NULL)
			return;
		text_string(t, comma);
		if (key == 0) {
			uint16_t k = (uint16_t)(p[0] << 8 | p[1]);

			if (k < DNS_SVC_KEYS)
				text_string(t, dns_svc_keys[k]);
			else
				text_format(t, "key%u", k);
		} else if (key == 3)
			text_format(t, "%u", p[0] << 8 | p[1]);
		else
			text_addr(t, key == 4 ? AF_INET : AF_INET6, p, n);
		comma = ",";
	}
}

static void
text_svc_params(struct text *t, struct cursor *c)
{
	const char *space = "";

	while (cursor_left(c) > 0 && !c->failed) {
		uint16_t key = cursor_u16(c);
		struct cursor v = cursor_sub(c, cursor_u16(c));

		if (v.failed)
			c->failed = true;
		if (c->failed)
			return;
		text_string(t, space);
		if (key < DNS_SVC_KEYS)
			text_string(t, dns_svc_keys[key]);
		else
			text_format(t, "key%u", key);
		if (cursor_left(&v) > 0) {
			text_char(t, '=');
			text_svc_value(t, key, &v);
		}
		if (v.failed)
			c->failed = true;
		space = " ";
	}
}

/* One field; the cursor stands in the message at it and ends with the data. */
static void
text_field(struct text *t, char field, struct cursor *c)
{
	const uint8_t *p;
	size_t n;

	switch (field) {
	case '1':
	case '2':
	case '4':
		text_format(t, "%u", cursor_number(c, dns_field_size(field)));
		break;
	case 'a':
	case 'A':
		n = dns_field_size(field);
		if ((p = cursor_bytes(c, n)) != NULL)
			text_addr(t, n == 4 ? AF_INET : AF_INET6, p, n);
		break;
	case 'N':
	case 'n':
		text_name(t, c);
		break;
	case 's':
	case 'S':
		do {
			n = cursor_u8(c);
			if ((p = cursor_bytes(c, n)) == NULL)
				break;
			text_quoted(t, p, n);
			if (field == 'S' && cursor_left(c) > 0)
				text_char(t, ' ');
		} while (field == 'S' && cursor_left(c) > 0);
		break;
	case 't':
		n = cursor_u8(c);
		p = cursor_bytes(c, n);
		/* RFC 8659, 4.1: at least one letter or digit */
		if (n == 0)
			c->failed = true;
		for (size_t i = 0; p != NULL && i < n; i++) {
			if (!isalnum(p[i]))
				c->failed = true;
			text_char(t, (char)p[i]);
		}
		break;
	case 'q':
	case 'x':
		n = cursor_left(c);
		p = cursor_bytes(c, n);
		if (p != NULL && field == 'q')
			text_quoted(t, p, n);
		else if (p != NULL)
			text_hex(t, p, n);
		break;
	case 'P':
		text_svc_params(t, c);
		break;
	default:
		c->failed = true;
	}
}

size_t
dns_rdata_text(const struct dns_record *r, char *buf, size_t size)
{
	const char *fields = dns_type_fields(r->type);
	struct text t = { buf, size, 0 };
	struct cursor c = r->message;

	/* Names may point back into the message, but nothing may read past
	 * the record's end. */
	c.length = c.offset + r->length;
	if (fields != NULL) {
		for (const char *f = fields; *f != '\0' && !c.failed; f++) {
			/* Parameters and hex may be nothing at all. */
			if (f != fields && (cursor_left(&c) > 0 ||
			    (*f != 'P' && *f != 'x')))
				text_char(&t, ' ');
			text_field(&t, *f, &c);
		}
	}
	/* Nothing at all has no text of its own: NULL's empty data. */
	if (fields == NULL || c.failed || cursor_left(&c) != 0 ||
	    t.length == 0) {
		const uint8_t *p = r->message.data + r->message.offset;

		t.length = 0;
		text_format(&t, "\\# %u%s", r->length, r->length ? " " : "");
		text_hex(&t, p, r->length);
	}
	if (size > 0)
		buf[t.length < size ? t.length : size - 1] = '\0';
	return t.length;
}
