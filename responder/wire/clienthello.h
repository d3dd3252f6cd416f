/*
 * TLS hellos (RFC 8446, 4.1.2 and 4.1.3; RFC 5246, 7.4.1): who is calling,
 * read from the first bytes of a connection without taking part in it, and
 * the fingerprints of both sides.
 *
 *   record 22 │ version │ length │ handshake 1 │ length │ ClientHello …
 *
 * A hello may be spread over many records; it is put together here. The
 * SSLv2 form of a ClientHello (RFC 5246, E.2), which old devices still send,
 * is read too.
 */
#ifndef WIRE_CLIENTHELLO_H
#define WIRE_CLIENTHELLO_H

#include "base/attrib.h"
#include "wire/cursor.h"

#define HELLO_MAX 32768 /* bytes; a longer hello is refused */
#define HELLO_SSLV2_MAX 0x7fff /* of one in SSLv2's form */
#define HELLO_NAME_SIZE 256
#define JA3_HASH_SIZE 33
#define JA4_SIZE 40

/*
 * A hello; the cursors point into bytes, and a list that wasn't sent is
 * empty. Lists are of numbers of two bytes unless it says otherwise.
 */
struct hello {
	uint8_t *bytes; /* the handshake message's body */
	bool server, sslv2;
	uint16_t record_version; /* 0 when read without records */
	uint16_t legacy_version;
	uint16_t version;	/* the highest that is offered, or the chosen */
	struct cursor random;	/* bytes */
	struct cursor ciphers;	/* a server's has the chosen one alone */
	struct cursor extensions; /* bytes: type, length, data */
	struct cursor groups, sigalgs, versions;
	struct cursor points;	/* numbers of one byte */
	struct cursor alpn;	/* names, each behind its length byte */
	bool has_sni;
	char sni[HELLO_NAME_SIZE]; /* as it was sent; "" without one */
};

/*
 * Looks at the first bytes of a connection. 1: a whole ClientHello, *hello is
 * filled and hello_free'd by the caller; 0: so far it is one, more bytes are
 * needed; -1: it isn't one.
 */
int clienthello_read(const void *bytes, size_t n, struct hello *hello)
    A_MUST_USE;
/*
 * Reads a whole handshake message, of either side, that stands without
 * records (as OpenSSL's message callback gives it). 1 or -1 as above.
 */
int hello_parse(const void *message, size_t n, struct hello *hello) A_MUST_USE;
void hello_free(struct hello *);

/* The n-th ALPN name's length, or -1; *name points to its bytes. */
int hello_alpn(const struct hello *, unsigned n, const uint8_t **name);
/* Values that mean nothing and keep lists open (RFC 8701, 2). */
bool hello_is_grease(uint16_t);
/* "TLS 1.3", "SSLv3", or "0x7f1c". Returns buf. */
const char *hello_version_text(uint16_t, char buf[static 16]);

/*
 * JA3, or JA3S for a server's hello: https://github.com/salesforce/ja3. The
 * text that is hashed, which the caller frees, and its MD5 in hex.
 */
char *hello_ja3(const struct hello *, char md5[static JA3_HASH_SIZE])
    A_MUST_USE;
/*
 * JA4, or JA4S for a server's hello, over TCP:
 * https://github.com/FoxIO-LLC/ja4, technical_details. Returns the raw form
 * (JA4_r), which the caller frees.
 */
char *hello_ja4(const struct hello *, char ja4[static JA4_SIZE]) A_MUST_USE;

#endif
