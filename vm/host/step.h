/*
 * What the tracer says of itself (vm/guest/preload/stepper.c): a thread of
 * which it shows less, or all again; and what such a thread does meanwhile.
 *
 *	level TID SECONDS.NANO FROM TO RATE REASON
 *	fork TID SECONDS.NANO CHILD [thread]
 *	busy TID SECONDS.NANO NANOSECONDS
 *
 * Hostile like all that the guest says.
 */
#ifndef HOST_STEP_H
#define HOST_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"
#include "callevent.h"
#include "level.h"

enum step_kind {
	STEP_LEVEL, /* from now on it is shown like that */
	STEP_FORK,  /* it made a process, unseen by strace */
	STEP_BUSY   /* it has run so long since the last one, unseen */
};

struct step {
	enum step_kind kind;
	int64_t pid, time; /* guest's wall clock, nanoseconds */
	enum level from, to;
	int64_t rate; /* calls a second that led to it; 0 on the way up */
	char reason[16];
	int64_t child;
	bool thread;
	int64_t ran; /* nanoseconds */
};

/* Reads a line; 0, or -1 for one that is none. */
int step_parse(struct step *, const char *line, size_t n) A_MUST_USE;
/* Writes the event of STEP_LEVEL and STEP_BUSY. */
void step_write(const struct step *, const struct callevent *);

#endif
