/*
 * TLS: full handshakes, none resumed. One thread a connection at once: what
 * the client computes then takes whatever core the server leaves.
 */
#include <sys/socket.h>

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "load.h"

struct load_worker {
	pthread_t thread;
	const struct load *load;
	SSL_CTX *ctx;
	double end;
	uint64_t done, errors;
};

/* The client's side; nothing is verified, nothing resumed. */
static SSL_CTX *
load_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return ctx;
}

/* One connection, one handshake, one farewell. */
static bool
load_shake(SSL_CTX *ctx, const struct load *l, uint64_t n, const char *name)
{
	struct sockaddr_in to = load_target(l, n);
	struct timeval patience = { 5, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL *ssl = SSL_new(ctx);
	bool good = false;

	if (fd < 0 || ssl == NULL)
		goto out;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		goto out;
	SSL_set_fd(ssl, fd);
	SSL_set_tlsext_host_name(ssl, name);
	good = SSL_connect(ssl) == 1;
	if (good)
		SSL_shutdown(ssl);
out:
	SSL_free(ssl);
	if (fd >= 0)
		close(fd);
	return good;
}

static void *
load_work(void *arg)
{
	struct load_worker *w = arg;

	for (uint64_t n = 0; load_now() < w->end; n++) {
		if (load_shake(w->ctx, w->load, n, w->load->name))
			w->done++;
		else
			w->errors++;
	}
	return NULL;
}

int
load_tls(const struct load *l)
{
	struct load_worker *workers = calloc(l->concurrency, sizeof *workers);
	SSL_CTX *ctx = load_context();
	double start = load_now(), took;
	uint64_t done = 0, errors = 0;

	if (workers == NULL || ctx == NULL)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	for (unsigned i = 0; i < l->concurrency; i++) {
		workers[i] = (struct load_worker){ .load = l, .ctx = ctx,
			.end = start + l->seconds };
		if (pthread_create(&workers[i].thread, NULL, load_work,
		    &workers[i]) != 0)
			return 1;
	}
	for (unsigned i = 0; i < l->concurrency; i++) {
		pthread_join(workers[i].thread, NULL);
		done += workers[i].done;
		errors += workers[i].errors;
	}
	took = load_now() - start;
	printf("done=%llu errors=%llu seconds=%.3f rate=%.1f\n",
	    (unsigned long long)done, (unsigned long long)errors, took,
	    (double)done / took);
	SSL_CTX_free(ctx);
	free(workers);
	return 0;
}

int
load_fresh(const struct load *l)
{
	double *times = calloc(l->count, sizeof *times);
	SSL_CTX *ctx = load_context();
	char name[256];
	size_t good = 0;

	if (times == NULL || ctx == NULL)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	for (unsigned i = 0; i < l->count; i++) {
		double start = load_now();

		snprintf(name, sizeof name, "n%u-%d.%s", i, (int)getpid(),
		    l->name);
		if (load_shake(ctx, l, i, name))
			times[good++] = load_now() - start;
	}
	load_print_times(times, good, l->count - good);
	SSL_CTX_free(ctx);
	free(times);
	return 0;
}
