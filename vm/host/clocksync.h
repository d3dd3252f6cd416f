/*
 * How the guest's clocks stand, found out by pings over the control port:
 * before the run, roughly, so that they can be set, and then well; and after
 * it. In between they may be moved ahead (--skip-sleep).
 */
#ifndef HOST_CLOCKSYNC_H
#define HOST_CLOCKSYNC_H

#include "base/attrib.h"
#include "base/jsonw.h"
#include "control.h"
#include "guestclock.h"

struct events;

enum clocksync_when { CLOCKSYNC_ROUGH, CLOCKSYNC_BEFORE, CLOCKSYNC_AFTER };

/* Zeroed: nothing is known. */
struct clocksync {
	struct guestclock before, after;
	enum clocksync_when when;
	unsigned pings;
};

/* Begins to look; what an earlier look before the run said is forgotten. */
void clocksync_begin(struct clocksync *, struct control *,
    enum clocksync_when);
/* Asks the guest for an answer: also to see whether it still gives any. */
void clocksync_ping(struct control *);
/* Takes an answer and goes on asking; true once that was enough. */
bool clocksync_pong(struct clocksync *, struct control *,
    const struct ctlframe *) A_MUST_USE;
/* Sets the guest's wall clock to the host's. */
void clocksync_set(const struct clocksync *, struct control *);
/*
 * The guest's time goes on from somewhere else; ours does not. Tells of it,
 * unless it can't be.
 */
void clocksync_skipped(struct clocksync *, const struct ctlframe *,
    struct events *);
/* Adds the key clock to an open object, if it is known. */
void clocksync_tell(const struct guestclock *, struct jsonw *);

#endif
