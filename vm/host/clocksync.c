/*
 * How the guest's clocks stand.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "clocksync.h"
#include "events.h"

#define CLOCKSYNC_PINGS 20
#define CLOCKSYNC_PINGS_ROUGH 4

void
clocksync_begin(struct clocksync *s, struct control *c,
    enum clocksync_when when)
{
	if (when != CLOCKSYNC_AFTER)
		memset(&s->before, 0, sizeof s->before);
	s->when = when;
	s->pings = 0;
	clocksync_ping(c);
}

void
clocksync_ping(struct control *c)
{
	uint8_t b[8];

	ctlframe_put64(b, (uint64_t)clock_wall());
	control_send(c, FRAME_PING, b, sizeof b);
}

bool
clocksync_pong(struct clocksync *s, struct control *c,
    const struct ctlframe *f)
{
	int64_t now = clock_wall();
	bool after = s->when == CLOCKSYNC_AFTER;
	struct ctlframe_pong p;

	if (ctlframe_parse_pong(f, &p) == -1)
		return false;
	/* Beside the one before the run, this tells how far they drifted. */
	if (after)
		p.wall = guestclock_minus_moves(&s->before, p.wall);
	guestclock_ping(after ? &s->after : &s->before, p.sent, now, p.wall,
	    p.mono);
	if (++s->pings >= (s->when == CLOCKSYNC_ROUGH ?
		CLOCKSYNC_PINGS_ROUGH : CLOCKSYNC_PINGS))
		return true;
	clocksync_ping(c);
	return false;
}

void
clocksync_set(const struct clocksync *s, struct control *c)
{
	uint8_t b[8];

	ctlframe_put64(b, (uint64_t)(clock_wall() + s->before.error));
	control_send(c, FRAME_CLOCK, b, sizeof b);
}

void
clocksync_skipped(struct clocksync *s, const struct ctlframe *f,
    struct events *events)
{
	struct ctlframe_skipped k;
	struct jsonw *j;

	if (ctlframe_parse_skipped(f, &k) == -1 ||
	    guestclock_move(&s->before, k.before, k.moved) == -1) {
		log_warn("the guest says that its clock was moved in a way "
			 "that can't be");
		return;
	}
	j = events_begin(events, guestclock_from_wall(&s->before, k.before),
	    "device");
	jsonw_int(j, "pid", k.pid);
	jsonw_object(j, "device");
	jsonw_string(j, "state", "skipped");
	jsonw_real(j, "wanted", (double)k.wanted / 1e9);
	jsonw_real(j, "waited", (double)k.waited / 1e9);
	jsonw_real(j, "moved", (double)k.moved / 1e9);
	jsonw_real(j, "moved_all",
	    (double)guestclock_moved(&s->before) / 1e9);
	jsonw_object_end(j);
	events_end(events);
}

void
clocksync_tell(const struct guestclock *c, struct jsonw *j)
{
	if (!c->known)
		return;
	jsonw_object(j, "clock");
	jsonw_int(j, "offset_ns", c->wall);
	jsonw_int(j, "mono_offset_ns", c->mono);
	jsonw_int(j, "error_ns", c->error);
	jsonw_object_end(j);
}
