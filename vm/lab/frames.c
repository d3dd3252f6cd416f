#include "lab/frames.h"

#include <sys/random.h>

#include <errno.h>
#include <string.h>

#include "base/log.h"

#define ETHER 14
#define IP4 20
#define IP6 40
#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMP6 58

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The Internet checksum (RFC 1071) over n bytes, on top of a sum. */
static unsigned
checksum(const uint8_t *p, size_t n, uint32_t sum)
{
	size_t i;

	for (i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (n % 2 != 0)
		sum += (uint32_t)(p[n - 1] << 8);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* The sum of a pseudo header (RFC 793, 3.1; RFC 8200, 8.1), not folded. */
static uint32_t
pseudo(const struct addr *src, const struct addr *dst, unsigned proto,
    size_t length)
{
	uint32_t sum = proto + (uint32_t)length;
	size_t i, n = addr_size(src);

	for (i = 0; i < n; i += 2) {
		sum += (uint32_t)(src->bytes[i] << 8 | src->bytes[i + 1]);
		sum += (uint32_t)(dst->bytes[i] << 8 | dst->bytes[i + 1]);
	}
	return sum;
}

/* Writes the marker and the number; returns what they take. */
static size_t
put_marker(uint8_t *p, const struct canary *c, uint16_t number)
{
	memcpy(p, c->marker, CANARY_MARKER);
	put16(p + CANARY_MARKER, number);
	return CANARY_MARKER + 2;
}

static void
put_ether(uint8_t *p, const uint8_t *to, const uint8_t *from, unsigned type)
{
	memcpy(p, to, 6);
	memcpy(p + 6, from, 6);
	put16(p + 12, type);
}

/* An IP header for n bytes of payload; returns its length. */
static size_t
put_ip(uint8_t *p, const struct addr *src, const struct addr *dst,
    unsigned proto, unsigned hops, size_t n)
{
	if (src->family == AF_INET6) {
		memset(p, 0, IP6);
		p[0] = 0x60;
		put16(p + 4, (unsigned)n);
		p[6] = (uint8_t)proto;
		p[7] = (uint8_t)hops;
		memcpy(p + 8, src->bytes, 16);
		memcpy(p + 24, dst->bytes, 16);
		return IP6;
	}
	memset(p, 0, IP4);
	p[0] = 0x45;
	put16(p + 2, (unsigned)(IP4 + n));
	p[8] = (uint8_t)hops;
	p[9] = (uint8_t)proto;
	memcpy(p + 12, src->bytes, 4);
	memcpy(p + 16, dst->bytes, 4);
	put16(p + 10, checksum(p, IP4, 0));
	return IP4;
}

/* who-has (RFC 826). */
static size_t
put_arp(uint8_t *p, const struct canary *c, const struct addr *to)
{
	static const uint8_t head[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	memcpy(p, head, 8);
	memcpy(p + 8, c->mac, 6);
	memcpy(p + 14, c->ip4.bytes, 4);
	memset(p + 18, 0, 6);
	memcpy(p + 24, to->bytes, 4);
	return 28;
}

/* A neighbour solicitation with our MAC as its only option. */
static size_t
put_ns(uint8_t *p, const struct canary *c, const struct addr *to)
{
	struct addr group = *to;
	uint8_t *icmp = p + IP6;

	/* The solicited-node group, ff02::1:ffXX:XXXX (RFC 4291, 2.7.1). */
	memset(group.bytes, 0, 11);
	group.bytes[0] = 0xff;
	group.bytes[1] = 2;
	group.bytes[11] = 1;
	group.bytes[12] = 0xff;
	put_ip(p, &c->ip6, &group, PROTO_ICMP6, 255, 32);
	memset(icmp, 0, 8);
	icmp[0] = 135;
	memcpy(icmp + 8, to->bytes, 16);
	icmp[24] = icmp[25] = 1;
	memcpy(icmp + 26, c->mac, 6);
	put16(icmp + 2, checksum(icmp, 32,
	    pseudo(&c->ip6, &group, PROTO_ICMP6, 32)));
	return IP6 + 32;
}

/* The header of TCP, UDP or ICMP echo, without its checksum. */
static size_t
put_transport(uint8_t *p, enum frame_kind kind, int family, uint16_t number)
{
	memset(p, 0, 20);
	if (kind == FRAME_ICMP) {
		p[0] = family == AF_INET6 ? 128 : 8;
		put16(p + 4, 0x4b4d);
		put16(p + 6, number);
		return 8;
	}
	put16(p, 40000u + number % 20000u);
	put16(p + 2, kind == FRAME_TCP ? 80 : 53);
	if (kind == FRAME_UDP) {
		put16(p + 4, 8 + CANARY_MARKER + 2);
		return 8;
	}
	put16(p + 6, number);
	p[12] = 5 << 4;
	p[13] = 0x02; /* SYN */
	put16(p + 14, 8192);
	return 20;
}

/* A whole IP packet to an address, marker at its end. */
static size_t
put_packet(uint8_t *p, const struct canary *c, enum frame_kind kind,
    const struct addr *to, uint16_t number)
{
	const struct addr *from = to->family == AF_INET6 ? &c->ip6 : &c->ip4;
	unsigned proto = kind == FRAME_TCP ? PROTO_TCP
	    : kind == FRAME_UDP		   ? PROTO_UDP
	    : to->family == AF_INET6	   ? PROTO_ICMP6
					   : PROTO_ICMP;
	size_t ip = to->family == AF_INET6 ? IP6 : IP4, head, n;
	uint32_t sum = 0;

	head = put_transport(p + ip, kind, to->family, number);
	n = head + put_marker(p + ip + head, c, number);
	put_ip(p, from, to, proto, 64, n);
	if (proto != PROTO_ICMP)
		sum = pseudo(from, to, proto, n);
	sum = checksum(p + ip, n, sum);
	put16(p + ip + (proto == PROTO_TCP ? 16 : proto == PROTO_UDP ? 6 : 2),
	    sum);
	return ip + n;
}

void
frame_make(struct frame *f, const struct canary *c, enum frame_kind kind,
    const struct addr *to, bool broadcast, const uint8_t bridge[static 6],
    uint16_t number)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	uint8_t group[6] = { 0x33, 0x33 }, *p = f->bytes + ETHER;
	const uint8_t *mac = broadcast ? all : bridge;

	memset(f, 0, sizeof *f);
	f->kind = kind;
	f->to = *to;
	f->broadcast = broadcast;
	switch (kind) {
	case FRAME_ARP:
		put_ether(f->bytes, all, c->mac, 0x0806);
		p += put_arp(p, c, to);
		p += put_marker(p, c, number);
		break;
	case FRAME_NS:
		group[2] = 0xff;
		memcpy(group + 3, to->bytes + 13, 3);
		put_ether(f->bytes, group, c->mac, 0x86dd);
		p += put_ns(p, c, to);
		p += put_marker(p, c, number);
		break;
	case FRAME_ICMP:
	case FRAME_TCP:
	case FRAME_UDP:
		put_ether(f->bytes, mac, c->mac,
		    to->family == AF_INET6 ? 0x86dd : 0x0800);
		p += put_packet(p, c, kind, to, number);
		break;
	}
	f->length = (size_t)(p - f->bytes);
}

void
canary_init(struct canary *c)
{
	static const uint8_t prefix[3] = { 0x02, 0x4b, 0x4d };

	if (getrandom(c->marker, sizeof c->marker, 0) != sizeof c->marker ||
	    getrandom(c->mac, sizeof c->mac, 0) != sizeof c->mac)
		fatal("getrandom: %s", strerror(errno));
	memcpy(c->mac, prefix, sizeof prefix);
	if (addr_parse(&c->ip4, "10.13.37.254") == -1 ||
	    addr_parse(&c->ip6, "fd13:37::fe") == -1)
		fatal("bad address of the canary");
}

int
frame_find(const struct canary *c, const uint8_t *p, size_t n)
{
	const uint8_t *at = memmem(p, n, c->marker, CANARY_MARKER);

	if (at == NULL || (size_t)(at - p) + CANARY_MARKER + 2 > n)
		return -1;
	return at[CANARY_MARKER] << 8 | at[CANARY_MARKER + 1];
}

const char *
frame_name(const struct frame *f)
{
	static const char *names[] = { [FRAME_ARP] = "ARP",
		[FRAME_NS] = "neighbour solicitation", [FRAME_ICMP] = "ICMP",
		[FRAME_TCP] = "TCP", [FRAME_UDP] = "UDP" };

	return names[f->kind];
}

bool
frame_answers(const uint8_t *p, size_t n, const struct canary *c,
    const struct frame *f)
{
	const uint8_t *ip = p + ETHER, *to = f->to.bytes;
	unsigned type;

	if (n < ETHER || memcmp(p, c->mac, 6) != 0)
		return false;
	type = (unsigned)(p[12] << 8 | p[13]);
	n -= ETHER;
	if (f->kind == FRAME_ARP)
		return type == 0x0806 && n >= 28 && ip[7] == 2 &&
		    memcmp(ip + 14, to, 4) == 0;
	if (f->kind == FRAME_NS)
		return type == 0x86dd && n >= IP6 + 24 &&
		    ip[6] == PROTO_ICMP6 && ip[IP6] == 136 &&
		    memcmp(ip + IP6 + 8, to, 16) == 0;
	if (f->kind != FRAME_ICMP)
		return false;
	if (f->to.family == AF_INET6)
		return type == 0x86dd && n >= IP6 + 8 &&
		    ip[6] == PROTO_ICMP6 && ip[IP6] == 129 &&
		    memcmp(ip + 8, to, 16) == 0;
	return type == 0x0800 && n >= IP4 + 8 && ip[9] == PROTO_ICMP &&
	    ip[IP4] == 0 && memcmp(ip + 12, to, 4) == 0;
}
