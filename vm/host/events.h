/*
 * device.jsonl: one event a line (captures/README.md), written to the disk
 * within half a second, and to the link at once.
 */
#ifndef HOST_EVENTS_H
#define HOST_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrib.h"
#include "base/jsonw.h"

struct event_base;
struct events;
struct link;

/*
 * Opens DIR/device.jsonl; NULL with errno if it can't. failed is called once
 * when a write fails (a full disk): what had been written stays.
 */
struct events *events_new(struct event_base *, const char *dir,
    void (*failed)(void *arg, const char *why), void *arg) A_MUST_USE;
void events_free(struct events *);
/* The link gets every line from now on; it stays its owner's. NULL ends it. */
void events_set_link(struct events *, struct link *);
/* Begins a line with its time (wall, ns) and type; add keys, then end it. */
struct jsonw *events_begin(struct events *, int64_t wall, const char *type);
/* The line that was begun. */
struct jsonw *events_line(struct events *);
void events_end(struct events *);
void events_flush(struct events *);
uint64_t events_count(const struct events *);

#endif
