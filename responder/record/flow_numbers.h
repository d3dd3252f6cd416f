/*
 * What is counted of one flow, or of many together: packets and bytes each
 * way, first and last, the best second, TCP's flags.
 */
#ifndef RECORD_FLOW_NUMBERS_H
#define RECORD_FLOW_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/jsonw.h"
#include "wire/frame.h"

#define FLOW_SECOND INT64_C(1000000000)

struct flow_side {
	uint64_t packets, bytes;
};

struct flow_numbers {
	struct flow_side to_server, to_client;
	int64_t start, end; /* wall time in nanoseconds */
	int64_t second;	    /* that is being counted: wall / FLOW_SECOND */
	uint64_t second_packets, second_bytes, peak_packets, peak_bytes;
	uint32_t syn, fin, rst;
};

void flow_numbers_start(struct flow_numbers *, int64_t wall);
/* Counts a frame of `length` bytes on the wire. */
void flow_numbers_add(struct flow_numbers *, int64_t wall,
    const struct frame *, uint32_t length, bool to_server);
/* The objects "flow" and, for TCP, "tcp" of captures/README.md. */
void flow_numbers_write(const struct flow_numbers *, struct jsonw *,
    const char *state, uint8_t proto);

#endif
