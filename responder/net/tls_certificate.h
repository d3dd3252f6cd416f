/*
 * Making certificates: the authority's own, and the leaves that it signs.
 */
#ifndef NET_TLS_CERTIFICATE_H
#define NET_TLS_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/attrib.h"

/* A certificate that signs itself; the caller frees it. NULL: OpenSSL. */
X509 *tls_certificate_authority(const char *kind, EVP_PKEY *key) A_MUST_USE;
/*
 * A certificate for a host name or a numeric address, signed with the
 * authority's key; the caller frees it. NULL: OpenSSL.
 */
X509 *tls_certificate_leaf(X509 *authority, EVP_PKEY *authority_key,
    const X509_PUBKEY *key, const char *name) A_MUST_USE;

#endif
