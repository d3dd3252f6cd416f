/*
 * How much of the system calls is traced, and what is forged: strace's
 * arguments for it.
 */
#ifndef HOST_LEVEL_H
#define HOST_LEVEL_H

#include <stddef.h>

#include "base/attrib.h"
#include "control.h"

enum level {
	LEVEL_FULL,    /* every call */
	LEVEL_OBSERVE, /* network, processes, files, signals, read and write;
			* the rest runs untouched, through seccomp-bpf */
	LEVEL_FLOOD    /* no call that moves a packet or bytes */
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
 * Adds the tracer's words ("tracer=…") for a FRAME_RUN. rewrite has been
 * checked, or is NULL.
 */
void level_words(enum level, const char *rewrite, struct control_list *);

#endif
