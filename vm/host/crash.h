/*
 * A `crash` event from a core that the guest sent.
 */
#ifndef HOST_CRASH_H
#define HOST_CRASH_H

#include <stdint.h>

#include "elffile.h"

struct events;

struct crash {
	int64_t pid; /* 0: not known */
	int signal;	    /* as the guest says; 0: as the core says */
	const char *path;   /* of the core */
	const char *sha256; /* its sum */
	uint64_t size;
	const struct elf *program; /* the sample, and its path in the guest */
	const char *name;
};

/* Reads the core and writes the event, with what can be read of it. */
void crash_event(struct events *, const struct crash *);

#endif
