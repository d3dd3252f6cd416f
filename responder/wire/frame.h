/*
 * One captured frame's addresses: link layer (Ethernet with VLAN tags, Linux
 * cooked, raw IP), IPv4 (RFC 791), IPv6 with extension headers (RFC 8200),
 * and the first bytes of TCP, UDP, SCTP, ICMP. It believes no length: what
 * the capture doesn't hold stays unknown.
 */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* Link types as pcap files number them (tcpdump.org/linktypes.html). */
enum frame_link {
	FRAME_ETHERNET = 1,
	FRAME_RAW = 101,
	FRAME_SLL = 113,
	FRAME_IPV4 = 228,
	FRAME_IPV6 = 229,
	FRAME_SLL2 = 276,
};

enum frame_tcp_flag {
	FRAME_FIN = 0x01,
	FRAME_SYN = 0x02,
	FRAME_RST = 0x04,
	FRAME_ACK = 0x10,
};

struct frame {
	uint16_t ethertype; /* behind VLAN tags; 0 if unknown */
	bool ip;	    /* src, dst and proto hold; all below needs it */
	uint8_t proto;	    /* IP protocol number behind extension headers */
	struct addr src, dst; /* ports; for ICMP the type and the code */
	bool ports;	      /* the ports (or type and code) are known */
	bool fragment;	      /* part of a datagram... */
	bool first;	      /* ... and it has the transport's header */
	uint32_t fragment_id;
	uint8_t tcp_flags;
	uint32_t tcp_seq;
	/* Behind the transport's header: what was captured of it, and how
	 * long it was on the wire (as far as the IP header tells). */
	const uint8_t *payload;
	size_t payload_size, payload_length;
};

/*
 * Reads a frame of n captured bytes. Returns 0, also for frames that aren't
 * IP; -1 if it is cut off or malformed before both addresses are known, or
 * the link type is none of ours.
 */
int frame_parse(struct frame *, int link, const uint8_t *, size_t n);
bool frame_link_known(int link);

#endif
