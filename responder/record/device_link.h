/*
 * The link to `device`: a Unix stream socket on which it sends every line of
 * device.jsonl as it writes it. From them we know what the sample is doing
 * right now; back goes word that the run's work is done. What comes in is
 * made of what the guest said: it is read as JSON, bounded, and not trusted.
 */
#ifndef RECORD_DEVICE_LINK_H
#define RECORD_DEVICE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/attrib.h"

struct device_link;
struct event_base;

/* An event has come; valid within the callback. */
typedef void device_link_cb(void *, const json_t *event);

/*
 * Listens at path (mode 0600; what was there is replaced). NULL, with the
 * reason in the log, if that fails.
 */
struct device_link *device_link_new(struct event_base *, const char *path,
    device_link_cb *, void *) A_MUST_USE;
/* Removes the socket, too. */
void device_link_free(struct device_link *);
bool device_link_connected(const struct device_link *);
/* When the device last did something other than wait; monotonic ns. */
int64_t device_link_active(const struct device_link *);
/* How many such events there were. */
uint64_t device_link_events(const struct device_link *);
/* What the device says that it is ("i386"), or NULL. */
const char *device_link_arch(const struct device_link *);
/*
 * Tells a device that wants to know (it dumps memory then) that a command has
 * been handled, with a line that says which.
 */
void device_link_handled(struct device_link *, const char *line);
/* It was told, and has not answered yet: the next command may wait for it. */
bool device_link_busy(const struct device_link *);
/* Sends the line that the run has finished, now or when it connects. */
void device_link_finished(struct device_link *, const char *reason);

/* Is this event only waiting? Not activity for conn:settle. */
bool device_link_is_waiting(const json_t *event);

#endif
