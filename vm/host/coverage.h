/*
 * `coverage` events: which basic blocks of a function ran, and how often, from
 * each entry into it until it returns. A child that was forked inside has an
 * event of its own, with the blocks that it ran there.
 */
#ifndef HOST_COVERAGE_H
#define HOST_COVERAGE_H

#include <stddef.h>
#include <stdint.h>

#include "guestclock.h"
#include "probe.h"

struct events;
struct coverage;

/* All of it stays the caller's. */
struct coverage *coverage_new(struct events *, const struct guestclock *,
    const struct probes *);
void coverage_free(struct coverage *);
/* A block was entered; time is the guest's, monotonic. */
void coverage_hit(struct coverage *, const struct probe *, int64_t pid,
    int64_t time);
/* The function at this address returned in this process. */
void coverage_return(struct coverage *, uint64_t address, int64_t pid);
/* Tells all that is counted: the stream is over. */
void coverage_flush(struct coverage *);

#endif
