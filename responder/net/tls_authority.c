/*
 * The authority while we run: its keys, and the leaves minted so far. Where
 * the folder has no RSA yet, a child process makes it while we serve others;
 * whoever needs it before waits.
 */
#include <sys/queue.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uthash.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "net/tls_authority.h"
#include "net/tls_certificate.h"
#include "net/tls_store.h"

#define TLS_LEAVES_MAX 4096

struct tls_cached {
	UT_hash_handle hh;
	TAILQ_ENTRY(tls_cached) by_use;
	X509 *leaf[TLS_KINDS]; /* NULL until it is asked for */
	char name[TLS_NAME_SIZE];
};
TAILQ_HEAD(tls_cached_list, tls_cached);

struct tls_authority {
	struct tls_pair pairs[TLS_KINDS]; /* RSA's NULL until it is needed */
	char *dir;
	pid_t maker; /* of RSA; 0 once it has ended */
	struct tls_cached *table;
	struct tls_cached_list uses; /* longest unused first */
};

/* Starts the process that makes RSA. */
static void
tls_authority_make_rsa(struct tls_authority *a)
{
	a->maker = fork();
	if (a->maker != 0) {
		if (a->maker < 0)
			log_warn("RSA keys: %s", strerror(errno));
		return;
	}
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	close_range(STDERR_FILENO + 1, ~0u, 0);
	if (nice(10) < 0) { /* then not */
	}
	_exit(tls_store_make_rsa(a->dir) == 0 ? 0 : 1);
}

/* The keys of one kind, loaded when first needed; NULL if there are none. */
static struct tls_pair *
tls_authority_pair(struct tls_authority *a, enum tls_kind kind)
{
	struct tls_pair *p = &a->pairs[kind];

	if (p->key != NULL)
		return p;
	if (a->maker > 0) {
		while (waitpid(a->maker, NULL, 0) < 0 && errno == EINTR)
			;
		a->maker = 0;
	}
	if (tls_store_load(a->dir, kind, p) == 0)
		return p;
	log_warn("%s: no RSA keys: clients that know no ECDSA fail", a->dir);
	return NULL;
}

struct tls_authority *
tls_authority_open(const char *dir,
    char error[static TLS_AUTHORITY_ERROR_SIZE])
{
	if (tls_store_ensure(dir, error) < 0)
		return NULL;
	struct tls_authority *a = xcalloc(1, sizeof *a);

	TAILQ_INIT(&a->uses);
	a->dir = xstrdup(dir);
	if (tls_store_load(dir, TLS_ECDSA, &a->pairs[TLS_ECDSA]) == 0 &&
	    (!tls_store_has(dir, TLS_RSA) ||
	    tls_store_load(dir, TLS_RSA, &a->pairs[TLS_RSA]) == 0)) {
		if (a->pairs[TLS_RSA].key == NULL)
			tls_authority_make_rsa(a);
		return a;
	}
	snprintf(error, TLS_AUTHORITY_ERROR_SIZE,
	    "%s: keys or certificates are missing or don't fit; "
	    "remove the folder to have them made anew",
	    dir);
	tls_authority_free(a);
	return NULL;
}

/* --- leaves ------------------------------------------------------------- */

static void
tls_cached_free(struct tls_authority *a, struct tls_cached *c)
{
	HASH_DEL(a->table, c);
	TAILQ_REMOVE(&a->uses, c, by_use);
	for (int k = 0; k < TLS_KINDS; k++)
		X509_free(c->leaf[k]);
	free(c);
}

void
tls_authority_free(struct tls_authority *a)
{
	struct tls_cached *c;

	while ((c = TAILQ_FIRST(&a->uses)) != NULL)
		tls_cached_free(a, c);
	for (int k = 0; k < TLS_KINDS; k++)
		tls_store_unload(&a->pairs[k]);
	/* The maker goes on: the next one to come has its keys then. */
	free(a->dir);
	free(a);
}

/* The name's place in the cache, which it gets if it has none. */
static struct tls_cached *
tls_cached_get(struct tls_authority *a, const char *name)
{
	struct tls_cached *c;
	size_t n = strnlen(name, TLS_NAME_SIZE - 1);

	HASH_FIND(hh, a->table, name, n, c);
	if (c != NULL) {
		TAILQ_REMOVE(&a->uses, c, by_use);
		TAILQ_INSERT_TAIL(&a->uses, c, by_use);
		return c;
	}
	if (HASH_COUNT(a->table) >= TLS_LEAVES_MAX)
		tls_cached_free(a, TAILQ_FIRST(&a->uses));
	c = xcalloc(1, sizeof *c);
	memcpy(c->name, name, n);
	HASH_ADD_KEYPTR(hh, a->table, c->name, n, c);
	TAILQ_INSERT_TAIL(&a->uses, c, by_use);
	return c;
}

X509 *
tls_authority_leaf(struct tls_authority *a, const char *name,
    enum tls_kind kind)
{
	struct tls_cached *c = tls_cached_get(a, name);

	if (c->leaf[kind] == NULL) {
		const struct tls_pair *p = tls_authority_pair(a, kind);

		if (p != NULL)
			c->leaf[kind] = tls_certificate_leaf(p->certificate,
			    p->key, p->leaf_public, c->name);
	}
	return c->leaf[kind];
}

EVP_PKEY *
tls_authority_key(struct tls_authority *a, enum tls_kind kind)
{
	const struct tls_pair *p = tls_authority_pair(a, kind);

	return p != NULL ? p->leaf_key : NULL;
}

X509 *
tls_authority_certificate(struct tls_authority *a, enum tls_kind kind)
{
	const struct tls_pair *p = tls_authority_pair(a, kind);

	return p != NULL ? p->certificate : NULL;
}
