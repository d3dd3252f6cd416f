/*
 * Keys and certificates in files, and minting. A new authority is made in a
 * folder beside and moved into place, so that a half-made one is never seen.
 */
#include <sys/queue.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <uthash.h>

#include "base/addr.h"
#include "base/xmalloc.h"
#include "net/tls_authority.h"

#define TLS_LEAVES_MAX 4096
#define TLS_DAY (24 * 60 * 60)
/* A device's clock may lag behind; browsers refuse leaves beyond 398 days. */
#define TLS_BEFORE (-30 * TLS_DAY)
#define TLS_LEAF_AFTER (365 * TLS_DAY)
#define TLS_CA_AFTER (10 * 365 * TLS_DAY)

struct tls_cached {
	UT_hash_handle hh;
	TAILQ_ENTRY(tls_cached) by_use;
	X509 *leaf[TLS_KINDS]; /* NULL until it is asked for */
	char name[TLS_NAME_SIZE];
};
TAILQ_HEAD(tls_cached_list, tls_cached);

struct tls_authority {
	X509 *certificate[TLS_KINDS];
	EVP_PKEY *key[TLS_KINDS], *leaf_key[TLS_KINDS];
	struct tls_cached *table;
	struct tls_cached_list uses; /* longest unused first */
};

static const struct {
	const char *name, *key_file, *certificate_file, *leaf_key_file;
} tls_kinds[TLS_KINDS] = {
	[TLS_ECDSA] = { "ECDSA", "ca-ecdsa.key", "ca-ecdsa.pem",
	    "leaf-ecdsa.key" },
	[TLS_RSA] = { "RSA", "ca-rsa.key", "ca-rsa.pem", "leaf-rsa.key" },
};

static EVP_PKEY *
tls_key_make(enum tls_kind kind)
{
	return kind == TLS_RSA ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
}

/* --- certificates ------------------------------------------------------- */

static int
tls_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (e == NULL)
		return -1;
	int ok = X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	return ok ? 0 : -1;
}

/*
 * Version, random serial, validity, subject. CN holds at most 64 characters
 * (RFC 5280, ub-common-name); a longer name stands in the SAN alone.
 */
static int
tls_certificate_head(X509 *x, EVP_PKEY *key, const char *cn, long after)
{
	const unsigned char *o = (const void *)"Kagemusha lab";
	unsigned char serial[16];
	X509_NAME *subject = X509_get_subject_name(x);

	if (RAND_bytes(serial, sizeof serial) != 1)
		return -1;
	serial[0] &= 0x7f; /* positive */
	BIGNUM *n = BN_bin2bn(serial, sizeof serial, NULL);
	bool ok = n != NULL &&
	    BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
	BN_free(n);
	ok = ok && X509_set_version(x, X509_VERSION_3) &&
	    X509_gmtime_adj(X509_getm_notBefore(x), TLS_BEFORE) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(x), after) != NULL &&
	    X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, o, -1, -1,
		0) &&
	    (strlen(cn) > 64 ||
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
		    (const unsigned char *)cn, -1, -1, 0)) &&
	    X509_set_pubkey(x, key);
	return ok ? 0 : -1;
}

/* A certificate that signs itself; the caller frees it. NULL: OpenSSL. */
static X509 *
tls_ca_make(enum tls_kind kind, EVP_PKEY *key)
{
	char cn[64];
	X509 *x = X509_new();

	if (x == NULL)
		return NULL;
	snprintf(cn, sizeof cn, "Kagemusha lab CA %s (trust it nowhere else)",
	    tls_kinds[kind].name);
	if (tls_certificate_head(x, key, cn, TLS_CA_AFTER) == 0 &&
	    X509_set_issuer_name(x, X509_get_subject_name(x)) &&
	    tls_extension(x, x, NID_basic_constraints, "critical,CA:TRUE") ==
		0 &&
	    tls_extension(x, x, NID_key_usage,
		"critical,keyCertSign,cRLSign") == 0 &&
	    tls_extension(x, x, NID_subject_key_identifier, "hash") == 0 &&
	    X509_sign(x, key, EVP_sha256()) != 0)
		return x;
	X509_free(x);
	return NULL;
}

/*
 * subjectAltName: an address or a DNS name. Built from its parts: the name
 * comes from the sample and must not be read as OpenSSL's configuration.
 */
static int
tls_alternative_name(X509 *x, const char *name)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *g = GENERAL_NAME_new();
	struct addr numeric;
	int ok = names != NULL && g != NULL;

	if (ok && addr_parse(&numeric, name) == 0) {
		ASN1_OCTET_STRING *ip = ASN1_OCTET_STRING_new();

		ok = ip != NULL &&
		    ASN1_OCTET_STRING_set(ip, numeric.bytes,
			(int)addr_size(&numeric));
		GENERAL_NAME_set0_value(g, GEN_IPADD, ip);
	} else if (ok) {
		ASN1_IA5STRING *dns = ASN1_IA5STRING_new();

		ok = dns != NULL && ASN1_STRING_set(dns, name, -1);
		GENERAL_NAME_set0_value(g, GEN_DNS, dns);
	}
	if (ok && sk_GENERAL_NAME_push(names, g) > 0)
		g = NULL;
	ok = ok && g == NULL &&
	    X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0) == 1;
	GENERAL_NAME_free(g);
	sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
	return ok ? 0 : -1;
}

/*
 * The same certificate, decoded from its own bytes: OpenSSL keeps those bytes
 * then, and doesn't encode them again for each handshake. Frees x.
 */
static X509 *
tls_leaf_settle(X509 *x)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);
	const unsigned char *p = der;
	X509 *settled = n > 0 ? d2i_X509(NULL, &p, n) : NULL;

	OPENSSL_free(der);
	X509_free(x);
	return settled;
}

/* The leaf of one kind; the caller frees it. */
static X509 *
tls_leaf_make(const struct tls_authority *a, enum tls_kind kind,
    const char *name)
{
	X509 *ca = a->certificate[kind], *x = X509_new();

	if (x == NULL)
		return NULL;
	if (tls_certificate_head(x, a->leaf_key[kind], name,
		TLS_LEAF_AFTER) == 0 &&
	    X509_set_issuer_name(x, X509_get_subject_name(ca)) &&
	    tls_extension(x, ca, NID_basic_constraints, "CA:FALSE") == 0 &&
	    tls_extension(x, ca, NID_key_usage,
		"critical,digitalSignature,keyEncipherment") == 0 &&
	    tls_extension(x, ca, NID_ext_key_usage, "serverAuth") == 0 &&
	    tls_alternative_name(x, name) == 0 &&
	    tls_extension(x, ca, NID_authority_key_identifier, "keyid") == 0 &&
	    X509_sign(x, a->key[kind], EVP_sha256()) != 0)
		return tls_leaf_settle(x);
	X509_free(x);
	return NULL;
}

/* --- files -------------------------------------------------------------- */

/* Opens DIR/NAME; keys get mode 0600. */
static FILE *
tls_file(const char *dir, const char *name, const char *mode)
{
	char *path = xasprintf("%s/%s", dir, name);
	mode_t mask = umask(077);
	FILE *file = fopen(path, mode);

	umask(mask);
	free(path);
	return file;
}

static EVP_PKEY *
tls_key_load(const char *dir, const char *name)
{
	FILE *file = tls_file(dir, name, "re");

	if (file == NULL)
		return NULL;
	EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	fclose(file);
	return key;
}

static int
tls_key_save(const char *dir, const char *name, EVP_PKEY *key)
{
	FILE *file = tls_file(dir, name, "wxe");

	if (file == NULL)
		return -1;
	int ok = PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	return fclose(file) == 0 && ok ? 0 : -1;
}

static X509 *
tls_certificate_load(const char *dir, const char *name)
{
	FILE *file = tls_file(dir, name, "re");

	if (file == NULL)
		return NULL;
	X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	return x;
}

/* Appends to a file of certificates, which anybody may read. */
static int
tls_certificate_save(const char *dir, const char *name, X509 *x)
{
	FILE *file = tls_file(dir, name, "ae");

	if (file == NULL)
		return -1;
	int ok = PEM_write_X509(file, x) && fchmod(fileno(file), 0644) == 0;
	return fclose(file) == 0 && ok ? 0 : -1;
}

static int
tls_authority_load(struct tls_authority *a, const char *dir)
{
	for (int k = 0; k < TLS_KINDS; k++) {
		a->certificate[k] = tls_certificate_load(dir,
		    tls_kinds[k].certificate_file);
		a->key[k] = tls_key_load(dir, tls_kinds[k].key_file);
		a->leaf_key[k] = tls_key_load(dir, tls_kinds[k].leaf_key_file);
		if (a->certificate[k] == NULL || a->key[k] == NULL ||
		    a->leaf_key[k] == NULL ||
		    !X509_check_private_key(a->certificate[k], a->key[k]))
			return -1;
	}
	return 0;
}

/* Fills a folder that is ours alone. */
static int
tls_authority_make(const char *dir)
{
	for (int k = 0; k < TLS_KINDS; k++) {
		EVP_PKEY *key = tls_key_make((enum tls_kind)k);
		EVP_PKEY *leaf = tls_key_make((enum tls_kind)k);
		X509 *x = key != NULL ? tls_ca_make((enum tls_kind)k, key)
				      : NULL;
		bool ok = x != NULL && leaf != NULL &&
		    tls_key_save(dir, tls_kinds[k].key_file, key) == 0 &&
		    tls_key_save(dir, tls_kinds[k].leaf_key_file, leaf) == 0 &&
		    tls_certificate_save(dir, tls_kinds[k].certificate_file,
			x) == 0 &&
		    tls_certificate_save(dir, "ca.pem", x) == 0;

		X509_free(x);
		EVP_PKEY_free(leaf);
		EVP_PKEY_free(key);
		if (!ok)
			return -1;
	}
	return chmod(dir, 0755);
}

/* Removes what tls_authority_make may have left. */
static void
tls_authority_unmake(const char *dir)
{
	for (int k = 0; k <= TLS_KINDS; k++) {
		const char *names[3] = { "ca.pem", "ca.pem", "ca.pem" };

		if (k < TLS_KINDS) {
			names[0] = tls_kinds[k].key_file;
			names[1] = tls_kinds[k].leaf_key_file;
			names[2] = tls_kinds[k].certificate_file;
		}
		for (int i = 0; i < 3; i++) {
			char *path = xasprintf("%s/%s", dir, names[i]);

			unlink(path);
			free(path);
		}
	}
	rmdir(dir);
}

/* Makes the folders above; what fails shows in what follows. */
static void
tls_authority_parents(const char *dir)
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

/* Makes the folder if there is none. Losing the race to another is fine. */
static int
tls_authority_ensure(const char *dir, char error[static 1])
{
	struct stat st;
	char *beside = NULL;
	int result = 0;

	if (stat(dir, &st) == 0)
		return 0;
	tls_authority_parents(dir);
	beside = xasprintf("%s.XXXXXX", dir);
	if (mkdtemp(beside) == NULL) {
		snprintf(error, TLS_AUTHORITY_ERROR_SIZE, "%s: %s", dir,
		    strerror(errno));
		result = -1;
	} else if (tls_authority_make(beside) < 0) {
		snprintf(error, TLS_AUTHORITY_ERROR_SIZE,
		    "%s: can't make an authority: %s", dir,
		    errno != 0 ? strerror(errno) : "OpenSSL failed");
		tls_authority_unmake(beside);
		result = -1;
	} else if (rename(beside, dir) < 0) {
		int saved = errno;

		tls_authority_unmake(beside);
		if (saved != ENOTEMPTY && saved != EEXIST) {
			snprintf(error, TLS_AUTHORITY_ERROR_SIZE, "%s: %s",
			    dir, strerror(saved));
			result = -1;
		}
	}
	free(beside);
	return result;
}

struct tls_authority *
tls_authority_open(const char *dir,
    char error[static TLS_AUTHORITY_ERROR_SIZE])
{
	if (tls_authority_ensure(dir, error) < 0)
		return NULL;
	struct tls_authority *a = xcalloc(1, sizeof *a);

	TAILQ_INIT(&a->uses);
	if (tls_authority_load(a, dir) == 0)
		return a;
	snprintf(error, TLS_AUTHORITY_ERROR_SIZE,
	    "%s: keys or certificates are missing or don't fit; "
	    "remove the folder to have them made anew",
	    dir);
	ERR_clear_error();
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
	for (int k = 0; k < TLS_KINDS; k++) {
		X509_free(a->certificate[k]);
		EVP_PKEY_free(a->key[k]);
		EVP_PKEY_free(a->leaf_key[k]);
	}
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

	if (c->leaf[kind] == NULL)
		c->leaf[kind] = tls_leaf_make(a, kind, c->name);
	return c->leaf[kind];
}

EVP_PKEY *
tls_authority_key(const struct tls_authority *a, enum tls_kind kind)
{
	return a->leaf_key[kind];
}

X509 *
tls_authority_certificate(const struct tls_authority *a, enum tls_kind kind)
{
	return a->certificate[kind];
}
