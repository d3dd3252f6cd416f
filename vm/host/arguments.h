/*
 * The arguments of a probed function at its entry, as the kernel fetched them:
 * each is told once, as the text that it leads to, else as a number.
 */
#ifndef HOST_ARGUMENTS_H
#define HOST_ARGUMENTS_H

#include <stdbool.h>

#include "base/jsonw.h"
#include "probe.h"
#include "received.h"
#include "tracebuf.h"

/* An entry of this probe; all of it stays the caller's. */
struct arguments {
	const struct probe *probe;
	const struct tracebuf_order *order;
	const struct tracebuf_event *event;
	const struct received *received; /* by the sample, until now */
};

/* Does one of them (of a function of its own: of the first two) lead to text
 * that the sample received? */
bool arguments_received(const struct arguments *);
/* Adds them to an open object as the list "args". */
void arguments_write(const struct arguments *, struct jsonw *);

#endif
