/*
 * One TCP session, from accept to close: a `visit`. It frees itself when it
 * is over; who keeps it (visits.h) is told.
 */
#ifndef VISIT_H
#define VISIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/util.h>

#include "base/addr.h"
#include "base/attrib.h"
#include "house.h"
#include "script/stream.h"

struct greeter;
struct session;
struct visit;

/* What a visit needs to know of who keeps it. */
struct visit_keeper {
	const struct house *house;
	struct greeter *greeter;
	/* The visit is gone. */
	void (*ended)(void *);
};

/*
 * Takes the socket of a connection that has come, and opens its session. The
 * keeper, who isn't copied, outlives it.
 */
struct visit *visit_new(const struct visit_keeper *, void *,
    evutil_socket_t, const struct addr *src, const struct addr *dest)
    A_MUST_USE;
/* Looks at what has come, or obeys a policy; it may be gone afterwards. */
void visit_start(struct visit *);
/* Ends it with "stopped"; it may be gone afterwards. */
void visit_stop(struct visit *);

/* What there is to tell of a visit that goes on. */
struct visit_info {
	const struct session *session;
	const char *state; /* "undecided", "handshake", "played", "nobody's", … */
	const char *name, *sni; /* or NULL */
	bool tls;
};

void visit_info(const struct visit *, struct visit_info *);
/*
 * Sends a command at once, whatever its player does, as stream_command does
 * (script/stream.h); also to a peer that nobody plays. What the player does
 * meanwhile stays with the player's own command.
 */
uint64_t visit_send(struct visit *, const struct command *,
    char why[static STREAM_WHY_SIZE]) A_MUST_USE;
/* Hangs up; it may be gone afterwards. */
void visit_close(struct visit *);

#endif
