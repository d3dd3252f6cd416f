/*
 * The server's side of HTTP/2 (RFC 9113) as bytes in, requests out, and
 * responses in, bytes out. Frames and HPACK are nghttp2's work; what is ours
 * are the bounds and whole requests instead of events. It knows no socket: who
 * owns it feeds what came and sends what http2_output gives.
 */
#ifndef WIRE_HTTP2_H
#define WIRE_HTTP2_H

#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"

#define HTTP2_BODY_MAX (256 * 1024) /* bytes of a request's body */
#define HTTP2_HEADERS_MAX (64 * 1024) /* bytes of a request's header fields */
#define HTTP2_FIELDS_MAX 128
#define HTTP2_STREAMS_MAX 32

struct http2;

struct http2_field {
	char *name, *value; /* NUL-terminated copies; a value may hold NULs */
	size_t value_length;
};

/* One request, whole; it belongs to the http2 until it is answered. */
struct http2_request {
	int32_t stream;
	struct http2_field *fields; /* pseudo-fields too: ":method", … */
	size_t field_count;
	uint8_t *body;
	size_t body_length;
};

/* The settings frame is the first output. */
struct http2 *http2_new(void) A_MUST_USE;
void http2_free(struct http2 *);
/*
 * Takes bytes from the client, the preface (RFC 9113, 3.4) first. 0, or -1
 * when the connection has to end: send what http2_output still gives (GOAWAY),
 * then close. *why is a text of our own or nghttp2's, never freed.
 */
int http2_input(struct http2 *, const void *, size_t, const char **why)
    A_MUST_USE;
/* The next request that is whole and was not given out before, or NULL. */
const struct http2_request *http2_next(struct http2 *);
/*
 * Answers a request and forgets it. Fields are name and value in turn, names
 * in lower case; the body is copied. -1 if there is no such request.
 */
int http2_respond(struct http2 *, int32_t stream, int status,
    const char *const *fields, size_t pairs, const void *body, size_t length)
    A_MUST_USE;
/* Bytes to send now, valid until the next call here; 0 for none, -1 if lost. */
long http2_output(struct http2 *, const uint8_t **);

#endif
