/*
 * X.509 (RFC 5280) through OpenSSL, part by part: names come from the sample.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/addr.h"
#include "net/tls_certificate.h"

#define TLS_DAY (24 * 60 * 60)
/* A device's clock may lag behind; browsers refuse leaves beyond 398 days. */
#define TLS_BEFORE (-30 * TLS_DAY)
#define TLS_LEAF_AFTER (365 * TLS_DAY)
#define TLS_CA_AFTER (10 * 365 * TLS_DAY)

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
tls_certificate_head(X509 *x, const char *cn, long after)
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
		    (const unsigned char *)cn, -1, -1, 0));
	return ok ? 0 : -1;
}

/*
 * Sets the public key as it stands there. X509_set_pubkey would encode and
 * decode it anew, which takes three times as long as to sign.
 */
static int
tls_certificate_key(X509 *x, const X509_PUBKEY *public)
{
	const ASN1_OBJECT *oid, *curve;
	const unsigned char *bits;
	unsigned char *copy;
	X509_ALGOR *algorithm;
	int n, type;

	if (!X509_PUBKEY_get0_param(NULL, &bits, &n, &algorithm, public))
		return -1;
	X509_ALGOR_get0(&oid, &type, (const void **)&curve, algorithm);
	copy = OPENSSL_memdup(bits, (size_t)n);
	if (copy != NULL && X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x),
	    OBJ_dup(oid), type,
	    type == V_ASN1_OBJECT ? OBJ_dup(curve) : NULL, copy, n))
		return 0;
	OPENSSL_free(copy);
	return -1;
}

X509 *
tls_certificate_authority(const char *kind, EVP_PKEY *key)
{
	char cn[64];
	X509 *x = X509_new();

	if (x == NULL)
		return NULL;
	snprintf(cn, sizeof cn, "Kagemusha lab CA %s (trust it nowhere else)",
	    kind);
	if (tls_certificate_head(x, cn, TLS_CA_AFTER) == 0 &&
	    X509_set_pubkey(x, key) &&
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
 * then, and doesn't encode them again for each handshake; and it has the
 * public key in the form that handshakes want. Frees x.
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

X509 *
tls_certificate_leaf(X509 *ca, EVP_PKEY *ca_key, const X509_PUBKEY *key,
    const char *name)
{
	X509 *x = X509_new();

	if (x == NULL)
		return NULL;
	if (tls_certificate_head(x, name, TLS_LEAF_AFTER) == 0 &&
	    tls_certificate_key(x, key) == 0 &&
	    X509_set_issuer_name(x, X509_get_subject_name(ca)) &&
	    tls_extension(x, ca, NID_basic_constraints, "CA:FALSE") == 0 &&
	    tls_extension(x, ca, NID_key_usage,
		"critical,digitalSignature,keyEncipherment") == 0 &&
	    tls_extension(x, ca, NID_ext_key_usage, "serverAuth") == 0 &&
	    tls_alternative_name(x, name) == 0 &&
	    tls_extension(x, ca, NID_authority_key_identifier, "keyid") == 0 &&
	    X509_sign(x, ca_key, EVP_sha256()) != 0)
		return tls_leaf_settle(x);
	X509_free(x);
	return NULL;
}
