/*
 * Neighbour discovery of IPv6 (RFC 4861): the question who has an address, as
 * it comes in an Ethernet frame, and the frame that answers it.
 */
#ifndef WIRE_NEIGHBOUR_H
#define WIRE_NEIGHBOUR_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attrib.h"

#define NEIGHBOUR_MAC 6
/* Ethernet, IPv6, the advertisement with one option. */
#define NEIGHBOUR_FRAME (14 + 40 + 24 + 8)

struct neighbour {
	uint8_t mac[NEIGHBOUR_MAC]; /* of who asks */
	struct addr src;	    /* who asks; :: is trying an address out */
	struct addr target;	    /* for whom */
};

/* Reads a solicitation; -1 if the frame is none, or breaks section 7.1.1. */
int neighbour_parse(struct neighbour *, const uint8_t *, size_t n) A_MUST_USE;
/* Writes the advertisement that gives the target this MAC address. */
void neighbour_answer(const struct neighbour *,
    const uint8_t mac[static NEIGHBOUR_MAC],
    uint8_t out[static NEIGHBOUR_FRAME]);

#endif
