/*
 * How much of the system calls is traced, and what is forged: strace's
 * arguments for it.
 */
#ifndef HOST_LEVEL_H
#define HOST_LEVEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrib.h"
#include "controllist.h"

enum level {
	LEVEL_FULL,    /* every call */
	LEVEL_OBSERVE, /* the default: network, processes, files, signals, what
			* moves bytes; the rest (waiting, time, memory) runs
			* untouched, through seccomp-bpf, and is counted */
	LEVEL_FLOOD,   /* no call that moves a packet or bytes */
	/* To measure the others by (tests/bench); no events come of them. */
	LEVEL_PLAIN,   /* strace -f, as it is */
	LEVEL_NONE     /* no tracer at all */
};

/* 0 or -1. */
int level_parse(const char *, enum level *) A_MUST_USE;
const char *level_name(enum level);
/*
 * Checks what is to be forged, "connect=0,recv=1" (system call and its return
 * value): 0, or -1 with a line in why.
 */
int level_check_rewrite(const char *, char *why, size_t size) A_MUST_USE;
/*
 * Adds the tracer's words ("tracer=…") for a FRAME_RUN, and where it steps down
 * from, or that it is to keep its level. rewrite has been checked, or is NULL.
 */
void level_words(enum level, bool keep, const char *rewrite,
    struct control_list *);

#endif
