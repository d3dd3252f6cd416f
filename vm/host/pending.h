/*
 * Bytes of a stream that wait for the rest of their line or page.
 */
#ifndef HOST_PENDING_H
#define HOST_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: empty. */
struct pending {
	uint8_t *data;
	size_t n, size;
	bool skip; /* what comes until the next newline belongs to no line */
};

void pending_free(struct pending *);
void pending_append(struct pending *, const void *, size_t n);
/* Drops the first n bytes. */
void pending_consume(struct pending *, size_t n);
/*
 * Hands out each whole line, without its newline, and keeps the rest. False
 * when the rest grew beyond max and was dropped, to the next newline.
 */
bool pending_lines(struct pending *, size_t max,
    void (*line)(void *arg, const char *, size_t n), void *arg);

#endif
