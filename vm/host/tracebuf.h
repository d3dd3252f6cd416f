/*
 * The kernel's trace ring buffer as it comes from trace_pipe_raw (kernel 6.1,
 * include/linux/ring_buffer.h, kernel/trace/ring_buffer.c): one page after
 * another, in the guest's byte order, and the descriptions of events that
 * tracefs gives ("format" files). Hostile like all that the guest says.
 *
 *	page:  time, ns (8) | bytes used (4 or 8, as wide as a long) | entries
 *	entry: type or length (5 bits) and time since the last one (27 bits),
 *	       then the event's bytes
 */
#ifndef HOST_TRACEBUF_H
#define HOST_TRACEBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"

#define TRACEBUF_FIELDS 24

struct tracebuf_field {
	char name[32];
	uint16_t offset, size;
	bool is_signed;
	bool text; /* __data_loc: offset and length of a string elsewhere */
};

/* What one kind of event looks like. */
struct tracebuf_format {
	char name[64];
	uint16_t id;
	size_t count;
	struct tracebuf_field fields[TRACEBUF_FIELDS];
};

struct tracebuf_event {
	int64_t time; /* nanoseconds of the guest's trace clock */
	uint16_t id;
	int32_t pid;
	const uint8_t *data; /* with the common head, as formats count */
	size_t n;
};

struct tracebuf_order {
	bool big;
	uint8_t long_size; /* 4 or 8 */
};

typedef void tracebuf_cb(void *arg, const struct tracebuf_event *);

/*
 * Calls cb for each event of a page. Returns how many events the kernel says
 * it lost before this page (1 if it doesn't say how many), or -1 for bytes
 * that are no page.
 */
int64_t tracebuf_page(const struct tracebuf_order *, const uint8_t *,
    size_t n, tracebuf_cb *, void *arg);
/* Reads a "format" file; 0 or -1. */
int tracebuf_format(struct tracebuf_format *, const char *, size_t n)
    A_MUST_USE;
/* The field of that name, or NULL. */
const struct tracebuf_field *tracebuf_field(const struct tracebuf_format *,
    const char *name);
/* Its number in this event; 0 or -1 if the event is too short. */
int tracebuf_number(const struct tracebuf_order *,
    const struct tracebuf_event *, const struct tracebuf_field *, int64_t *)
    A_MUST_USE;
/*
 * Its text in this event, without the NUL; NULL if the event is too short or
 * the kernel could not read the string.
 */
const char *tracebuf_text(const struct tracebuf_order *,
    const struct tracebuf_event *, const struct tracebuf_field *, size_t *n)
    A_MUST_USE;

#endif
