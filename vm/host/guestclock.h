/*
 * The guest's clocks seen from outside. A ping gives three times; of several,
 * the one with the shortest round trip says best how far the guest's clocks
 * are off: by half that round trip at most (RFC 5905, section 8, without its
 * filters: nothing lies between the two but QEMU).
 */
#ifndef HOST_GUESTCLOCK_H
#define HOST_GUESTCLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct guestclock {
	int64_t wall, mono; /* guest's clock minus host's wall clock, ns */
	int64_t error;	    /* either may be off by so much, ns */
	bool known;
};

/*
 * Takes one ping: sent and received by the host's wall clock, and what the
 * guest's clocks said in between. Keeps it if it is the best so far.
 */
void guestclock_ping(struct guestclock *, int64_t sent, int64_t received,
    int64_t guest_wall, int64_t guest_mono);
/* The host's wall time of a stamp of the guest's. */
int64_t guestclock_from_wall(const struct guestclock *, int64_t guest);
int64_t guestclock_from_mono(const struct guestclock *, int64_t guest);

#endif
