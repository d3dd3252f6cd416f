/*
 * The control protocol's frames (protocol.h), as bytes: no sockets, no clock.
 * What comes in was written by a guest that the sample may own.
 */
#ifndef HOST_CTLFRAME_H
#define HOST_CTLFRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"
#include "protocol.h"

struct ctlframe {
	uint8_t type; /* an enum frame_type, if the guest is honest */
	const uint8_t *payload;
	size_t length;
};

/* What a guest may say of one request. */
struct ctlframe_result {
	uint8_t request;
	uint32_t error; /* an errno of the guest's, 0 is success */
	const char *text; /* not ended by a NUL */
	size_t length;
};

/* Three times of one ping, nanoseconds. */
struct ctlframe_pong {
	int64_t sent, wall, mono;
};

/* A sleep that was cut short, nanoseconds; FRAME_SKIPPED. */
struct ctlframe_skipped {
	uint32_t pid;
	int64_t wanted, waited, before, moved;
};

/*
 * Reads the frame at the start of data. Returns the bytes that it takes, 0 if
 * it is not whole yet, -1 if this can't be a frame: the stream is lost then.
 * The payload points into data.
 */
int64_t ctlframe_parse(const uint8_t *data, size_t n, struct ctlframe *) A_MUST_USE;
/* Writes a head for n bytes of payload. */
void ctlframe_head(uint8_t out[static FRAME_HEAD], enum frame_type, size_t n);
/* 0 or -1. */
int ctlframe_parse_result(const struct ctlframe *, struct ctlframe_result *) A_MUST_USE;
int ctlframe_parse_skipped(const struct ctlframe *, struct ctlframe_skipped *)
    A_MUST_USE;
int ctlframe_parse_pong(const struct ctlframe *, struct ctlframe_pong *) A_MUST_USE;
/*
 * The value of a key in a list of key=value: a copy for the caller to free,
 * with what is not printable ASCII replaced, or NULL.
 */
char *ctlframe_value(const uint8_t *list, size_t n, const char *key) A_MUST_USE;

uint32_t ctlframe_get32(const uint8_t *);
uint64_t ctlframe_get64(const uint8_t *);
void ctlframe_put32(uint8_t *, uint32_t);
void ctlframe_put64(uint8_t *, uint64_t);

#endif
