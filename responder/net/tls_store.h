/*
 * Where the authority lies: a folder with its keys, which only the owner may
 * read, and certificates. ECDSA is made at once, within a millisecond or two;
 * RSA keys take seconds on a slow machine, so they are made apart.
 */
#ifndef NET_TLS_STORE_H
#define NET_TLS_STORE_H

#include <stdbool.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/attrib.h"
#include "net/tls_authority.h"

/* An authority's key and certificate, and the key of all its leaves. */
struct tls_pair {
	X509 *certificate;
	EVP_PKEY *key, *leaf_key;
	X509_PUBKEY *leaf_public; /* as it stands in certificates */
};

/*
 * Makes the folder with all but RSA, unless it is there; two programs may do
 * so at once. 0, or -1 with the reason in error.
 */
int tls_store_ensure(const char *dir,
    char error[static TLS_AUTHORITY_ERROR_SIZE]) A_MUST_USE;
/* Is this kind there? */
bool tls_store_has(const char *dir, enum tls_kind);
/*
 * Makes RSA in a folder that tls_store_ensure has left, unless another
 * program is about it or has done so; returns when it is there. -1: the folder
 * can't be written to, or OpenSSL failed.
 */
int tls_store_make_rsa(const char *dir) A_MUST_USE;
/* Loads one kind; -1 if something is missing or doesn't fit. */
int tls_store_load(const char *dir, enum tls_kind, struct tls_pair *)
    A_MUST_USE;
void tls_store_unload(struct tls_pair *);

#endif
