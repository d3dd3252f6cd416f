/*
 * A JSON writer (RFC 8259) for event lines: it appends to one growing buffer
 * that its owner reuses for the next line. It places commas itself; keys are
 * ours and are written as they are, so they must need no escaping. Reading
 * JSON is jansson's work, not this file's.
 */
#ifndef BASE_JSONW_H
#define BASE_JSONW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jsonw {
	char *data;
	size_t length, size;
	bool comma; /* the next value needs one before it */
};

/* A zeroed struct jsonw is ready; jsonw_free gives its memory back. */
void jsonw_free(struct jsonw *);
/* Empties the buffer and keeps its memory. */
void jsonw_reset(struct jsonw *);

/* In every function key is NULL inside an array and at the top. */
void jsonw_object(struct jsonw *, const char *key); /* opens { */
void jsonw_object_end(struct jsonw *);
void jsonw_array(struct jsonw *, const char *key); /* opens [ */
void jsonw_array_end(struct jsonw *);
void jsonw_int(struct jsonw *, const char *key, int64_t);
void jsonw_uint(struct jsonw *, const char *key, uint64_t);
/* Non-finite numbers become null, as JSON has none. */
void jsonw_real(struct jsonw *, const char *key, double);
/* A duration of so many nanoseconds, in seconds, to the microsecond. */
void jsonw_seconds(struct jsonw *, const char *key, int64_t ns);
void jsonw_bool(struct jsonw *, const char *key, bool);
void jsonw_null(struct jsonw *, const char *key);
/* Text that we made; bytes that are not UTF-8 become U+FFFD. */
void jsonw_string(struct jsonw *, const char *key, const char *);
/*
 * Bytes that a peer made, none lost: under text_key as JSON text if they are
 * valid UTF-8, otherwise under base64_key in base64 (RFC 4648, section 4).
 */
void jsonw_bytes(struct jsonw *, const char *text_key, const char *base64_key,
    const void *, size_t);
/* A value that is JSON already. */
void jsonw_raw(struct jsonw *, const char *key, const char *, size_t);
/* Ends the line: a newline, and no comma owed. */
void jsonw_line_end(struct jsonw *);

#endif
