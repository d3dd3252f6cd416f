/*
 * `function` events from the kernel's probe hits: entries, returns and
 * comparisons; and what coverage.c makes of the blocks.
 */
#ifndef HOST_HITS_H
#define HOST_HITS_H

#include <stddef.h>
#include <stdint.h>

#include "guestclock.h"
#include "probe.h"
#include "received.h"

struct events;
struct hits;

/* A probe of this event has been hit often enough: it may be switched off. */
typedef void hits_enough_cb(void *arg, const char *event);

/*
 * All of it stays the caller's. probes may be NULL (nothing is told then) and
 * must have all that they will have; what the sample's functions receive is
 * added to received. enough may be NULL.
 */
struct hits *hits_new(struct events *, const struct guestclock *,
    const struct probes *, struct received *, hits_enough_cb *enough,
    void *arg);
void hits_free(struct hits *);
/*
 * Takes one page of the ring buffer. Returns how many events the kernel lost
 * before it, or -1 for bytes that are no page.
 */
int64_t hits_page(struct hits *, const uint8_t *, size_t n);
/* The stream is over: tells what is still being counted. */
void hits_flush(struct hits *);

#endif
