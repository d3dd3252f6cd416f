/*
 * The lab's side of TLS: it answers as whoever the client asks for, with any
 * version from 1.0 to 1.3 and any cipher that the library still has, writes
 * the secrets for Wireshark, and says in words why a handshake failed.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrib.h"
#include "net/tls_authority.h"
#include "wire/clienthello.h"

#define TLS_FAILURE_SIZE 256

struct bufferevent;
struct tls;

struct tls_options {
	/* Where the authority lies, or is made (net/tls_authority.h). */
	const char *authority;
	/* NSS key log, appended to; NULL for none. */
	const char *key_log;
};

struct tls_info {
	const char *version; /* "TLSv1.2"; constant */
	const char *cipher;  /* OpenSSL's name, or NULL before there is one */
	char sni[TLS_NAME_SIZE];      /* as sent, lower case; "" for none */
	char subject[TLS_NAME_SIZE];  /* the name in our certificate */
	char alpn[TLS_NAME_SIZE];     /* "" for none */
	/* Of both hellos; "" as long as there was none. */
	char ja3[JA3_HASH_SIZE], ja4[JA4_SIZE];
	char ja3s[JA3_HASH_SIZE], ja4s[JA4_SIZE];
	/* The texts that JA3 and JA3S sum up, or NULL; the connection's. */
	const char *ja3_text, *ja3s_text;
	/* The protocols that the client offers, each behind its length byte;
	 * NULL if it offers none; the connection's. */
	const unsigned char *alpns;
	size_t alpns_size;
};

/* NULL with the reason in error. */
struct tls *tls_new(const struct tls_options *,
    char error[static TLS_AUTHORITY_ERROR_SIZE]) A_MUST_USE;
/* After all bufferevents of tls_accept are gone. */
void tls_free(struct tls *);
struct tls_authority *tls_authority_of(struct tls *);

/*
 * Puts TLS over a bufferevent, whose input may already hold the ClientHello,
 * and starts the handshake. The result owns `under`; its callbacks report
 * BEV_EVENT_CONNECTED when the handshake is done. A client that sends no name
 * gets a certificate for `name` (copied): the resolved name, or the address.
 * NULL if OpenSSL can't; `under` stays the caller's.
 */
struct bufferevent *tls_accept(struct tls *, struct bufferevent *under,
    const char *name, bool ask_certificate) A_MUST_USE;

/* The functions below take what tls_accept returned. */
void tls_info(struct bufferevent *, struct tls_info *);
/*
 * Why the handshake failed, in words: alert names, and what they mean. Empty
 * if nothing failed. Returns buf.
 */
const char *tls_failure(struct bufferevent *,
    char buf[static TLS_FAILURE_SIZE]);
/* The client's certificate in PEM, which the caller frees; NULL if none. */
char *tls_client_certificate(struct bufferevent *) A_MUST_USE;
/* Sends close_notify; bytes that wait in the output go first. */
void tls_shutdown(struct bufferevent *);

#endif
