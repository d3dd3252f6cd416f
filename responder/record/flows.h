/*
 * The flow table: who spoke with whom, how much and how fast; written as
 * flows.jsonl (captures/README.md has the format). A sample may flood from a
 * million invented sources, so the table is bounded: what doesn't fit is
 * counted together, per destination.
 */
#ifndef RECORD_FLOWS_H
#define RECORD_FLOWS_H

#include <stddef.h>
#include <stdint.h>

#include "wire/frame.h"

struct flows_limits {
	unsigned flows;		 /* in the table at once */
	unsigned per_destination; /* of these, of one protocol to one host */
	unsigned destinations;	 /* that have counters of their own */
	unsigned names;		 /* that addresses were given by DNS */
	unsigned interim;	 /* interim lines a tick */
};

/* What the recorder uses. */
extern const struct flows_limits flows_defaults;

struct flows_counts {
	uint64_t flows;	     /* that had a line of their own */
	uint64_t aggregated; /* packets counted only per destination */
	uint64_t other;	     /* frames that aren't IP, or too short */
};

/* Takes one whole line, newline included. */
typedef void (*flows_line_cb)(void *arg, const char *, size_t);

struct flows;

struct flows *flows_new(const struct flows_limits *, flows_line_cb, void *arg);
/* Writes nothing; flows_stop does. */
void flows_free(struct flows *);

/*
 * Counts one frame of `length` bytes on the wire. parsed is NULL for a frame
 * that frame_parse refused. wall is the frame's stamp in nanoseconds.
 */
void flows_packet(struct flows *, int64_t wall, const struct frame *parsed,
    uint32_t length);
/* From now on this address is shown with this name (copied). */
void flows_name(struct flows *, const struct addr *, const char *name);
/* Ends idle flows and writes interim lines; call it every second or so. */
void flows_tick(struct flows *, int64_t wall);
/* Writes the last line of everything that is in the table. */
void flows_stop(struct flows *);
struct flows_counts flows_counts(const struct flows *);

/*
 * Rewrites DIR/flows.jsonl without its interim lines, beside and by rename.
 * 0, or -1 with errno set and the old file left as it was.
 */
int flows_compact(const char *dir) A_MUST_USE;

#endif
