/*
 * What a process of the sample calls itself (vm/guest/titles.c): its name and
 * its command line, as /proc shows them (proc(5), comm and cmdline). Hostile
 * like all that the guest says.
 */
#ifndef HOST_TITLE_H
#define HOST_TITLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"
#include "callevent.h"
#include "ctlframe.h"

struct title {
	int64_t pid, time; /* guest's wall clock, nanoseconds */
	const char *name;  /* in the frame, as are the words */
	const char *words; /* each with a NUL behind it, but for the last */
	size_t words_n;
};

/* Reads a FRAME_TITLE; 0, or -1 for one that is none. */
int title_parse(struct title *, const struct ctlframe *) A_MUST_USE;
/* Writes the event: `process` with the action `title`. */
void title_write(const struct title *, const struct callevent *);

#endif
