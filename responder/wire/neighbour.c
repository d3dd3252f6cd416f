/*
 * Neighbour solicitations and advertisements (RFC 4861, 4.3 and 4.4).
 *
 *   Ethernet        IPv6                       ICMPv6
 *   dst src 86dd    6… length 58 255 src dst   type 0 checksum flags target
 */
#include <netinet/in.h>

#include <string.h>

#include "wire/cursor.h"
#include "wire/neighbour.h"

#define NEIGHBOUR_ETHERTYPE 0x86dd
#define NEIGHBOUR_SOLICITATION 135
#define NEIGHBOUR_ADVERTISEMENT 136
#define NEIGHBOUR_HOPS 255 /* never forwarded, so from the link itself */
/* S: solicited, O: override. */
#define NEIGHBOUR_FLAGS 0x60000000u
#define NEIGHBOUR_TARGET_MAC 2

/* The checksum of ICMPv6 over the pseudo-header (RFC 4443, 2.3). */
static uint16_t
neighbour_checksum(const uint8_t *src_dst, const uint8_t *icmp, size_t n)
{
	uint32_t sum = IPPROTO_ICMPV6 + (uint32_t)n;

	for (size_t i = 0; i < 32; i += 2)
		sum += (uint32_t)src_dst[i] << 8 | src_dst[i + 1];
	for (size_t i = 0; i < n; i++)
		sum += i % 2 == 0 ? (uint32_t)icmp[i] << 8 : icmp[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
neighbour_take(struct addr *a, struct cursor *c)
{
	const uint8_t *p = cursor_bytes(c, 16);

	memset(a, 0, sizeof *a);
	a->family = AF_INET6;
	if (p != NULL)
		memcpy(a->bytes, p, 16);
}

int
neighbour_parse(struct neighbour *q, const uint8_t *bytes, size_t n)
{
	struct cursor c = cursor_of(bytes, n);
	const uint8_t *mac, *ends, *icmp;
	uint16_t length;

	cursor_bytes(&c, NEIGHBOUR_MAC);
	mac = cursor_bytes(&c, NEIGHBOUR_MAC);
	if (cursor_u16(&c) != NEIGHBOUR_ETHERTYPE || cursor_u32(&c) >> 28 != 6)
		return -1;
	length = cursor_u16(&c);
	if (cursor_u8(&c) != IPPROTO_ICMPV6 || cursor_u8(&c) != NEIGHBOUR_HOPS)
		return -1;
	ends = cursor_has(&c, 32) ? c.data + c.offset : NULL;
	neighbour_take(&q->src, &c);
	cursor_bytes(&c, 16);
	c = cursor_sub(&c, length);
	icmp = c.data;
	if (cursor_u8(&c) != NEIGHBOUR_SOLICITATION || cursor_u8(&c) != 0)
		return -1;
	cursor_u16(&c);
	cursor_u32(&c);
	neighbour_take(&q->target, &c);
	if (c.failed || q->target.bytes[0] == 0xff ||
	    neighbour_checksum(ends, icmp, length) != 0)
		return -1;
	memcpy(q->mac, mac, NEIGHBOUR_MAC);
	return 0;
}

void
neighbour_answer(const struct neighbour *q,
    const uint8_t mac[static NEIGHBOUR_MAC],
    uint8_t out[static NEIGHBOUR_FRAME])
{
	struct writer w = writer_of(out, NEIGHBOUR_FRAME);
	const size_t icmp = 14 + 40;

	writer_bytes(&w, q->mac, NEIGHBOUR_MAC);
	writer_bytes(&w, mac, NEIGHBOUR_MAC);
	writer_u16(&w, NEIGHBOUR_ETHERTYPE);
	writer_u32(&w, 6u << 28);
	writer_u16(&w, NEIGHBOUR_FRAME - icmp);
	writer_u8(&w, IPPROTO_ICMPV6);
	writer_u8(&w, NEIGHBOUR_HOPS);
	writer_bytes(&w, q->target.bytes, 16);
	writer_bytes(&w, q->src.bytes, 16);
	writer_u8(&w, NEIGHBOUR_ADVERTISEMENT);
	writer_u8(&w, 0);
	writer_u16(&w, 0);
	writer_u32(&w, NEIGHBOUR_FLAGS);
	writer_bytes(&w, q->target.bytes, 16);
	writer_u8(&w, NEIGHBOUR_TARGET_MAC);
	writer_u8(&w, 1);
	writer_bytes(&w, mac, NEIGHBOUR_MAC);
	writer_patch_u16(&w, icmp + 2, neighbour_checksum(out + 14 + 8,
	    out + icmp, NEIGHBOUR_FRAME - icmp));
}
