/*
 * Community ID: SHA-1 over the ordered endpoints, in base64. SHA-1 is what
 * the specification asks for; nothing here relies on its strength.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/log.h"
#include "record/community_id.h"

/* Which ICMP type answers which; taken by the specification from Zeek. */
static const struct {
	uint8_t proto, type, answer;
} community_id_pairs[] = {
	{ IPPROTO_ICMP, 8, 0 },	      /* echo */
	{ IPPROTO_ICMP, 13, 14 },     /* timestamp */
	{ IPPROTO_ICMP, 15, 16 },     /* information */
	{ IPPROTO_ICMP, 10, 9 },      /* router solicitation, advertisement */
	{ IPPROTO_ICMP, 17, 18 },     /* address mask */
	{ IPPROTO_ICMPV6, 128, 129 }, /* echo */
	{ IPPROTO_ICMPV6, 133, 134 }, /* router */
	{ IPPROTO_ICMPV6, 135, 136 }, /* neighbour */
	{ IPPROTO_ICMPV6, 130, 131 }, /* multicast listener query, report */
	{ IPPROTO_ICMPV6, 139, 140 }, /* node information */
	{ IPPROTO_ICMPV6, 144, 145 }, /* home agent discovery */
};

int
community_id_icmp_pair(uint8_t proto, uint8_t type)
{
	size_t n = sizeof community_id_pairs / sizeof *community_id_pairs;

	for (size_t i = 0; i < n; i++) {
		if (community_id_pairs[i].proto != proto)
			continue;
		if (community_id_pairs[i].type == type)
			return community_id_pairs[i].answer;
		if (community_id_pairs[i].answer == type)
			return community_id_pairs[i].type;
	}
	return -1;
}

/* Orders by address, then by port, as the bytes lie on the wire. */
static bool
community_id_less(const struct addr *a, const struct addr *b)
{
	int order = memcmp(a->bytes, b->bytes, addr_size(a));

	return order < 0 || (order == 0 && a->port < b->port);
}

/* SHA-1 without OpenSSL's search for it each time, which takes longer. */
static void
community_id_sum(const uint8_t *in, size_t n, uint8_t sum[SHA_DIGEST_LENGTH])
{
	static EVP_MD_CTX *ctx;

	if (ctx == NULL) {
		EVP_MD *md = EVP_MD_fetch(NULL, "SHA1", NULL);

		ctx = EVP_MD_CTX_new();
		if (md == NULL || ctx == NULL ||
		    EVP_DigestInit_ex(ctx, md, NULL) != 1)
			fatal("no SHA-1 in this libcrypto");
		EVP_MD_free(md);
	}
	if (EVP_DigestInit_ex(ctx, NULL, NULL) != 1 ||
	    EVP_DigestUpdate(ctx, in, n) != 1 ||
	    EVP_DigestFinal_ex(ctx, sum, NULL) != 1)
		fatal("SHA-1 failed");
}

const char *
community_id_v1(uint8_t proto, const struct addr *src, const struct addr *dst,
    char out[static COMMUNITY_ID_SIZE])
{
	struct addr a = *src, b = *dst;
	uint8_t in[2 + 2 * 16 + 2 + 4], sum[SHA_DIGEST_LENGTH];
	bool icmp = proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
	bool ports = icmp || proto == IPPROTO_TCP || proto == IPPROTO_UDP ||
	    proto == IPPROTO_SCTP;
	bool one_way = false;
	size_t n = 0;

	if (icmp) {
		int answer = community_id_icmp_pair(proto, (uint8_t)a.port);

		one_way = answer < 0;
		if (!one_way)
			b.port = (uint16_t)answer;
	} else if (!ports)
		a.port = b.port = 0;
	if (!one_way && !community_id_less(&a, &b)) {
		struct addr swap = a;

		a = b;
		b = swap;
	}
	in[n++] = 0; /* the seed */
	in[n++] = 0;
	memcpy(in + n, a.bytes, addr_size(&a));
	n += addr_size(&a);
	memcpy(in + n, b.bytes, addr_size(&b));
	n += addr_size(&b);
	in[n++] = proto;
	in[n++] = 0;
	if (ports) {
		in[n++] = (uint8_t)(a.port >> 8);
		in[n++] = (uint8_t)a.port;
		in[n++] = (uint8_t)(b.port >> 8);
		in[n++] = (uint8_t)b.port;
	}
	community_id_sum(in, n, sum);
	memcpy(out, "1:", 2);
	EVP_EncodeBlock((unsigned char *)out + 2, sum, sizeof sum);
	return out;
}
