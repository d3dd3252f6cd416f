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
#include "net/tls_keys.h"
#include "net/tls_peer.h"

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

static int tls_ctx_index = -1;

static struct tls *
tls_of(const SSL *ssl)
{
	return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tls_ctx_index);
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
	int given = 0;
	for (int k = 0; k < kinds; k++) {
		X509 *leaf = tls_authority_leaf(t->authority, peer->name,
		    (enum tls_kind)k);

		if (leaf != NULL && SSL_use_cert_and_key(ssl, leaf,
			tls_authority_key(t->authority, (enum tls_kind)k),
			NULL, 1) == 1)
			given = 1;
	}
	return given;
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

/* Sees alerts and the handshake's end, where its secrets are written. */
static void
tls_progress(const SSL *ssl, int where, int value)
{
	if (where & (SSL_CB_ALERT | SSL_CB_HANDSHAKE_DONE))
		tls_keys_flush(tls_of(ssl)->keys);
	tls_peer_alert(ssl, where, value);
}

/* --- the context -------------------------------------------------------- */

static void
tls_indexes(void)
{
	if (tls_ctx_index >= 0)
		return;
	tls_ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	if (tls_ctx_index < 0)
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
		SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET);
	SSL_CTX_set_dh_auto(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* Nor tickets: a resumed session would hide who is who. */
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_ex_data(ctx, tls_ctx_index, t);
	SSL_CTX_set_cert_cb(ctx, tls_choose_certificate, t);
	SSL_CTX_set_alpn_select_cb(ctx, tls_choose_alpn, NULL);
	SSL_CTX_set_info_callback(ctx, tls_progress);
	SSL_CTX_set_msg_callback(ctx, tls_peer_message);
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
	if (tls_peer_new(ssl, name) == NULL) {
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
tls_shutdown(struct bufferevent *b)
{
	SSL *ssl = bufferevent_openssl_get_ssl(b);

	/* Not in the middle of a handshake: OpenSSL would call it an error. */
	if (SSL_is_init_finished(ssl))
		SSL_shutdown(ssl);
	ERR_clear_error();
}
