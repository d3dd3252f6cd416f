/*
 * Protocol guesses from first bytes: a table of fixed openings, and a table
 * of functions for what has a structure.
 */
#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "wire/clienthello.h"
#include "wire/detect.h"
#include "wire/dns.h"

/* A first line longer than this belongs to no protocol of lines. */
#define DETECT_LINE 1024

/* --- fixed openings --- */

/* Compared without case when `text`; a partial match counts half. */
static const struct opening {
	const char *name;
	const char *bytes;
	uint8_t length, score;
	bool text;
} detect_openings[] = {
#define TEXT(name, opening, score) { name, opening, sizeof opening - 1, score, \
	true }
#define BYTES(name, opening, score) { name, opening, sizeof opening - 1, \
	score, false }
	BYTES("ssh", "SSH-2.0-", 100),
	BYTES("ssh", "SSH-1.99-", 100),
	BYTES("ssh", "SSH-1.5-", 100),
	BYTES("http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 100),
	TEXT("smtp", "EHLO ", 95),
	TEXT("smtp", "HELO ", 95),
	TEXT("smtp", "LHLO ", 95),
	TEXT("smtp", "MAIL FROM:", 90),
	TEXT("irc", "NICK ", 90),
	TEXT("irc", "CAP LS", 95),
	TEXT("irc", "CAP REQ", 95),
	TEXT("irc", "JOIN #", 85),
	TEXT("irc", "PASS ", 55),
	TEXT("irc", "PONG :", 70),
	TEXT("pop3", "CAPA\r\n", 90),
	TEXT("ftp", "AUTH TLS", 90),
	TEXT("ftp", "AUTH SSL", 85),
	TEXT("ftp", "FEAT\r\n", 90),
	BYTES("rtsp", "DESCRIBE rtsp://", 100),
	BYTES("rtsp", "OPTIONS rtsp://", 100),
	BYTES("sip", "REGISTER sip:", 100),
	BYTES("sip", "INVITE sip:", 100),
	BYTES("sip", "OPTIONS sip:", 100),
	BYTES("redis", "*1\r\n$", 95),
	BYTES("redis", "*2\r\n$", 95),
	BYTES("redis", "*3\r\n$", 95),
	BYTES("adb", "CNXN", 85),
	BYTES("bittorrent", "\x13" "BitTorrent protocol", 100),
	BYTES("smb", "\0\0\0", 5),
	BYTES("rdp", "\3\0\0", 40),
	BYTES("postgres", "\0\0\0\10\4\xd2\x16\x2f", 100), /* SSLRequest */
	BYTES("x11", "l\0\13\0", 70),
	BYTES("giop", "GIOP\1", 95),
	BYTES("java-rmi", "JRMI\0", 95),
	BYTES("haproxy", "PROXY TCP", 95),
#undef TEXT
#undef BYTES
};

/* The opening's score for these bytes; *more when they are its beginning. */
static int
detect_opening(const struct opening *o, const uint8_t *p, size_t n, bool *more)
{
	size_t part = n < o->length ? n : o->length;

	if (o->text ? strncasecmp((const char *)p, o->bytes, part) != 0 :
	    memcmp(p, o->bytes, part) != 0)
		return 0;
	if (part == o->length)
		return o->score;
	*more = true;
	return (int)(o->score * part / o->length / 2);
}

/* --- structures; each gives a score, and says when more would tell --- */

static int
detect_tls(const uint8_t *p, size_t n, bool *more)
{
	struct hello h;
	int result = clienthello_read(p, n, &h);

	if (result == 1) {
		hello_free(&h);
		return 100;
	}
	*more |= result == 0;
	return result < 0 ? 0 : n >= 6 ? 90 : n >= 3 ? 50 : 15;
}

/* METHOD SP target SP HTTP/1.x (RFC 9112, 3). */
static int
detect_http(const uint8_t *p, size_t n, bool *more)
{
	static const char *const methods[] = { "GET", "POST", "HEAD", "PUT",
		"DELETE", "OPTIONS", "CONNECT", "PATCH", "TRACE", "PROPFIND",
		"NOTIFY", "SUBSCRIBE", "M-SEARCH", "MKCOL", "MOVE" };
	size_t at = 0, length = 0;

	while (length < n && (isupper(p[length]) || p[length] == '-'))
		length++;
	for (; at < sizeof methods / sizeof *methods; at++) {
		if (strncmp(methods[at], (const char *)p, length) == 0 &&
		    (length == n || methods[at][length] == '\0'))
			break;
	}
	if (at == sizeof methods / sizeof *methods || length == 0)
		return 0;
	if (length == n) {
		*more = true;
		return length > 2 ? 40 : 10;
	}
	const uint8_t *end = memchr(p, '\n', n);

	if (p[length] != ' ')
		return 0;
	if (end == NULL) {
		*more = n < DETECT_LINE;
		return 75;
	}
	/* "GET /path" without a version is HTTP/0.9, and a sloppy bot's. */
	if (memmem(p, (size_t)(end - p), " HTTP/1.", 8) != NULL)
		return 100;
	return p[length + 1] == '/' ? 70 : 0;
}

/* USER with four parameters is IRC's (RFC 1459, 4.1.3), with one FTP's or
 * POP3's; the port has to tell these two apart. */
static int
detect_user(const uint8_t *p, size_t n)
{
	size_t spaces = 0, i = 5;

	if (n < 6 || strncasecmp((const char *)p, "USER ", 5) != 0)
		return 0;
	for (; i < n && p[i] != '\n'; i++)
		spaces += p[i] == ' ';
	return spaces >= 3 ? 2 : 1;
}

static int
detect_irc(const uint8_t *p, size_t n, bool *more)
{
	(void)more;
	return detect_user(p, n) == 2 ? 90 : 0;
}

static int
detect_ftp(const uint8_t *p, size_t n, bool *more)
{
	(void)more;
	return detect_user(p, n) == 1 ? 50 : 0;
}

static int
detect_pop3(const uint8_t *p, size_t n, bool *more)
{
	(void)more;
	return detect_user(p, n) == 1 ? 49 : 0;
}

/* tag SP command (RFC 9051, 2.2.1) */
static int
detect_imap(const uint8_t *p, size_t n, bool *more)
{
	static const char *const commands[] = { "CAPABILITY", "LOGIN", "NOOP",
		"STARTTLS", "AUTHENTICATE", "ID ", "LOGOUT" };
	size_t tag = 0;

	(void)more;
	while (tag < n && tag < 12 && isalnum(p[tag]))
		tag++;
	if (tag == 0 || tag >= n || p[tag] != ' ')
		return 0;
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		size_t length = strlen(commands[i]);

		if (n - tag - 1 >= length && strncasecmp(commands[i],
		    (const char *)p + tag + 1, length) == 0)
			return 90;
	}
	return 0;
}

/* IAC and a negotiation verb, or a subnegotiation (RFC 854). */
static int
detect_telnet(const uint8_t *p, size_t n, bool *more)
{
	if (p[0] != 255)
		return 0;
	if (n < 3) {
		*more = true;
		return n == 1 || p[1] >= 250 ? 40 : 0;
	}
	return p[1] >= 250 && p[1] <= 254 && p[2] != 255 ? 95 : 0;
}

/* CONNECT (MQTT 3.1.1, 3.1; MQTT 5, 3.1): 0x10, length, "MQTT" or "MQIsdp". */
static int
detect_mqtt(const uint8_t *p, size_t n, bool *more)
{
	size_t at = 1;

	if (p[0] != 0x10)
		return 0;
	while (at < n && at < 4 && p[at] & 0x80)
		at++;
	at++;
	for (int i = 0; i < 2; i++) {
		static const char *const names[] = { "\0\4MQTT", "\0\6MQIsdp" };
		size_t length = i == 0 ? 6 : 8;
		size_t part = n <= at ? 0 : n - at < length ? n - at : length;

		if (part > 0 && memcmp(p + at, names[i], part) != 0)
			continue;
		*more |= part < length;
		return part == length ? 100 : part > 2 ? 50 : 12;
	}
	return 0;
}

/* 4 │ 1 or 2 │ port │ address │ user, NUL (SOCKS4 protocol, Ying-Da Lee) */
static int
detect_socks4(const uint8_t *p, size_t n, bool *more)
{
	if (p[0] != 4 || (n > 1 && p[1] != 1 && p[1] != 2))
		return 0;
	if (n < 9) {
		*more = true;
		return n > 1 ? 40 : 11;
	}
	return memchr(p + 8, 0, n - 8) != NULL ? 90 : 45;
}

/* 5 │ count │ methods (RFC 1928, 3) */
static int
detect_socks5(const uint8_t *p, size_t n, bool *more)
{
	if (p[0] != 5 || (n > 1 && p[1] == 0))
		return 0;
	if (n < 2 || n < 2u + p[1]) {
		*more = true;
		return n > 1 ? 20 : 11;
	}
	return n == 2u + p[1] ? 90 : 30;
}

/* Length, then a query with one question (RFC 1035, 4.2.2). */
static int
detect_dns(const uint8_t *p, size_t n, bool *more)
{
	struct cursor c = cursor_of(p, n);
	size_t length = cursor_u16(&c);
	struct dns_header h;
	struct dns_name name;
	uint16_t type, class;

	dns_header_read(&c, &h);
	if (c.failed || length < DNS_HEADER_SIZE + 5 || h.flags & DNS_QR ||
	    DNS_OPCODE(h.flags) > 5 || h.qdcount != 1 || h.ancount != 0 ||
	    DNS_RCODE(h.flags) != 0)
		return 0;
	/* A name's pointers count from the message, not from the length. */
	c.data += 2;
	c.offset -= 2;
	c.length -= 2;
	dns_question_read(&c, &name, &type, &class);
	if (c.failed) {
		*more |= n < length + 2;
		return n < length + 2 ? 30 : 0;
	}
	return class == DNS_IN || class == DNS_CH ? 95 : 0;
}

/* A session header, then a command of version 1, or 2 and 3. */
static int
detect_smb(const uint8_t *p, size_t n, bool *more)
{
	(void)more;
	if (n < 8 || p[0] != 0 || memcmp(p + 5, "SMB", 3) != 0)
		return 0;
	return p[4] == 0xff || p[4] == 0xfe ? 100 : 0;
}

/* TPKT, then an X.224 connection request (RFC 1006; MS-RDPBCGR). */
static int
detect_rdp(const uint8_t *p, size_t n, bool *more)
{
	(void)more;
	return n >= 6 && p[0] == 3 && p[1] == 0 && p[5] == 0xe0 ? 95 : 0;
}

/* Length, then protocol 3.0 and "user". */
static int
detect_postgres(const uint8_t *p, size_t n, bool *more)
{
	(void)more;
	return n >= 12 && memcmp(p + 4, "\0\3\0\0user", 8) == 0 ? 100 : 0;
}

/* A bind request: SEQUENCE, message id, [APPLICATION 0] (RFC 4511, 4.2). */
static int
detect_ldap(const uint8_t *p, size_t n, bool *more)
{
	(void)more;
	return n >= 7 && p[0] == 0x30 && p[2] == 2 && p[3] == 1 &&
	    (p[5] == 0x60 || p[5] == 0x63 || p[5] == 0x77) ? 90 : 0;
}

static int
detect_json(const uint8_t *p, size_t n, bool *more)
{
	(void)more;
	return n >= 2 && p[0] == '{' && (p[1] == '"' || p[1] == ' ' ||
	    p[1] == '\n') ? 45 : 0;
}

/* Miners speak JSON lines: Bitcoin's and Monero's first methods. */
static int
detect_stratum(const uint8_t *p, size_t n, bool *more)
{
	static const char *const methods[] = { "\"mining.", "\"login\"" };

	if (detect_json(p, n, more) == 0 || memmem(p, n, "\"method\"", 8) ==
	    NULL)
		return 0;
	for (int i = 0; i < 2; i++) {
		if (memmem(p, n, methods[i], strlen(methods[i])) != NULL)
			return 95;
	}
	return 0;
}

/* Text: everything up to the first line's end is printable. */
static int
detect_line(const uint8_t *p, size_t n, bool *more)
{
	for (size_t i = 0; i < n && i < DETECT_LINE; i++) {
		if (p[i] == '\n')
			return 15;
		if (p[i] < ' ' && p[i] != '\r' && p[i] != '\t' &&
		    p[i] != 27 && p[i] != 7 && p[i] != 8)
			return 0;
		if (p[i] == 0x7f || p[i] == 0xff)
			return 0;
	}
	*more |= n < DETECT_LINE;
	return 8;
}

static int
detect_binary(const uint8_t *p, size_t n, bool *more)
{
	bool ignored = false;

	(void)more;
	return detect_line(p, n, &ignored) > 0 ? 1 : 10;
}

static const struct {
	const char *name;
	int (*score)(const uint8_t *, size_t, bool *more);
} detect_structures[] = {
	{ "tls", detect_tls },
	{ "http", detect_http },
	{ "telnet", detect_telnet },
	{ "mqtt", detect_mqtt },
	{ "socks4", detect_socks4 },
	{ "socks5", detect_socks5 },
	{ "dns", detect_dns },
	{ "irc", detect_irc },
	{ "ftp", detect_ftp },
	{ "pop3", detect_pop3 },
	{ "imap", detect_imap },
	{ "smb", detect_smb },
	{ "rdp", detect_rdp },
	{ "postgres", detect_postgres },
	{ "ldap", detect_ldap },
	{ "json", detect_json },
	{ "stratum", detect_stratum },
	{ "line", detect_line },
	{ "binary", detect_binary },
};

/* Puts a guess where it belongs; of one protocol only the best stays. */
static void
detect_add(struct detect *d, const char *name, int score)
{
	size_t at = 0;

	if (score <= 0)
		return;
	for (size_t i = 0; i < d->count; i++) {
		if (strcmp(d->guesses[i].name, name) != 0)
			continue;
		if (d->guesses[i].score >= score)
			return;
		d->count--;
		memmove(&d->guesses[i], &d->guesses[i + 1],
		    (d->count - i) * sizeof *d->guesses);
		break;
	}
	while (at < d->count && d->guesses[at].score >= score)
		at++;
	if (at == DETECT_MAX)
		return;
	if (d->count == DETECT_MAX)
		d->count--;
	memmove(&d->guesses[at + 1], &d->guesses[at],
	    (d->count - at) * sizeof *d->guesses);
	d->guesses[at].name = name;
	d->guesses[at].score = score;
	d->count++;
}

void
detect_protocol(const void *bytes, size_t n, struct detect *d)
{
	const uint8_t *p = bytes;

	memset(d, 0, sizeof *d);
	if (n == 0) {
		d->more = true;
		return;
	}
	for (size_t i = 0; i < sizeof detect_openings /
	    sizeof *detect_openings; i++)
		detect_add(d, detect_openings[i].name,
		    detect_opening(&detect_openings[i], p, n, &d->more));
	for (size_t i = 0; i < sizeof detect_structures /
	    sizeof *detect_structures; i++)
		detect_add(d, detect_structures[i].name,
		    detect_structures[i].score(p, n, &d->more));
}
