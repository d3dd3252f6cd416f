/*
 * Noting what a handshake shows, and telling it.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "net/tls_alert.h"
#include "net/tls_peer.h"

static int tls_peer_index = -1;

struct tls_peer *
tls_peer_of(const SSL *ssl)
{
	return SSL_get_ex_data(ssl, tls_peer_index);
}

static void
tls_peer_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index,
    long argl, void *argp)
{
	struct tls_peer *peer = ptr;

	(void)parent;
	(void)ad;
	(void)index;
	(void)argl;
	(void)argp;
	if (peer == NULL)
		return;
	free(peer->ja3_text);
	free(peer->ja3s_text);
	free(peer->alpns);
	free(peer);
}

void
tls_lower(char *to, const char *from, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size && from[i] != '\0'; i++)
		to[i] = (char)tolower((unsigned char)from[i]);
	to[i] = '\0';
}

struct tls_peer *
tls_peer_new(SSL *ssl, const char *name)
{
	struct tls_peer *peer;

	if (tls_peer_index < 0)
		tls_peer_index = SSL_get_ex_new_index(0, NULL, NULL, NULL,
		    tls_peer_free);
	if (tls_peer_index < 0)
		fatal("OpenSSL: no ex_data index");
	peer = xcalloc(1, sizeof *peer);
	peer->alert_in = peer->alert_out = -1;
	tls_lower(peer->name, name, sizeof peer->name);
	if (SSL_set_ex_data(ssl, tls_peer_index, peer))
		return peer;
	free(peer);
	return NULL;
}

void
tls_peer_alert(const SSL *ssl, int where, int value)
{
	struct tls_peer *peer = tls_peer_of(ssl);

	if (peer == NULL || !(where & SSL_CB_ALERT))
		return;
	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
		peer->alert_in = value & 255;
	else
		peer->alert_out = value & 255;
}

/*
 * Takes the fingerprints of a hello. After a HelloRetryRequest both sides say
 * hello twice: of the client's the first counts, of ours the last.
 */
static void
tls_peer_hello(struct tls_peer *peer, const void *message, size_t n, bool sslv2)
{
	struct hello hello;

	if ((sslv2 ? clienthello_read(message, n, &hello) :
	    hello_parse(message, n, &hello)) != 1)
		return;
	if (sslv2)
		peer->hello_version = hello.version;
	if (hello.server) {
		free(peer->ja3s_text);
		peer->ja3s_text = hello_ja3(&hello, peer->ja3s);
		free(hello_ja4(&hello, peer->ja4s));
	} else if (peer->ja3_text == NULL) {
		peer->ja3_text = hello_ja3(&hello, peer->ja3);
		free(hello_ja4(&hello, peer->ja4));
		peer->alpns_size = cursor_left(&hello.alpn);
		if (peer->alpns_size != 0)
			peer->alpns = (void *)xmemdup0(hello.alpn.data +
				hello.alpn.offset,
			    peer->alpns_size);
	}
	hello_free(&hello);
}

/*
 * A hello in SSLv2's form (RFC 5246, E.2), which OpenSSL gives without its
 * length in front.
 */
static void
tls_peer_sslv2(struct tls_peer *peer, const uint8_t *bytes, size_t n)
{
	uint8_t message[2 + HELLO_SSLV2_MAX];

	if (n > HELLO_SSLV2_MAX)
		return;
	message[0] = (uint8_t)(0x80 | n >> 8);
	message[1] = (uint8_t)n;
	memcpy(message + 2, bytes, n);
	tls_peer_hello(peer, message, n + 2, true);
}

void
tls_peer_message(int sent, int version, int type, const void *data, size_t n,
    SSL *ssl, void *arg)
{
	struct tls_peer *peer = tls_peer_of(ssl);
	const uint8_t *p = data;

	(void)arg;
	if (peer != NULL && !sent && version == SSL2_VERSION)
		tls_peer_sslv2(peer, p, n);
	if (peer == NULL || type != SSL3_RT_HANDSHAKE || n < 6)
		return;
	if (!sent && p[0] == SSL3_MT_CLIENT_HELLO)
		peer->hello_version = (unsigned)p[4] << 8 | p[5];
	if (p[0] == (sent ? SSL3_MT_SERVER_HELLO : SSL3_MT_CLIENT_HELLO))
		tls_peer_hello(peer, p, n, false);
}

void
tls_info(struct bufferevent *b, struct tls_info *info)
{
	SSL *ssl = bufferevent_openssl_get_ssl(b);
	const struct tls_peer *peer = tls_peer_of(ssl);
	const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const unsigned char *alpn;
	unsigned n;

	memset(info, 0, sizeof *info);
	info->version = SSL_get_version(ssl);
	info->cipher = SSL_get_cipher_name(ssl);
	if (SSL_get_current_cipher(ssl) == NULL)
		info->cipher = NULL;
	if (sni != NULL)
		tls_lower(info->sni, sni, sizeof info->sni);
	memcpy(info->subject, peer->name, sizeof info->subject);
	SSL_get0_alpn_selected(ssl, &alpn, &n);
	memcpy(info->alpn, alpn != NULL ? (const void *)alpn : "", n);
	memcpy(info->ja3, peer->ja3, sizeof info->ja3);
	memcpy(info->ja4, peer->ja4, sizeof info->ja4);
	info->ja3_text = peer->ja3_text;
	info->ja3s_text = peer->ja3s_text;
	info->alpns = peer->alpns;
	info->alpns_size = peer->alpns_size;
	memcpy(info->ja3s, peer->ja3s, sizeof info->ja3s);
	memcpy(info->ja4s, peer->ja4s, sizeof info->ja4s);
}

/* Our reason, when the client gave none. */
static void
tls_failure_ours(const struct tls_peer *peer, unsigned long error,
    char buf[static TLS_FAILURE_SIZE])
{
	const char *reason = ERR_reason_error_string(error);

	switch (ERR_GET_REASON(error)) {
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_VERSION_TOO_LOW:
		snprintf(buf, TLS_FAILURE_SIZE,
		    "no TLS version in common: the client's hello says "
		    "%u.%u (3.1 is TLS 1.0)",
		    peer->hello_version >> 8, peer->hello_version & 255);
		return;
	case SSL_R_NO_SHARED_CIPHER:
		snprintf(buf, TLS_FAILURE_SIZE,
		    "no cipher in common with the client");
		return;
	default:
		snprintf(buf, TLS_FAILURE_SIZE, "%s%s%s",
		    reason != NULL ? reason : "the handshake failed",
		    peer->alert_out > 0 ? "; we sent " : "",
		    peer->alert_out > 0 ? tls_alert_name(peer->alert_out)
					: "");
	}
}

/* The cause: the oldest error of the TLS library itself; libevent gives the
 * latest first. */
static unsigned long
tls_first_error(struct bufferevent *b)
{
	unsigned long error, first = 0;

	while ((error = bufferevent_get_openssl_error(b)) != 0)
		if (first == 0 || ERR_GET_LIB(error) == ERR_LIB_SSL)
			first = error;
	return first;
}

const char *
tls_failure(struct bufferevent *b, char buf[static TLS_FAILURE_SIZE])
{
	SSL *ssl = bufferevent_openssl_get_ssl(b);
	const struct tls_peer *peer = tls_peer_of(ssl);
	unsigned long error = tls_first_error(b);

	buf[0] = '\0';
	if (peer->alert_in > 0) {
		const char *meaning = tls_alert_meaning(peer->alert_in);

		snprintf(buf, TLS_FAILURE_SIZE, "client's alert %s%s%s",
		    tls_alert_name(peer->alert_in),
		    meaning != NULL ? ": " : "",
		    meaning != NULL ? meaning : "");
	} else if (error != 0)
		tls_failure_ours(peer, error, buf);
	else if (!SSL_is_init_finished(ssl))
		snprintf(buf, TLS_FAILURE_SIZE, "the client closed %s",
		    peer->ja3s[0] != '\0'
			? "after our certificate, without an alert"
			: "before its hello was complete");
	return buf;
}

char *
tls_client_certificate(struct bufferevent *b)
{
	SSL *ssl = bufferevent_openssl_get_ssl(b);
	X509 *x = SSL_get1_peer_certificate(ssl);
	char *text = NULL, *data;

	if (x == NULL)
		return NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	if (bio != NULL && PEM_write_bio_X509(bio, x)) {
		long n = BIO_get_mem_data(bio, &data);

		text = xmemdup0(data, (size_t)n);
	}
	BIO_free(bio);
	X509_free(x);
	return text;
}
