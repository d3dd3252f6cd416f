/*
 * Community ID v1 with seed 0: the same text for both directions of a flow,
 * and in every tool that knows it (Zeek, Suricata, Wireshark).
 * Specification: github.com/corelight/community-id-spec.
 */
#ifndef RECORD_COMMUNITY_ID_H
#define RECORD_COMMUNITY_ID_H

#include <stdint.h>

#include "base/addr.h"

/* "1:", 28 characters of base64 and a NUL. */
#define COMMUNITY_ID_SIZE 31

/*
 * Writes the ID of one packet's addresses. proto is the IP protocol number.
 * For ICMP and ICMPv6 src->port is the message's type and dst->port its code;
 * for protocols without ports both are left out of the sum. src and dst are
 * of one family. Returns out.
 */
const char *community_id_v1(uint8_t proto, const struct addr *src,
    const struct addr *dst, char out[static COMMUNITY_ID_SIZE]);

/*
 * The type that answers an ICMP (proto 1) or ICMPv6 (58) message of this
 * type, or -1 if it is one-way.
 */
int community_id_icmp_pair(uint8_t proto, uint8_t type);

#endif
