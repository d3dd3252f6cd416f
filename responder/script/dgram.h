/*
 * dgram, as profiles know it: one datagram and its only answer.
 */
#ifndef SCRIPT_DGRAM_H
#define SCRIPT_DGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include <lua.h>

struct session;
struct udp_flow;

/* What a profile's dgram stands on; like struct stream (script/stream.h). */
struct packet {
	struct udp_flow *flow; /* NULL once it has gone */
	/* Answers where there is no flow: 0 or -1. NULL: by the flow. */
	int (*reply)(struct packet *, const void *, size_t);
	bool answered;
	struct session *session;
	const char *name; /* under which the destination was resolved */
	struct packet **handle;
};

/* Pushes the dgram for a profile, with its bytes. [-0, +1, m] */
void packet_push(lua_State *, struct packet *, const void *, size_t);
void packet_detach(struct packet *);

#endif
