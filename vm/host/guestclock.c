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

int
guestclock_move(struct guestclock *c, int64_t before, int64_t ns)
{
	struct guestclock_move *m = &c->moves[c->move_count];

	if (c->move_count == GUESTCLOCK_MOVES_MAX || ns <= 0 ||
	    __builtin_add_overflow(before, ns, &m->from) ||
	    __builtin_add_overflow(guestclock_moved(c), ns, &m->ns) ||
	    (c->move_count > 0 && before < m[-1].from))
		return -1;
	c->move_count++;
	return 0;
}

int64_t
guestclock_moved(const struct guestclock *c)
{
	return c->move_count == 0 ? 0 : c->moves[c->move_count - 1].ns;
}

/*
 * No stamp lies between a move's `before` and its `from`, so a stamp tells by
 * itself which moves it has seen.
 */
int64_t
guestclock_minus_moves(const struct guestclock *c, int64_t guest)
{
	size_t i = c->move_count;

	while (i > 0 && c->moves[i - 1].from > guest)
		i--;
	return i == 0 ? guest : guestclock_minus(guest, c->moves[i - 1].ns);
}

int64_t
guestclock_from_wall(const struct guestclock *c, int64_t guest)
{
	return guestclock_minus(guestclock_minus_moves(c, guest), c->wall);
}

int64_t
guestclock_from_mono(const struct guestclock *c, int64_t guest)
{
	return guestclock_minus(guest, c->mono);
}
