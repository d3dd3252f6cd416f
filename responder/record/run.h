/*
 * One run's evidence: the journal, the folder of payloads, and the counters
 * and caps that all sessions share.
 */
#ifndef RECORD_RUN_H
#define RECORD_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"

#define RUN_SHA256_SIZE 65

struct event_base;
struct journal;

struct run_limits {
	uint64_t session_payload; /* bytes of `data` events, a session */
	uint64_t run_payload;	  /* the same, all sessions together */
	uint64_t file_size;	  /* bytes of one stored file */
	uint64_t files_size;	  /* of all files together */
};

struct run {
	struct journal *journal;
	struct run_limits limits;
	int files; /* folder files/ */
	uint64_t sessions, commands; /* handed out so far */
	uint64_t bytes[2];	     /* by enum session_direction */
	uint64_t payload;	     /* shown in `data` events */
	uint64_t stored;	     /* bytes under files/ */
};

/*
 * Opens dir (made if it isn't there) with session.jsonl and files/ in it.
 * NULL, with the reason in the log, if that fails.
 */
struct run *run_open(struct event_base *, const char *dir,
    const struct run_limits *) A_MUST_USE;
void run_close(struct run *);
/*
 * Writes a `run` event. reason may be NULL; "stopped" carries the counts.
 */
void run_state(struct run *, const char *state, const char *reason);
/*
 * Stores bytes under files/, named by their SHA-256, which goes to sha256.
 * 0; -1 if the file is too large for the limits or the disk refuses: errno
 * is EFBIG or what the system said, and sha256 is set all the same.
 */
int run_store(struct run *, const void *, size_t,
    char sha256[static RUN_SHA256_SIZE]) A_MUST_USE;

#endif
