/*
 * The journal: one file of JSON lines, appended to while the run goes on.
 * Events are collected in memory and written together, at the latest a tenth
 * of a second after the first of them, so that a killed process loses at most
 * that, and a busy one does one large write instead of thousands.
 */
#ifndef RECORD_JOURNAL_H
#define RECORD_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrib.h"
#include "base/jsonw.h"

struct event_base;
struct journal;

/*
 * Opens path for appending, mode 0600. NULL, with the reason in the log, if
 * that fails. journal_free writes what is left.
 */
struct journal *journal_open(struct event_base *, const char *path) A_MUST_USE;
void journal_free(struct journal *);
/*
 * Begins an event: `timestamp` (now) and `event_type` are written. The caller
 * adds keys to the writer returned, then calls journal_end, which says how many
 * bytes it was. One at a time.
 */
struct jsonw *journal_begin(struct journal *, const char *type);
size_t journal_end(struct journal *);
/*
 * Shows every event to somebody as it is written, its newline included; NULL
 * ends that. No event may be begun within it.
 */
typedef void journal_tap_cb(void *, const char *line, size_t);
void journal_tap(struct journal *, journal_tap_cb *, void *);
/*
 * Writes what was collected. When the disk takes nothing, lines are kept up
 * to a bound and then dropped whole; that is logged once and counted.
 */
void journal_flush(struct journal *);
/* Lines dropped so far. */
uint64_t journal_lost(const struct journal *);

#endif
