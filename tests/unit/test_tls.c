/*
 * net/tls over a bufferevent pair, against OpenSSL as the client: versions,
 * names, kinds of keys, what is logged, and why handshakes fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/xmalloc.h"
#include "net/tls.h"
#include "net/tls_alert.h"

static char dir[] = "/tmp/kage-test-tls.XXXXXX";
static char *authority, *key_log, *ca_file;
static struct tls *tls;
static struct event_base *base;

static int
setup_group(void **state)
{
	char error[TLS_AUTHORITY_ERROR_SIZE];

	(void)state;
	assert_non_null(mkdtemp(dir));
	authority = xasprintf("%s/ca", dir);
	ca_file = xasprintf("%s/ca.pem", authority);
	key_log = xasprintf("%s/tls.keys", dir);
	struct tls_options options = { authority, key_log };
	tls = tls_new(&options, error);
	assert_non_null(tls);
	base = event_base_new();
	return 0;
}

static int
teardown_group(void **state)
{
	char *command = xasprintf("rm -rf %s", dir);

	(void)state;
	tls_free(tls);
	event_base_free(base);
	assert_int_equal(system(command), 0);
	free(command);
	free(authority);
	free(ca_file);
	free(key_log);
	return 0;
}

struct client {
	int version;		/* exactly this one; 0: any */
	const char *sni, *sigalgs, *alpn, *name;
	bool trusts, certificate;
};

struct talk {
	struct bufferevent *client, *server;
	bool client_done, server_done, client_ended, server_ended;
	char failure[TLS_FAILURE_SIZE];
};

static void
client_event(struct bufferevent *b, short what, void *arg)
{
	struct talk *t = arg;

	(void)b;
	if (what & BEV_EVENT_CONNECTED)
		t->client_done = true;
	else
		t->client_ended = true;
	if (what & (BEV_EVENT_ERROR | BEV_EVENT_EOF))
		bufferevent_free(t->client), t->client = NULL;
}

static void
server_event(struct bufferevent *b, short what, void *arg)
{
	struct talk *t = arg;

	if (what & BEV_EVENT_CONNECTED)
		t->server_done = true;
	else {
		t->server_ended = true;
		tls_failure(b, t->failure);
	}
}

/* Turns the loop until a condition holds; a lost test ends after 5 s. */
#define TURN_UNTIL(condition)                                          \
	do {                                                           \
		struct timeval tick = { 0, 10000 };                    \
		for (int turn = 0; turn < 500 && !(condition); turn++) { \
			event_base_loopexit(base, &tick);              \
			event_base_loop(base, EVLOOP_ONCE);            \
		}                                                      \
		assert_true(condition);                                \
	} while (0)

static SSL *
client_ssl(const struct client *c, SSL_CTX **out)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	*out = ctx;
	SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
	SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
	if (c->version != 0) {
		SSL_CTX_set_min_proto_version(ctx, c->version);
		SSL_CTX_set_max_proto_version(ctx, c->version);
	}
	if (c->sigalgs != NULL)
		assert_int_equal(SSL_CTX_set1_sigalgs_list(ctx, c->sigalgs),
		    1);
	if (c->trusts)
		assert_int_equal(SSL_CTX_load_verify_locations(ctx, ca_file,
				     NULL),
		    1);
	if (c->name != NULL)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (c->certificate) {
		struct tls_authority *a = tls_authority_of(tls);
		assert_int_equal(SSL_CTX_use_certificate(ctx,
				     tls_authority_leaf(a, "client",
					 TLS_RSA)),
		    1);
		assert_int_equal(SSL_CTX_use_PrivateKey(ctx,
				     tls_authority_key(a, TLS_RSA)),
		    1);
	}
	SSL *ssl = SSL_new(ctx);
	if (c->sni != NULL)
		SSL_set_tlsext_host_name(ssl, c->sni);
	if (c->alpn != NULL)
		SSL_set_alpn_protos(ssl, (const void *)c->alpn,
		    (unsigned)strlen(c->alpn));
	if (c->name != NULL) {
		X509_VERIFY_PARAM *p = SSL_get0_param(ssl);

		if (X509_VERIFY_PARAM_set1_ip_asc(p, c->name) != 1)
			SSL_set1_host(ssl, c->name);
	}
	return ssl;
}

/* Connects; the server sees the hello pending before it wraps. */
static void
talk_start(struct talk *t, const struct client *c, const char *name)
{
	struct bufferevent *pair[2];
	SSL_CTX *ctx;

	memset(t, 0, sizeof *t);
	assert_int_equal(bufferevent_pair_new(base, BEV_OPT_CLOSE_ON_FREE,
			     pair),
	    0);
	SSL *ssl = client_ssl(c, &ctx);
	t->client = bufferevent_openssl_filter_new(base, pair[0], ssl,
	    BUFFEREVENT_SSL_CONNECTING,
	    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	SSL_CTX_free(ctx);
	bufferevent_setcb(t->client, NULL, NULL, client_event, t);
	bufferevent_enable(t->client, EV_READ | EV_WRITE);
	bufferevent_enable(pair[1], EV_READ | EV_WRITE);
	TURN_UNTIL(evbuffer_get_length(bufferevent_get_input(pair[1])) > 50);
	t->server = tls_accept(tls, pair[1], name, c->certificate);
	assert_non_null(t->server);
	bufferevent_setcb(t->server, NULL, NULL, server_event, t);
	bufferevent_enable(t->server, EV_READ | EV_WRITE);
}

static void
talk_end(struct talk *t)
{
	if (t->client != NULL)
		bufferevent_free(t->client);
	bufferevent_free(t->server);
	ERR_clear_error();
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
versions_names_and_keys(void **state)
{
	static const struct {
		struct client client;
		const char *version, *subject, *alpn;
		int key;
	} cases[] = {
		{ { .version = TLS1_VERSION, .sni = "old.example" }, "TLSv1",
		    "old.example", "", 0 },
		{ { .version = TLS1_1_VERSION }, "TLSv1.1", "198.18.0.7", "",
		    0 },
		{ { .version = TLS1_2_VERSION, .sni = "RSA.example",
		      .sigalgs = "RSA+SHA256" },
		    "TLSv1.2", "rsa.example", "", EVP_PKEY_RSA },
		{ { .version = TLS1_2_VERSION, .sni = "ec.example",
		      .sigalgs = "ECDSA+SHA256" },
		    "TLSv1.2", "ec.example", "", EVP_PKEY_EC },
		{ { .version = TLS1_3_VERSION, .sni = "ec.example",
		      .sigalgs = "ECDSA+SHA256" },
		    "TLSv1.3", "ec.example", "", EVP_PKEY_EC },
		{ { .version = TLS1_3_VERSION, .sni = "rsa.example",
		      .sigalgs = "rsa_pss_rsae_sha256" },
		    "TLSv1.3", "rsa.example", "", EVP_PKEY_RSA },
		{ { .sni = "web.example", .alpn = "\2h2\10http/1.1" },
		    "TLSv1.3", "web.example", "http/1.1", 0 },
		{ { .alpn = "\2h2" }, "TLSv1.3", "198.18.0.7", "h2", 0 },
		{ { .alpn = "\6botnet" }, "TLSv1.3", "198.18.0.7", "botnet",
		    0 },
		{ { .sni = "bad name,IP:1.2.3.4" }, "TLSv1.3", "198.18.0.7",
		    "", 0 },
		{ { .sni = "trust.example", .name = "trust.example",
		      .trusts = true },
		    "TLSv1.3", "trust.example", "", 0 },
		{ { .name = "198.18.0.7", .trusts = true }, "TLSv1.3",
		    "198.18.0.7", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct tls_info info;
		struct talk t;

		talk_start(&t, &cases[i].client, "198.18.0.7");
		TURN_UNTIL((t.client_done && t.server_done) ||
		    t.client_ended || t.server_ended);
		assert_string_equal(t.failure, "");
		assert_true(t.client_done && t.server_done);
		tls_info(t.server, &info);
		assert_string_equal(info.version, cases[i].version);
		assert_string_equal(info.subject, cases[i].subject);
		assert_string_equal(info.alpn, cases[i].alpn);
		assert_int_equal(strlen(info.ja3s), 32);
		assert_int_equal(info.ja4s[0], 't');
		assert_int_equal(strlen(info.ja3), 32);
		assert_int_equal(info.ja4[0], 't');
		assert_int_equal(info.alpns_size,
		    cases[i].client.alpn != NULL ? strlen(cases[i].client.alpn)
						 : 0);
		if (cases[i].key != 0) {
			SSL *ssl = bufferevent_openssl_get_ssl(t.client);
			X509 *x = SSL_get1_peer_certificate(ssl);

			assert_int_equal(EVP_PKEY_get_base_id(
					     X509_get0_pubkey(x)),
			    cases[i].key);
			X509_free(x);
		}
		/* Bytes go both ways. */
		bufferevent_write(t.client, "ping", 4);
		TURN_UNTIL(evbuffer_get_length(
			       bufferevent_get_input(t.server)) == 4);
		talk_end(&t);
	}
}

static void
failures_in_words(void **state)
{
	static const struct {
		struct client client;
		const char *words;
	} cases[] = {
		{ { .sni = "a.example", .name = "a.example" },
		    "client's alert unknown_ca: the client doesn't trust the "
		    "lab's CA" },
		{ { .sni = "a.example", .name = "b.example", .trusts = true },
		    "client's alert bad_certificate: the client refused our "
		    "certificate: it may be pinned" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct talk t;

		talk_start(&t, &cases[i].client, "198.18.0.7");
		TURN_UNTIL(t.server_ended);
		assert_string_equal(t.failure, cases[i].words);
		talk_end(&t);
	}
}

/* A server side whose client sends these bytes and nothing else. */
static void
raw_client(struct talk *t, const void *bytes, size_t n, bool then_close)
{
	struct bufferevent *pair[2];

	memset(t, 0, sizeof *t);
	assert_int_equal(bufferevent_pair_new(base, BEV_OPT_CLOSE_ON_FREE,
			     pair),
	    0);
	t->client = pair[0];
	bufferevent_enable(pair[0], EV_READ | EV_WRITE);
	bufferevent_enable(pair[1], EV_READ | EV_WRITE);
	bufferevent_write(pair[0], bytes, n);
	TURN_UNTIL(evbuffer_get_length(bufferevent_get_input(pair[1])) == n);
	t->server = tls_accept(tls, pair[1], "198.18.0.7", false);
	bufferevent_setcb(t->server, NULL, NULL, server_event, t);
	bufferevent_enable(t->server, EV_READ | EV_WRITE);
	if (then_close)
		bufferevent_flush(t->client, EV_WRITE, BEV_FINISHED);
	TURN_UNTIL(t->server_ended);
}

static void
hellos_that_are_none(void **state)
{
	/* An SSL 3.0 hello that offers one cipher. */
	static const uint8_t ssl3[] = { 22, 3, 0, 0, 45, 1, 0, 0, 41, 3, 0,
		[43] = 0, 0, 2, 0, 0x2f, 1, 0 };
	/* TLS 1.2, with a cipher that nobody has. */
	static const uint8_t odd[] = { 22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3,
		[43] = 0, 0, 2, 0x7f, 0x7f, 1, 0 };
	struct talk t;

	(void)state;
	raw_client(&t, ssl3, sizeof ssl3, false);
	assert_string_equal(t.failure,
	    "no TLS version in common: the client's hello says 3.0 "
	    "(3.1 is TLS 1.0)");
	talk_end(&t);
	raw_client(&t, odd, sizeof odd, false);
	assert_string_equal(t.failure, "no cipher in common with the client");
	talk_end(&t);
	raw_client(&t, "GET / HTTP/1.0\r\n\r\n", 18, false);
	assert_string_equal(t.failure, "http request");
	talk_end(&t);
	raw_client(&t, odd, 20, true);
	assert_string_equal(t.failure,
	    "the client closed before its hello was complete");
	talk_end(&t);
}

static void
client_certificates_are_kept(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct client c = { .version = versions[i],
			.certificate = true };
		struct talk t;

		talk_start(&t, &c, "198.18.0.7");
		TURN_UNTIL(t.server_done);
		char *pem = tls_client_certificate(t.server);
		assert_non_null(pem);
		assert_non_null(strstr(pem, "BEGIN CERTIFICATE"));
		free(pem);
		talk_end(&t);
	}
}

static size_t
key_lines(const char *label)
{
	FILE *file = fopen(key_log, "r");
	char line[1024];
	size_t n = 0;

	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL)
		n += strncmp(line, label, strlen(label)) == 0;
	fclose(file);
	return n;
}

static void
secrets_are_logged_at_once(void **state)
{
	struct client c = { .version = TLS1_2_VERSION };
	size_t before = key_lines("CLIENT_RANDOM ");
	struct talk t;

	(void)state;
	talk_start(&t, &c, "198.18.0.7");
	TURN_UNTIL(t.server_done);
	assert_int_equal(key_lines("CLIENT_RANDOM "), before + 1);
	talk_end(&t);
	c.version = TLS1_3_VERSION;
	before = key_lines("CLIENT_TRAFFIC_SECRET_0 ");
	talk_start(&t, &c, "198.18.0.7");
	TURN_UNTIL(t.server_done);
	assert_int_equal(key_lines("CLIENT_TRAFFIC_SECRET_0 "), before + 1);
	talk_end(&t);
}

/* A fresh name costs less than 5 ms of processor time. */
static void
a_fresh_name_is_cheap(void **state)
{
	struct tls_authority *a = tls_authority_of(tls);
	const clock_t start = clock();
	char name[32];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "n%d.example", i);
		assert_non_null(tls_authority_leaf(a, name, TLS_ECDSA));
		assert_non_null(tls_authority_leaf(a, name, TLS_RSA));
	}
	double ms = (double)(clock() - start) * 1000 / CLOCKS_PER_SEC / 100;
	printf("# a fresh name: %.2f ms\n", ms);
	assert_true(ms < 5);
	/* The same name is the same certificate. */
	X509 *x = tls_authority_leaf(a, "n99.example", TLS_RSA);
	assert_ptr_equal(x, tls_authority_leaf(a, "n99.example", TLS_RSA));
	/* A name longer than CN allows. */
	char longer[200];
	memset(longer, 'a', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_non_null(tls_authority_leaf(a, longer, TLS_ECDSA));
}

static void
the_authority_stays(void **state)
{
	char error[TLS_AUTHORITY_ERROR_SIZE] = "";
	struct tls_authority *again = tls_authority_open(authority, error);

	(void)state;
	assert_non_null(again);
	for (int k = 0; k < TLS_KINDS; k++)
		assert_int_equal(
		    X509_cmp(tls_authority_certificate(again,
				 (enum tls_kind)k),
			tls_authority_certificate(tls_authority_of(tls),
			    (enum tls_kind)k)),
		    0);
	tls_authority_free(again);
	/* A folder that is no authority, and one that can't be made. */
	assert_null(tls_authority_open(dir, error));
	assert_non_null(strstr(error, "remove the folder"));
	assert_null(tls_authority_open("/proc/none/ca", error));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_names_and_keys),
		cmocka_unit_test(failures_in_words),
		cmocka_unit_test(hellos_that_are_none),
		cmocka_unit_test(client_certificates_are_kept),
		cmocka_unit_test(secrets_are_logged_at_once),
		cmocka_unit_test(a_fresh_name_is_cheap),
		cmocka_unit_test(the_authority_stays),
	};
	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
