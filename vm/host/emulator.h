/*
 * Under qemu-user, strace sees the emulator's process: the sample's calls
 * arrive as native ones, and between them what the emulator does for itself.
 * This tells the two apart where it can: the emulator's start after an exec,
 * and the thread that it adds to each process. Watched with QEMU 7.2's
 * linux-user.
 */
#ifndef HOST_EMULATOR_H
#define HOST_EMULATOR_H

#include <stdbool.h>

#include "base/attrib.h"
#include "strace.h"

/* Where one process is in its own start. */
struct emulator {
	enum emulator_phase {
		EMULATOR_SAMPLE, /* the calls are the sample's */
		EMULATOR_EXEC,	 /* the emulator starts, after an exec */
		EMULATOR_FORK,	 /* it arranges itself in a new process */
	} phase;
	unsigned seen; /* calls in this phase */
};

void emulator_begin(struct emulator *, enum emulator_phase);
/* Whether this call, the process's next, is the emulator's own. */
bool emulator_owns(struct emulator *, const struct strace_line *) A_MUST_USE;

#endif
