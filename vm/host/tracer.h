/*
 * From the tracers' streams to events: strace's lines and the kernel's probe
 * hits in, `process`, `syscall`, `function` and `stats` events out. It knows
 * which processes are the sample's, joins calls that strace shows in two
 * halves, and puts a child's events behind the fork that made it.
 */
#ifndef HOST_TRACER_H
#define HOST_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guestclock.h"
#include "probe.h"

struct events;
struct ctlframe;
struct tracer;

struct tracer_callbacks {
	/* The sample's first instruction is next; wall time, ns. */
	void (*started)(void *arg, int64_t wall, int64_t pid);
	/* The stream is complete. */
	void (*ended)(void *arg);
	/* This event of tracefs may be switched off; may be NULL. */
	void (*enough)(void *arg, const char *event);
};

/*
 * path is the sample's in its cell. Clock and probes are the caller's; the
 * clock, and what tracefs says of the probes, may still be filled until the
 * first byte comes; probes may be NULL.
 */
struct tracer *tracer_new(struct events *, const struct guestclock *,
    struct probes *, const char *path, const struct tracer_callbacks *,
    void *arg);
void tracer_free(struct tracer *);
/* The sample runs under an emulator, whose own calls are to be left out. */
void tracer_emulated(struct tracer *);
/* Takes strace's bytes, whatever their boundaries. */
void tracer_strace(struct tracer *, const void *, size_t n);
/* Takes bytes of the ring buffer's stream (protocol.h). */
void tracer_ring(struct tracer *, const void *, size_t n);
/* Takes a piece of the kernel's histogram of system calls (FRAME_COUNTS). */
void tracer_counts(struct tracer *, const char *, size_t n);
/* Takes what a process of the sample calls itself (FRAME_TITLE). */
void tracer_title(struct tracer *, const struct ctlframe *);
/* Takes what the guest says of the sample's sockets (FRAME_SOCKETS). */
void tracer_sockets(struct tracer *, const char *, size_t n);
/* Takes what the tracer says of itself (FRAME_STEPS). */
void tracer_steps(struct tracer *, const char *, size_t n);
/* Writes the `stats` event of all so far. */
void tracer_stats(struct tracer *);
/* Hands out what waits for its other half: the streams are over. */
void tracer_flush(struct tracer *);
/* Both streams said that they are complete. */
bool tracer_complete(const struct tracer *);
/* Why the sample could not be executed (an errno's name), or NULL. */
const char *tracer_exec_error(const struct tracer *);

#endif
