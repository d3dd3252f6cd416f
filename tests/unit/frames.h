/*
 * Synthetic frames for tests: each function appends one header and returns
 * the new length. Lengths and checksums are only as right as tests need.
 */
#ifndef TESTS_FRAMES_H
#define TESTS_FRAMES_H

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"

struct frames {
	uint8_t bytes[2048];
	size_t n;
};

static inline void
frames_u16(struct frames *f, unsigned v)
{
	f->bytes[f->n++] = (uint8_t)(v >> 8);
	f->bytes[f->n++] = (uint8_t)v;
}

static inline void
frames_zeros(struct frames *f, size_t n)
{
	memset(f->bytes + f->n, 0, n);
	f->n += n;
}

/* Starts a frame; vlan is a tag's number or 0. */
static inline void
frames_ether(struct frames *f, unsigned type, unsigned vlan)
{
	f->n = 0;
	frames_zeros(f, 12);
	if (vlan != 0) {
		frames_u16(f, 0x8100);
		frames_u16(f, vlan);
	}
	frames_u16(f, type);
}

/* offset is the fragment field as it lies in the header. */
static inline void
frames_ipv4(struct frames *f, uint8_t proto, const char *src, const char *dst,
    size_t payload, unsigned id, unsigned offset)
{
	struct addr a;

	f->bytes[f->n++] = 0x45;
	f->bytes[f->n++] = 0;
	frames_u16(f, (unsigned)payload + 20);
	frames_u16(f, id);
	frames_u16(f, offset);
	f->bytes[f->n++] = 64;
	f->bytes[f->n++] = proto;
	frames_u16(f, 0);
	if (addr_parse(&a, src) == 0)
		memcpy(f->bytes + f->n, a.bytes, 4);
	if (addr_parse(&a, dst) == 0)
		memcpy(f->bytes + f->n + 4, a.bytes, 4);
	f->n += 8;
}

static inline void
frames_ipv6(struct frames *f, uint8_t next, const char *src, const char *dst,
    size_t payload)
{
	struct addr a;

	f->bytes[f->n++] = 0x60;
	frames_zeros(f, 3);
	frames_u16(f, (unsigned)payload);
	f->bytes[f->n++] = next;
	f->bytes[f->n++] = 64;
	if (addr_parse(&a, src) == 0)
		memcpy(f->bytes + f->n, a.bytes, 16);
	if (addr_parse(&a, dst) == 0)
		memcpy(f->bytes + f->n + 16, a.bytes, 16);
	f->n += 32;
}

static inline void
frames_udp(struct frames *f, unsigned sport, unsigned dport, size_t payload)
{
	frames_u16(f, sport);
	frames_u16(f, dport);
	frames_u16(f, (unsigned)payload + 8);
	frames_u16(f, 0);
	frames_zeros(f, payload);
}

static inline void
frames_tcp(struct frames *f, unsigned sport, unsigned dport, unsigned flags,
    uint32_t seq, size_t payload)
{
	frames_u16(f, sport);
	frames_u16(f, dport);
	frames_u16(f, seq >> 16);
	frames_u16(f, seq & 0xffff);
	frames_zeros(f, 4);
	f->bytes[f->n++] = 5 << 4;
	f->bytes[f->n++] = (uint8_t)flags;
	frames_zeros(f, 6 + payload);
}

/* A whole TCP frame over IPv4. */
static inline void
frames_tcp4(struct frames *f, const char *src, unsigned sport,
    const char *dst, unsigned dport, unsigned flags, uint32_t seq,
    size_t payload)
{
	frames_ether(f, 0x0800, 0);
	frames_ipv4(f, IPPROTO_TCP, src, dst, 20 + payload, 1, 0);
	frames_tcp(f, sport, dport, flags, seq, payload);
}

#endif
