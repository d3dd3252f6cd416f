/*
 * A stream whose bytes are handed on a little later than they come, so that
 * what another stream tells of the time before them is there first: strace's
 * lines leave the guest in pieces (vm/guest/preload/lines.c), the probes' hits
 * at once.
 */
#ifndef HOST_DELAY_H
#define HOST_DELAY_H

#include <stddef.h>

#include "base/attrib.h"

struct delay;
struct event_base;

/* Bytes stay for one to two of these, milliseconds. */
#define DELAY_TICK 40

struct delay *delay_new(struct event_base *,
    void (*out)(void *arg, const void *, size_t n), void *arg) A_MUST_USE;
/* What is left is not handed on. */
void delay_free(struct delay *);
void delay_bytes(struct delay *, const void *, size_t n);
/* Hands on what is left, now. */
void delay_flush(struct delay *);

#endif
