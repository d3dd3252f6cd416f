/*
 * `process` and `syscall` events from strace's lines: one function an event.
 * Times in the lines are the guest's wall clock.
 */
#ifndef HOST_CALLEVENT_H
#define HOST_CALLEVENT_H

#include "guestclock.h"
#include "straceargs.h"

struct events;

/* Where events go, and how the guest's time becomes ours. */
struct callevent {
	struct events *events;
	const struct guestclock *clock;
};

/* An execve that was done. */
void callevent_exec(const struct callevent *, const struct strace_line *,
    const struct strace_details *);
/* A call that made the process child. */
void callevent_fork(const struct callevent *, const struct strace_line *,
    int64_t child);
/* STRACE_EXITED or STRACE_KILLED. */
void callevent_end(const struct callevent *, const struct strace_line *);
void callevent_signal(const struct callevent *, const struct strace_line *);
void callevent_syscall(const struct callevent *, const struct strace_line *,
    const struct strace_details *);

#endif
