/*
 * Record data from its presentation form (RFC 1035, 5.1), for rules and
 * profiles.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "wire/dns.h"
#include "wire/dns_types.h"

/* One word or quoted string of the text, unescaped; a word may have a quoted
 * part (RFC 9460, 2.1: alpn="h2"). */
struct token {
	size_t length;
	char text[2048]; /* with a NUL behind length */
};

/* The next token: 1, 0 at the end, -1 for a malformed or overlong one. */
static int
token_next(const char **text, struct token *token)
{
	const char *t = *text;

	while (isspace((unsigned char)*t))
		t++;
	if (*t == '\0')
		return 0;
	bool inside = false;

	token->length = 0;
	while (*t != '\0' && (inside || !isspace((unsigned char)*t))) {
		int c = (unsigned char)*t++;

		if (c == '"') {
			inside = !inside;
			continue;
		}
		if (c == '\\' && isdigit((unsigned char)t[0]) &&
		    isdigit((unsigned char)t[1]) &&
		    isdigit((unsigned char)t[2])) {
			c = (t[0] - '0') * 100 + (t[1] - '0') * 10 +
			    (t[2] - '0');
			t += 3;
			if (c > 255)
				return -1;
		} else if (c == '\\' && *t != '\0')
			c = (unsigned char)*t++;
		if (token->length + 1 == sizeof token->text)
			return -1;
		token->text[token->length++] = (char)c;
	}
	if (inside)
		return -1;
	token->text[token->length] = '\0';
	*text = t;
	return 1;
}

/* A decimal number that fits n octets; fails the writer otherwise. */
static void
parse_number(struct writer *w, const char *text, size_t n)
{
	char *end;

	errno = 0;
	unsigned long v = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 ||
	    v > UINT32_MAX || (n < 4 && v >> (8 * n) != 0)) {
		w->failed = true;
		return;
	}
	for (size_t i = n; i-- > 0;)
		writer_u8(w, (uint8_t)(v >> (8 * i)));
}

static void
parse_addr(struct writer *w, const char *text, int family)
{
	struct addr a;

	if (addr_parse(&a, text) < 0 || a.family != family) {
		w->failed = true;
		return;
	}
	writer_bytes(w, a.bytes, addr_size(&a));
}

/* A name keeps its own escapes, so it is read from the text itself. */
static void
parse_name(struct writer *w, const char **text)
{
	char word[DNS_NAME_TEXT_SIZE];
	struct dns_name name;
	size_t n;

	while (isspace((unsigned char)**text))
		++*text;
	n = strcspn(*text, " \t\r\n");
	if (n == 0 || n >= sizeof word) {
		w->failed = true;
		return;
	}
	memcpy(word, *text, n);
	word[n] = '\0';
	*text += n;
	if (dns_name_parse(&name, word) < 0)
		w->failed = true;
	else
		writer_bytes(w, name.wire, name.length);
}

static void
parse_string(struct writer *w, const struct token *token)
{
	if (token->length > 255) {
		w->failed = true;
		return;
	}
	writer_u8(w, (uint8_t)token->length);
	writer_bytes(w, token->text, token->length);
}

static void
parse_hex(struct writer *w, const char *text)
{
	for (; text[0] != '\0'; text += 2) {
		char pair[3] = { text[0], text[1], '\0' };

		if (!isxdigit((unsigned char)pair[0]) ||
		    !isxdigit((unsigned char)pair[1])) {
			w->failed = true;
			return;
		}
		writer_u8(w, (uint8_t)strtoul(pair, NULL, 16));
	}
}

/* The parameters that make sense in a rule (RFC 9460, 7). */
static const struct {
	const char *name;
	char form; /* s: strings, 2: number, a/A: addresses, -: none */
} parse_svc[] = {
	[1] = { "alpn", 's' },
	[2] = { "no-default-alpn", '-' },
	[3] = { "port", '2' },
	[4] = { "ipv4hint", 'a' },
	[6] = { "ipv6hint", 'A' },
};

static void
parse_svc_param(struct writer *w, char *param)
{
	char *value = strchr(param, '=');
	size_t key = sizeof parse_svc / sizeof *parse_svc;

	if (value != NULL)
		*value++ = '\0';
	while (key-- > 0) {
		if (parse_svc[key].name != NULL &&
		    strcasecmp(parse_svc[key].name, param) == 0)
			break;
	}
	if (key == (size_t)-1 ||
	    (value == NULL) != (parse_svc[key].form == '-')) {
		w->failed = true;
		return;
	}
	writer_u16(w, (uint16_t)key);
	size_t length_at = w->length;

	writer_u16(w, 0);
	while (value != NULL && !w->failed) {
		char *comma = strchr(value, ',');
		char form = parse_svc[key].form;

		if (comma != NULL)
			*comma++ = '\0';
		if (form == '2')
			parse_number(w, value, 2);
		else if (form != 's')
			parse_addr(w, value, form == 'a' ? AF_INET : AF_INET6);
		else if (*value == '\0' || strlen(value) > 255)
			w->failed = true;
		else {
			writer_u8(w, (uint8_t)strlen(value));
			writer_bytes(w, value, strlen(value));
		}
		w->failed |= form == '2' && comma != NULL;
		value = comma;
	}
	writer_patch_u16(w, length_at, (uint16_t)(w->length - length_at - 2));
}

/*
 * Moves the parameter that begins at `at` among those that begin at start:
 * they stand in order of their keys, each once (RFC 9460, 2.2), whatever the
 * order of the text.
 */
static void
parse_svc_place(struct writer *w, size_t start, size_t at)
{
	uint8_t own[4 + sizeof(struct token)];
	size_t n = w->length - at, size;
	int order = 1;

	if (w->failed || n > sizeof own)
		return;
	memcpy(own, w->data + at, n);
	for (; start < at; start += size) {
		const uint8_t *p = w->data + start;

		size = 4 + ((size_t)p[2] << 8 | p[3]);
		if ((order = memcmp(p, own, 2)) >= 0)
			break;
	}
	w->failed |= order == 0;
	memmove(w->data + start + n, w->data + start, at - start);
	memcpy(w->data + start, own, n);
}

/* Parses one field of a record; 0, or -1 if the text is at fault. */
static int
parse_field(struct writer *w, char field, const char **text,
    struct token *token)
{
	size_t start = w->length;
	int more;

	if (field == 'n' || field == 'N') {
		parse_name(w, text);
		return w->failed ? -1 : 0;
	}
	more = token_next(text, token);
	if (more < 0 || (more == 0 && field != 'P'))
		return -1;
	switch (field) {
	case 'a':
	case 'A':
		parse_addr(w, token->text, field == 'a' ? AF_INET : AF_INET6);
		break;
	case 's':
	case 't':
		parse_string(w, token);
		break;
	case 'q':
		writer_bytes(w, token->text, token->length);
		break;
	case 'S':
	case 'x':
	case 'P':
		for (; more > 0; more = token_next(text, token)) {
			if (field == 'S')
				parse_string(w, token);
			else if (field == 'x')
				parse_hex(w, token->text);
			else {
				size_t at = w->length;

				parse_svc_param(w, token->text);
				parse_svc_place(w, start, at);
			}
		}
		break;
	default:
		parse_number(w, token->text, dns_field_size(field));
	}
	return more < 0 || w->failed ? -1 : 0;
}

int
dns_rdata_parse(uint16_t type, const char *text, uint8_t *rdata, size_t size)
{
	const char *fields = dns_type_fields(type);
	struct writer w = writer_of(rdata, size);
	struct token token;

	/* RFC 3597, 5: any type as \# LENGTH HEX */
	if (strncmp(text, "\\# ", 3) == 0) {
		text += 3;
		unsigned long n = strtoul(text, NULL, 10);

		if (token_next(&text, &token) != 1 ||
		    token.text[strspn(token.text, "0123456789")] != '\0')
			return -1;
		if (n > 0 && parse_field(&w, 'x', &text, &token) < 0)
			return -1;
		return w.length == n ? (int)n : -1;
	}
	if (fields == NULL)
		return -1;
	for (; *fields != '\0'; fields++) {
		if (parse_field(&w, *fields, &text, &token) < 0)
			return -1;
	}
	return token_next(&text, &token) == 0 ? (int)w.length : -1;
}
