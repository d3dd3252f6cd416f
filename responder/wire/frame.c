/*
 * Frames: each layer's function asks for its bytes before it reads them, and
 * hands the rest to the next.
 */
#include <netinet/in.h>
#include <string.h>

#include "wire/frame.h"

#define FRAME_EXTENSIONS_MAX 8

struct frame_bytes {
	const uint8_t *p;
	size_t n;	/* captured */
	size_t length;	/* on the wire, n or more; 0 if not known */
};

static unsigned
frame_u16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static uint32_t
frame_u32(const uint8_t *p)
{
	return (uint32_t)frame_u16(p) << 16 | frame_u16(p + 2);
}

/* Steps over n bytes; false if the capture doesn't hold them. */
static bool
frame_skip(struct frame_bytes *b, size_t n)
{
	if (b->n < n)
		return false;
	b->p += n;
	b->n -= n;
	b->length = b->length > n ? b->length - n : 0;
	return true;
}

/* The rest is the transport's payload. */
static void
frame_payload(struct frame *f, const struct frame_bytes *b)
{
	f->payload = b->p;
	f->payload_size = b->n < b->length ? b->n : b->length;
	f->payload_length = b->length;
}

/* RFC 9293, 3.1: ports, sequence number, header length, flags. */
static void
frame_tcp(struct frame *f, struct frame_bytes *b)
{
	if (b->n < 14)
		return;
	f->tcp_seq = frame_u32(b->p + 4);
	f->tcp_flags = b->p[13];
	size_t header = (size_t)(b->p[12] >> 4) * 4;
	if (header >= 20 && frame_skip(b, header))
		frame_payload(f, b);
}

/* Reads ports, or an ICMP message's type and code. */
static void
frame_transport(struct frame *f, struct frame_bytes *b)
{
	switch (f->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		if (b->n < 4)
			return;
		f->src.port = (uint16_t)frame_u16(b->p);
		f->dst.port = (uint16_t)frame_u16(b->p + 2);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (b->n < 2)
			return;
		f->src.port = b->p[0];
		f->dst.port = b->p[1];
		break;
	default:
		frame_payload(f, b);
		return;
	}
	f->ports = true;
	if (f->proto == IPPROTO_TCP)
		frame_tcp(f, b);
	else if (frame_skip(b, 8)) /* UDP, ICMP: 8; SCTP's chunks: later */
		frame_payload(f, b);
}

/* RFC 791, 3.1. */
static int
frame_ipv4(struct frame *f, struct frame_bytes *b)
{
	if (b->n < 20 || b->p[0] >> 4 != 4)
		return -1;
	size_t header = (size_t)(b->p[0] & 15) * 4;
	size_t total = frame_u16(b->p + 2);
	unsigned fragment = frame_u16(b->p + 6);

	if (header < 20)
		return -1;
	f->ip = true;
	f->proto = b->p[9];
	f->src.family = f->dst.family = AF_INET;
	memcpy(f->src.bytes, b->p + 12, 4);
	memcpy(f->dst.bytes, b->p + 16, 4);
	f->fragment = (fragment & 0x3fff) != 0;
	f->first = (fragment & 0x1fff) == 0;
	f->fragment_id = (uint32_t)frame_u16(b->p + 4);
	/* Total length 0: segmentation offload has yet to fill it in. */
	b->length = total >= header ? total : b->n;
	if (!frame_skip(b, header))
		return 0;
	if (f->first)
		frame_transport(f, b);
	else
		frame_payload(f, b);
	return 0;
}

/*
 * Walks IPv6 extension headers (RFC 8200, 4) from the header of kind `next`
 * up to the transport's. False if the capture ends before.
 */
static bool
frame_extensions(struct frame *f, struct frame_bytes *b, uint8_t next)
{
	for (int i = 0; i < FRAME_EXTENSIONS_MAX; i++) {
		size_t size;

		f->proto = next;
		switch (next) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			if (b->n < 2)
				return false;
			size = ((size_t)b->p[1] + 1) * 8;
			break;
		case IPPROTO_AH:
			if (b->n < 2)
				return false;
			size = ((size_t)b->p[1] + 2) * 4;
			break;
		case IPPROTO_FRAGMENT:
			if (b->n < 8)
				return false;
			f->fragment = (frame_u16(b->p + 2) & 0xfff9) != 0;
			f->first = (frame_u16(b->p + 2) & 0xfff8) == 0;
			f->fragment_id = frame_u32(b->p + 4);
			size = 8;
			break;
		default:
			return true;
		}
		next = b->p[0];
		f->proto = next;
		if (!frame_skip(b, size))
			return false;
		if (!f->first)
			return true;
	}
	return false;
}

/* RFC 8200, 3. */
static int
frame_ipv6(struct frame *f, struct frame_bytes *b)
{
	if (b->n < 40 || b->p[0] >> 4 != 6)
		return -1;
	uint8_t next = b->p[6];
	size_t length = frame_u16(b->p + 4);

	f->ip = true;
	f->first = true;
	f->src.family = f->dst.family = AF_INET6;
	memcpy(f->src.bytes, b->p + 8, 16);
	memcpy(f->dst.bytes, b->p + 24, 16);
	frame_skip(b, 40);
	b->length = length != 0 ? length : b->n; /* 0: offload, or a jumbogram */
	if (!frame_extensions(f, b, next))
		return 0;
	if (f->first)
		frame_transport(f, b);
	else
		frame_payload(f, b);
	return 0;
}

/* Reads what the ethertype says, behind up to two VLAN tags (802.1Q). */
static int
frame_network(struct frame *f, struct frame_bytes *b, unsigned type)
{
	for (int tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8);
	     tags++) {
		if (b->n < 4)
			return -1;
		type = frame_u16(b->p + 2);
		frame_skip(b, 4);
	}
	f->ethertype = (uint16_t)type;
	if (type == 0x0800)
		return frame_ipv4(f, b);
	if (type == 0x86dd)
		return frame_ipv6(f, b);
	return 0;
}

/* Raw IP: the first half byte tells the version. */
static int
frame_raw(struct frame *f, struct frame_bytes *b)
{
	if (b->n == 0)
		return -1;
	return frame_network(f, b, b->p[0] >> 4 == 6 ? 0x86dd : 0x0800);
}

/* Where each link layer has its ethertype, and how long it is. */
static const struct frame_link_row {
	int link;
	size_t type_at, header; /* header 0: raw IP */
} frame_links[] = {
	{ FRAME_ETHERNET, 12, 14 },
	{ FRAME_RAW, 0, 0 },
	{ FRAME_SLL, 14, 16 },
	{ FRAME_IPV4, 0, 0 },
	{ FRAME_IPV6, 0, 0 },
	{ FRAME_SLL2, 0, 20 },
	{ 12, 0, 0 }, /* DLT_RAW as libpcap calls it on Linux */
};

static const struct frame_link_row *
frame_link_row(int link)
{
	for (size_t i = 0; i < sizeof frame_links / sizeof *frame_links; i++)
		if (frame_links[i].link == link)
			return &frame_links[i];
	return NULL;
}

bool
frame_link_known(int link)
{
	return frame_link_row(link) != NULL;
}

int
frame_parse(struct frame *f, int link, const uint8_t *p, size_t n)
{
	const struct frame_link_row *row = frame_link_row(link);
	struct frame_bytes b = { p, n, 0 };

	memset(f, 0, sizeof *f);
	if (row == NULL)
		return -1;
	if (row->header == 0)
		return frame_raw(f, &b);
	if (n < row->header)
		return -1;
	unsigned type = frame_u16(p + row->type_at);
	frame_skip(&b, row->header);
	return frame_network(f, &b, type);
}
