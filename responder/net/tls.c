/*
 * One SSL_CTX for all; what differs between connections (the certificate, who
 * asked) hangs on each SSL as a struct tls_peer.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "net/tls.h"
#include "net/tls_alert.h"
#include "net/tls_keys.h"

/*
 * Strong first, then whatever an old device may ask for; what proves nobody's
 * identity comes last, and what encrypts nothing is left out.
 */
#define TLS_CIPHERS                                                           \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"          \
	"ALL:!eNULL:+aNULL:@SECLEVEL=0"
/* AES-128 first, as the big sites have it: nothing here is worth 256 bits. */
#define TLS_SUITES                                                            \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"                      \
	"TLS_CHACHA20_POLY1305_SHA256"
#define TLS_GROUPS "X25519:P-256:P-384:P-521:X448"

struct tls {
	SSL_CTX *ctx;
	struct tls_authority *authority;
	struct tls_keys *keys; /* or NULL */
};

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

static int tls_ctx_index = -1, tls_peer_index = -1;

static struct tls *
tls_of(const SSL *ssl)
{
	return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tls_ctx_index);
}

static struct tls_peer *
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

/* --- what OpenSSL calls ------------------------------------------------- */

static void
tls_key_line(const SSL *ssl, const char *line)
{
	tls_keys_line(tls_of(ssl)->keys, line);
}

/* A host name or address that may stand in a certificate (RFC 6066, 3). */
static bool
tls_name_valid(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n >= TLS_NAME_SIZE)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) &&
		    strchr("-_.:*", name[i]) == NULL)
			return false;
	return true;
}

static void
tls_lower(char *to, const char *from, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size && from[i] != '\0'; i++)
		to[i] = (char)tolower((unsigned char)from[i]);
	to[i] = '\0';
}

/*
 * True if this client will certainly take an ECDSA certificate over P-256: it
 * knows the signature, the curve, and a cipher for it. Then the signature of
 * an RSA one, which takes ten times as long, is spared.
 */
static bool
tls_takes_ecdsa(SSL *ssl)
{
	const STACK_OF(SSL_CIPHER) *ciphers = SSL_get_client_ciphers(ssl);
	int n = SSL_get_shared_sigalgs(ssl, 0, NULL, NULL, NULL, NULL, NULL);
	bool signature = false, curve = false, cipher = false;

	for (int i = 0; i < n; i++) {
		int sign, hash;

		SSL_get_shared_sigalgs(ssl, i, &sign, &hash, NULL, NULL, NULL);
		signature |= sign == EVP_PKEY_EC && hash == NID_sha256;
	}
	n = (int)SSL_get_shared_group(ssl, -1);
	for (int i = 0; i < n; i++)
		curve |= SSL_get_shared_group(ssl, i) ==
		    NID_X9_62_prime256v1;
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
		int auth = SSL_CIPHER_get_auth_nid(
		    sk_SSL_CIPHER_value(ciphers, i));

		cipher |= auth == NID_auth_ecdsa ||
		    (auth == NID_auth_any && SSL_version(ssl) ==
			    TLS1_3_VERSION);
	}
	return signature && curve && cipher;
}

/* Gives this connection the certificates of the name that it asks for. */
static int
tls_choose_certificate(SSL *ssl, void *arg)
{
	struct tls *t = arg;
	struct tls_peer *peer = tls_peer_of(ssl);
	const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	if (sni != NULL && tls_name_valid(sni))
		tls_lower(peer->name, sni, sizeof peer->name);
	int kinds = tls_takes_ecdsa(ssl) ? TLS_ECDSA + 1 : TLS_KINDS;
	for (int k = 0; k < kinds; k++) {
		X509 *leaf = tls_authority_leaf(t->authority, peer->name,
		    (enum tls_kind)k);

		if (leaf == NULL ||
		    SSL_use_cert_and_key(ssl, leaf,
			tls_authority_key(t->authority, (enum tls_kind)k),
			NULL, 1) != 1)
			return 0;
	}
	return 1;
}

/*
 * Agrees to HTTP/1.1 where it is offered, as its sessions are the easiest to
 * read; otherwise to the client's first wish, known to us or not: the profile
 * may know it. h2c never comes inside TLS (RFC 9113, 3.2).
 */
static int
tls_choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned inlen, void *arg)
{
	const unsigned char *other = NULL;

	(void)ssl;
	(void)arg;
	for (unsigned i = 0; i < inlen && i + 1 + in[i] <= inlen;
	     i += 1u + in[i]) {
		const unsigned char *name = in + i + 1;
		unsigned n = in[i];

		if (n == 8 && memcmp(name, "http/1.1", 8) == 0) {
			other = in + i;
			break;
		}
		if (other == NULL && n != 0 &&
		    !(n == 3 && memcmp(name, "h2c", 3) == 0))
			other = in + i;
	}
	if (other == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	*out = other + 1;
	*outlen = other[0];
	return SSL_TLSEXT_ERR_OK;
}

/* Any client certificate is welcome: it is kept, never believed. */
static int
tls_accept_certificate(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

/* Notes alerts as they come and go, and the handshake's end. */
static void
tls_note_alert(const SSL *ssl, int where, int value)
{
	struct tls_peer *peer = tls_peer_of(ssl);

	if (where & (SSL_CB_ALERT | SSL_CB_HANDSHAKE_DONE))
		tls_keys_flush(tls_of(ssl)->keys);
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
tls_note_hello(struct tls_peer *peer, const void *message, size_t n)
{
	struct hello hello;

	if (hello_parse(message, n, &hello) != 1)
		return;
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

/* Sees the handshake's messages: both hellos. */
static void
tls_note_message(int sent, int version, int type, const void *data, size_t n,
    SSL *ssl, void *arg)
{
	struct tls_peer *peer = tls_peer_of(ssl);
	const uint8_t *p = data;

	(void)version;
	(void)arg;
	if (peer == NULL || type != SSL3_RT_HANDSHAKE || n < 6)
		return;
	if (!sent && p[0] == SSL3_MT_CLIENT_HELLO)
		peer->hello_version = (unsigned)p[4] << 8 | p[5];
	if (p[0] == (sent ? SSL3_MT_SERVER_HELLO : SSL3_MT_CLIENT_HELLO))
		tls_note_hello(peer, p, n);
}

/* --- the context -------------------------------------------------------- */

static void
tls_indexes(void)
{
	if (tls_ctx_index >= 0)
		return;
	tls_ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	tls_peer_index = SSL_get_ex_new_index(0, NULL, NULL, NULL,
	    tls_peer_free);
	if (tls_ctx_index < 0 || tls_peer_index < 0)
		fatal("OpenSSL: no ex_data index");
}

static int
tls_configure(struct tls *t)
{
	SSL_CTX *ctx = t->ctx;

	if (!SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) ||
	    !SSL_CTX_set_cipher_list(ctx, TLS_CIPHERS) ||
	    !SSL_CTX_set_ciphersuites(ctx, TLS_SUITES) ||
	    !SSL_CTX_set1_groups_list(ctx, TLS_GROUPS) ||
	    !SSL_CTX_set_session_id_context(ctx, (const void *)"kage", 4))
		return -1;
	SSL_CTX_set_options(ctx,
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_LEGACY_SERVER_CONNECT |
		SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
		SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_dh_auto(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* A resumed session would hide who is who from the capture. */
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_ex_data(ctx, tls_ctx_index, t);
	SSL_CTX_set_cert_cb(ctx, tls_choose_certificate, t);
	SSL_CTX_set_alpn_select_cb(ctx, tls_choose_alpn, NULL);
	SSL_CTX_set_info_callback(ctx, tls_note_alert);
	SSL_CTX_set_msg_callback(ctx, tls_note_message);
	SSL_CTX_set_keylog_callback(ctx, tls_key_line);
	return 0;
}

struct tls *
tls_new(const struct tls_options *options,
    char error[static TLS_AUTHORITY_ERROR_SIZE])
{
	struct tls *t = xcalloc(1, sizeof *t);

	tls_indexes();
	t->authority = tls_authority_open(options->authority, error);
	if (t->authority == NULL)
		goto fail;
	if (options->key_log != NULL) {
		t->keys = tls_keys_open(options->key_log);
		if (t->keys == NULL) {
			snprintf(error, TLS_AUTHORITY_ERROR_SIZE, "%s: %s",
			    options->key_log, strerror(errno));
			goto fail;
		}
	}
	t->ctx = SSL_CTX_new(TLS_server_method());
	if (t->ctx == NULL || tls_configure(t) < 0) {
		snprintf(error, TLS_AUTHORITY_ERROR_SIZE, "OpenSSL: %s",
		    ERR_reason_error_string(ERR_get_error()));
		goto fail;
	}
	return t;
fail:
	ERR_clear_error();
	tls_free(t);
	return NULL;
}

void
tls_free(struct tls *t)
{
	SSL_CTX_free(t->ctx);
	tls_keys_close(t->keys);
	if (t->authority != NULL)
		tls_authority_free(t->authority);
	free(t);
}

struct tls_authority *
tls_authority_of(struct tls *t)
{
	return t->authority;
}

/* --- connections -------------------------------------------------------- */

struct bufferevent *
tls_accept(struct tls *t, struct bufferevent *under, const char *name,
    bool ask_certificate)
{
	struct event_base *base = bufferevent_get_base(under);
	SSL *ssl = SSL_new(t->ctx);

	if (ssl == NULL)
		return NULL;
	struct tls_peer *peer = xcalloc(1, sizeof *peer);
	peer->alert_in = peer->alert_out = -1;
	tls_lower(peer->name, name, sizeof peer->name);
	if (!SSL_set_ex_data(ssl, tls_peer_index, peer)) {
		free(peer);
		SSL_free(ssl);
		return NULL;
	}
	if (ask_certificate)
		SSL_set_verify(ssl, SSL_VERIFY_PEER, tls_accept_certificate);
	struct bufferevent *b = bufferevent_openssl_filter_new(base, under,
	    ssl, BUFFEREVENT_SSL_ACCEPTING,
	    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (b == NULL) {
		SSL_free(ssl);
		return NULL;
	}
	/* A client that closes without close_notify has still closed. */
	bufferevent_openssl_set_allow_dirty_shutdown(b, 1);
	/* Nothing wakes the filter for bytes that came before it. */
	if (evbuffer_get_length(bufferevent_get_input(under)) > 0)
		bufferevent_trigger(under, EV_READ,
		    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	return b;
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
	info->resumed = SSL_session_reused(ssl) != 0;
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

	tls_keys_flush(tls_of(ssl)->keys);
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

void
tls_shutdown(struct bufferevent *b)
{
	SSL *ssl = bufferevent_openssl_get_ssl(b);

	/* Not in the middle of a handshake: OpenSSL would call it an error. */
	if (SSL_is_init_finished(ssl))
		SSL_shutdown(ssl);
	ERR_clear_error();
}
