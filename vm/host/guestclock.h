/*
 * The guest's clocks seen from outside. A ping gives three times; of several,
 * the one with the shortest round trip says best how far the guest's clocks
 * are off: by half that round trip at most (RFC 5905, section 8, without its
 * filters: nothing lies between the two but QEMU).
 */
#ifndef HOST_GUESTCLOCK_H
#define HOST_GUESTCLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most times that the guest's wall clock is set ahead in a run. */
#define GUESTCLOCK_MOVES_MAX 1000

struct guestclock {
	int64_t wall, mono; /* guest's clock minus host's wall clock, ns */
	int64_t error;	    /* either may be off by so much, ns */
	bool known;
	/* Wall stamps from `from` on are ahead by `ns`, all moves together. */
	struct guestclock_move {
		int64_t from, ns;
	} moves[GUESTCLOCK_MOVES_MAX];
	size_t move_count;
};

/*
 * Takes one ping: sent and received by the host's wall clock, and what the
 * guest's clocks said in between. Keeps it if it is the best so far.
 */
void guestclock_ping(struct guestclock *, int64_t sent, int64_t received,
    int64_t guest_wall, int64_t guest_mono);
/*
 * The guest's wall clock was set ahead by ns when it stood at before; what it
 * stamped until then keeps its meaning. -1 if that can't be, or is too much.
 */
int guestclock_move(struct guestclock *, int64_t before, int64_t ns);
/* How far it has been set ahead, all together. */
int64_t guestclock_moved(const struct guestclock *);
/* A wall stamp of the guest's as it would be without the moves. */
int64_t guestclock_minus_moves(const struct guestclock *, int64_t guest);
/* The host's wall time of a stamp of the guest's. */
int64_t guestclock_from_wall(const struct guestclock *, int64_t guest);
int64_t guestclock_from_mono(const struct guestclock *, int64_t guest);

#endif
