/*
 * The authority's folder:
 *
 *   ca.pem                               both certificates, for clients
 *   ca-KIND.key ca-KIND.pem leaf-KIND.key
 *
 * A new one is filled beside and moved into place, so that a half-made one is
 * never seen. RSA comes into it later, under a lock, file by file; ca-rsa.key
 * comes last and says that all of them are there.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/xmalloc.h"
#include "net/tls_certificate.h"
#include "net/tls_store.h"

static const struct {
	const char *name, *key, *certificate, *leaf_key;
} tls_store_kinds[TLS_KINDS] = {
	[TLS_ECDSA] = { "ECDSA", "ca-ecdsa.key", "ca-ecdsa.pem",
	    "leaf-ecdsa.key" },
	[TLS_RSA] = { "RSA", "ca-rsa.key", "ca-rsa.pem", "leaf-rsa.key" },
};

/* --- single files --------------------------------------------------------------- */

/* Opens DIR/NAME, or DIR/NAME.new for writing; mode 0600 until it is said. */
static FILE *
tls_store_open(const char *dir, const char *name, bool write)
{
	char *path = xasprintf("%s/%s%s", dir, name, write ? ".new" : "");
	mode_t mask = umask(077);
	FILE *file = fopen(path, write ? "we" : "re");

	umask(mask);
	free(path);
	return file;
}

/* Closes what was written and moves it into place, if all went well. */
static int
tls_store_close(const char *dir, const char *name, FILE *file, bool ok)
{
	char *path = xasprintf("%s/%s", dir, name);
	char *fresh = xasprintf("%s.new", path);
	int status = -1;

	if (fclose(file) == 0 && ok)
		status = rename(fresh, path);
	if (status < 0)
		unlink(fresh);
	free(fresh);
	free(path);
	return status;
}

static int
tls_store_save_key(const char *dir, const char *name, EVP_PKEY *key)
{
	FILE *file = tls_store_open(dir, name, true);

	if (file == NULL)
		return -1;
	return tls_store_close(dir, name, file,
	    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
}

/* Writes a file of certificates, which anybody may read. */
static int
tls_store_save_certificates(const char *dir, const char *name,
    X509 *const *list, size_t n)
{
	FILE *file = tls_store_open(dir, name, true);
	bool ok = true;

	if (file == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		ok = ok && PEM_write_X509(file, list[i]);
	return tls_store_close(dir, name, file,
	    ok && fchmod(fileno(file), 0644) == 0);
}

static EVP_PKEY *
tls_store_load_key(const char *dir, const char *name)
{
	FILE *file = tls_store_open(dir, name, false);

	if (file == NULL)
		return NULL;
	EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	fclose(file);
	return key;
}

static X509 *
tls_store_load_certificate(const char *dir, const char *name)
{
	FILE *file = tls_store_open(dir, name, false);

	if (file == NULL)
		return NULL;
	X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	return x;
}

/* --- one kind -------------------------------------------------------------------- */

bool
tls_store_has(const char *dir, enum tls_kind kind)
{
	char *path = xasprintf("%s/%s", dir, tls_store_kinds[kind].key);
	bool has = access(path, F_OK) == 0;

	free(path);
	return has;
}

void
tls_store_unload(struct tls_pair *p)
{
	X509_free(p->certificate);
	EVP_PKEY_free(p->key);
	EVP_PKEY_free(p->leaf_key);
	X509_PUBKEY_free(p->leaf_public);
	memset(p, 0, sizeof *p);
}

int
tls_store_load(const char *dir, enum tls_kind kind, struct tls_pair *p)
{
	p->certificate = tls_store_load_certificate(dir,
	    tls_store_kinds[kind].certificate);
	p->key = tls_store_load_key(dir, tls_store_kinds[kind].key);
	p->leaf_key = tls_store_load_key(dir, tls_store_kinds[kind].leaf_key);
	if (p->certificate != NULL && p->key != NULL && p->leaf_key != NULL &&
	    X509_check_private_key(p->certificate, p->key) &&
	    X509_PUBKEY_set(&p->leaf_public, p->leaf_key))
		return 0;
	ERR_clear_error();
	tls_store_unload(p);
	return -1;
}

/* Makes one kind; other is the certificate beside it in ca.pem, or NULL. */
static int
tls_store_make(const char *dir, enum tls_kind kind, X509 *other)
{
	struct tls_pair p = { 0 };
	X509 *all[2] = { other };
	size_t n = other != NULL;
	int status = -1;

	for (int i = 0; i < 2; i++)
		*(i == 0 ? &p.key : &p.leaf_key) = kind == TLS_RSA ?
		    EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	if (p.key == NULL || p.leaf_key == NULL)
		goto out;
	p.certificate = tls_certificate_authority(tls_store_kinds[kind].name,
	    p.key);
	if (p.certificate == NULL)
		goto out;
	all[n++] = p.certificate;
	if (tls_store_save_key(dir, tls_store_kinds[kind].leaf_key,
		p.leaf_key) == 0 &&
	    tls_store_save_certificates(dir, tls_store_kinds[kind].certificate,
		&p.certificate, 1) == 0 &&
	    tls_store_save_certificates(dir, "ca.pem", all, n) == 0)
		status = tls_store_save_key(dir, tls_store_kinds[kind].key,
		    p.key);
out:
	tls_store_unload(&p);
	return status;
}

/* --- the folder -------------------------------------------------------------------- */

int
tls_store_make_rsa(const char *dir)
{
	struct tls_pair ecdsa = { 0 };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status = -1;

	if (fd >= 0 && flock(fd, LOCK_EX) == 0) {
		if (tls_store_has(dir, TLS_RSA))
			status = 0;
		else if (tls_store_load(dir, TLS_ECDSA, &ecdsa) == 0)
			status = tls_store_make(dir, TLS_RSA,
			    ecdsa.certificate);
	}
	tls_store_unload(&ecdsa);
	if (fd >= 0)
		close(fd); /* and unlocks */
	return status;
}

/* Removes a folder that was to be filled. */
static void
tls_store_unmake(const char *dir)
{
	const char *const names[] = { "ca.pem",
		tls_store_kinds[TLS_ECDSA].key,
		tls_store_kinds[TLS_ECDSA].certificate,
		tls_store_kinds[TLS_ECDSA].leaf_key };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *path = xasprintf("%s/%s", dir, names[i]);

		unlink(path);
		free(path);
	}
	rmdir(dir);
}

/* Makes the folders above; what fails shows in what follows. */
static void
tls_store_make_parents(const char *dir)
{
	char *path = xstrdup(dir);

	for (char *p = path + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
	free(path);
}

int
tls_store_ensure(const char *dir, char error[static TLS_AUTHORITY_ERROR_SIZE])
{
	struct stat st;
	char *beside = NULL;
	int result = 0;

	if (stat(dir, &st) == 0)
		return 0;
	tls_store_make_parents(dir);
	beside = xasprintf("%s.XXXXXX", dir);
	if (mkdtemp(beside) == NULL) {
		snprintf(error, TLS_AUTHORITY_ERROR_SIZE, "%s: %s", dir,
		    strerror(errno));
		result = -1;
	} else if (tls_store_make(beside, TLS_ECDSA, NULL) < 0 ||
	    chmod(beside, 0755) < 0) {
		snprintf(error, TLS_AUTHORITY_ERROR_SIZE,
		    "%s: can't make an authority: %s", dir,
		    errno != 0 ? strerror(errno) : "OpenSSL failed");
		tls_store_unmake(beside);
		result = -1;
	} else if (rename(beside, dir) < 0) {
		int saved = errno;

		/* Losing the race to another program is fine. */
		tls_store_unmake(beside);
		if (saved != ENOTEMPTY && saved != EEXIST) {
			snprintf(error, TLS_AUTHORITY_ERROR_SIZE, "%s: %s",
			    dir, strerror(saved));
			result = -1;
		}
	}
	free(beside);
	return result;
}
