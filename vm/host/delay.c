/*
 * A stream whose bytes are handed on a little later than they come.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "base/xmalloc.h"
#include "delay.h"
#include "pending.h"

struct delay {
	struct pending held;
	size_t due; /* of it: what was there at the last tick */
	struct event *timer;
	void (*out)(void *, const void *, size_t);
	void *arg;
};

static void
delay_wait(struct delay *d)
{
	const struct timeval tick = { 0, DELAY_TICK * 1000 };

	event_add(d->timer, &tick);
}

static void
delay_hand_on(struct delay *d, size_t n)
{
	struct pending part = d->held;

	if (n == 0)
		return;
	/* More may come while they are handed on. */
	d->held = (struct pending) { 0 };
	pending_append(&d->held, part.data + n, part.n - n);
	d->out(d->arg, part.data, n);
	pending_free(&part);
}

static void
delay_tickcb(int fd, short what, void *arg)
{
	struct delay *d = arg;
	size_t n = d->due;

	(void)fd;
	(void)what;
	d->due = d->held.n - n;
	if (d->due > 0)
		delay_wait(d);
	delay_hand_on(d, n);
}

struct delay *
delay_new(struct event_base *base, void (*out)(void *, const void *, size_t),
    void *arg)
{
	struct delay *d = xcalloc(1, sizeof *d);

	d->timer = event_new(base, -1, 0, delay_tickcb, d);
	d->out = out;
	d->arg = arg;
	return d;
}

void
delay_free(struct delay *d)
{
	if (d == NULL)
		return;
	event_free(d->timer);
	pending_free(&d->held);
	free(d);
}

void
delay_bytes(struct delay *d, const void *data, size_t n)
{
	pending_append(&d->held, data, n);
	if (!event_pending(d->timer, EV_TIMEOUT, NULL))
		delay_wait(d);
}

void
delay_flush(struct delay *d)
{
	event_del(d->timer);
	d->due = 0;
	delay_hand_on(d, d->held.n);
}
