/*
 * The lab's certificate authority, and the leaf certificates that it mints,
 * one for every name that a sample asks for. Each exists twice, for RSA and
 * for ECDSA, so that old and new clients both find their own.
 *
 * All leaves share one key pair of each kind, made with the authority: a
 * fresh name costs two signatures and no key generation.
 */
#ifndef NET_TLS_AUTHORITY_H
#define NET_TLS_AUTHORITY_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/attrib.h"

#define TLS_AUTHORITY_ERROR_SIZE 256
/* A DNS name in text (RFC 1035, 2.3.4), with room for its NUL. */
#define TLS_NAME_SIZE 256

enum tls_kind { TLS_ECDSA, TLS_RSA, TLS_KINDS };

struct tls_authority;

/*
 * Loads the authority of a folder, or makes folder and authority; two
 * programs may do so at once. Files: ca.pem (both certificates, to be
 * trusted by clients), and the keys, readable by the owner only. RSA keys that
 * are missing are made meanwhile, by a child process; the functions below wait
 * for it when they are asked for RSA, and return NULL if that came to nothing.
 * NULL with the reason in error.
 */
struct tls_authority *tls_authority_open(const char *dir,
    char error[static TLS_AUTHORITY_ERROR_SIZE]) A_MUST_USE;
void tls_authority_free(struct tls_authority *);

/*
 * The leaf of this kind for a host name or a numeric address, minted on the
 * first call and kept; NULL if OpenSSL can't. It is the authority's, and may
 * be gone when another name is asked for.
 */
X509 *tls_authority_leaf(struct tls_authority *, const char *name,
    enum tls_kind) A_MUST_USE;
/* The key that all leaves of this kind share; the authority's. */
EVP_PKEY *tls_authority_key(struct tls_authority *, enum tls_kind);
/* The authority's own certificate of this kind; the authority's. */
X509 *tls_authority_certificate(struct tls_authority *, enum tls_kind);

#endif
