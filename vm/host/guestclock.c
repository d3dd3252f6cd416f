/*
 * The guest's clocks seen from outside.
 */
#include "guestclock.h"

void
guestclock_ping(struct guestclock *c, int64_t sent, int64_t received,
    int64_t guest_wall, int64_t guest_mono)
{
	int64_t error = (received - sent) / 2, middle = sent + error;

	if (error < 0 || (c->known && error >= c->error))
		return;
	/* A hostile guest's numbers may not overflow ours. */
	if (__builtin_sub_overflow(guest_wall, middle, &c->wall) ||
	    __builtin_sub_overflow(guest_mono, middle, &c->mono))
		return;
	c->error = error;
	c->known = true;
}

static int64_t
guestclock_minus(int64_t guest, int64_t offset)
{
	int64_t host;

	return __builtin_sub_overflow(guest, offset, &host) ? 0 : host;
}

int64_t
guestclock_from_wall(const struct guestclock *c, int64_t guest)
{
	return guestclock_minus(guest, c->wall);
}

int64_t
guestclock_from_mono(const struct guestclock *c, int64_t guest)
{
	return guestclock_minus(guest, c->mono);
}
