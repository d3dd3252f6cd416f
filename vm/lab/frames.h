/*
 * The canary's frames: what a device might send to get out. Each carries a
 * random marker and its own number, so that it is known again wherever it
 * turns up, with whatever headers. Pure bytes, no sockets.
 *
 *   Ethernet | IPv4 or IPv6 | TCP SYN, UDP or ICMP echo | marker | number
 *   Ethernet | ARP request or neighbour solicitation    | marker | number
 */
#ifndef LAB_FRAMES_H
#define LAB_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define FRAME_SIZE 128
#define CANARY_MARKER 16

enum frame_kind { FRAME_ARP, FRAME_NS, FRAME_ICMP, FRAME_TCP, FRAME_UDP };

/* Who sends: random for each run of the program. */
struct canary {
	uint8_t mac[6];
	uint8_t marker[CANARY_MARKER];
	struct addr ip4, ip6;
};

struct frame {
	enum frame_kind kind;
	struct addr to;
	bool broadcast; /* to every port of the bridge, not to its MAC */
	bool seen;	/* on the bridge */
	bool answered;
	size_t length;
	uint8_t bytes[FRAME_SIZE];
};

/* A new one; its addresses are in the lab's own LAN. */
void canary_init(struct canary *);
/*
 * Builds one frame. FRAME_ARP takes an IPv4 address, FRAME_NS an IPv6 one
 * (RFC 826; RFC 4861, 4.3); bridge is the MAC for what isn't broadcast.
 */
void frame_make(struct frame *, const struct canary *, enum frame_kind,
    const struct addr *to, bool broadcast, const uint8_t bridge[static 6],
    uint16_t number);
/* The number of the canary's frame that these bytes hold, or -1. */
int frame_find(const struct canary *, const uint8_t *, size_t);
/* "TCP", "ICMP", … */
const char *frame_name(const struct frame *);
/*
 * Is this frame, which came for the canary, the answer to that one? ARP reply,
 * neighbour advertisement, or echo reply from the address that was asked.
 */
bool frame_answers(const uint8_t *, size_t, const struct canary *,
    const struct frame *);

#endif
