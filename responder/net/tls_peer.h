/*
 * What is known of a TLS connection and its client: what tls_info and
 * tls_failure tell. It hangs on the SSL and goes with it.
 */
#ifndef NET_TLS_PEER_H
#define NET_TLS_PEER_H

#include <openssl/ssl.h>

#include "net/tls.h"

struct tls_peer {
	char name[TLS_NAME_SIZE]; /* for whom the certificate was minted */
	int alert_in, alert_out;  /* -1: none */
	unsigned hello_version;	  /* the client's, as in its hello */
	/* Of the hellos: the client's, and ours. */
	char ja3[JA3_HASH_SIZE], ja4[JA4_SIZE];
	char ja3s[JA3_HASH_SIZE], ja4s[JA4_SIZE];
	char *ja3_text, *ja3s_text;
	unsigned char *alpns;
	size_t alpns_size;
};

/*
 * Starts to note; name is for whom a certificate is minted unless the client
 * asks for another. NULL: OpenSSL.
 */
struct tls_peer *tls_peer_new(SSL *, const char *name) A_MUST_USE;
struct tls_peer *tls_peer_of(const SSL *);
/* An alert came or went, as OpenSSL's info callback tells. */
void tls_peer_alert(const SSL *, int where, int value);
/* OpenSSL's message callback: sees both hellos. */
void tls_peer_message(int sent, int version, int type, const void *, size_t n,
    SSL *, void *);
/* A name in lower case, cut to size. */
void tls_lower(char *to, const char *from, size_t size);

#endif
