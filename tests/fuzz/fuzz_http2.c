/*
 * Any bytes as what an HTTP/2 client sends, in pieces; every request that
 * comes whole is answered, and what is to be sent is taken away.
 *
 *   first byte: bit 0 puts the preface in front, the rest is the pieces' size
 */
#include <stdlib.h>
#include <string.h>

#include "wire/http2.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Answers what is whole; looks at each byte that a request points to. */
static void
answer(struct http2 *h)
{
	static const char *const fields[] = { "content-type", "text/plain" };
	const struct http2_request *r;
	const uint8_t *out;
	volatile size_t seen = 0;

	while ((r = http2_next(h)) != NULL) {
		if (r->field_count > HTTP2_FIELDS_MAX ||
		    r->body_length > HTTP2_BODY_MAX)
			abort();
		for (size_t i = 0; i < r->field_count; i++)
			seen += strlen(r->fields[i].name) +
			    (unsigned char)r->fields[i].value[
				r->fields[i].value_length];
		for (size_t i = 0; i < r->body_length; i++)
			seen += r->body[i];
		if (http2_respond(h, r->stream, 200, fields, 1, "hello", 5) < 0)
			abort();
	}
	while (http2_output(h, &out) > 0)
		;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct http2 *h = http2_new();
	const char *why;
	size_t piece;

	if (n == 0)
		goto out;
	piece = (size_t)bytes[0] / 2 + 1;
	if ((bytes[0] & 1) != 0 &&
	    http2_input(h, preface, sizeof preface - 1, &why) < 0)
		abort();
	for (size_t at = 1; at < n; at += piece) {
		if (http2_input(h, bytes + at, n - at < piece ? n - at : piece,
		    &why) < 0)
			break;
		answer(h);
	}
	answer(h);
out:
	http2_free(h);
	return 0;
}
