/*
 * The last bytes that the sample received: a comparison with them is worth
 * telling.
 */
#ifndef HOST_RECEIVED_H
#define HOST_RECEIVED_H

#include <stdbool.h>
#include <stddef.h>

#define RECEIVED_SIZE 8192

/* Zeroed: nothing yet. */
struct received {
	char bytes[RECEIVED_SIZE]; /* oldest first */
	size_t n;
};

void received_add(struct received *, const void *, size_t n);
/* Is this text among them, in capitals or not? Two letters at least. */
bool received_has(const struct received *, const char *text, size_t n);

#endif
