/*
 * Which protocol the first bytes of a connection look like, whatever the
 * port. A guess with a score, as a profile's match gives it: 100 is beyond
 * doubt, 50 likely, below 20 only that the bytes have that general form.
 */
#ifndef WIRE_DETECT_H
#define WIRE_DETECT_H

#include <stdbool.h>
#include <stddef.h>

#define DETECT_MAX 4

struct detect {
	struct {
		const char *name; /* "tls", "http", …, "line", "binary" */
		int score;	  /* 1 to 100 */
	} guesses[DETECT_MAX];	  /* best first */
	size_t count;		  /* 0 only for no bytes at all */
	/* What is here is the beginning of something: bytes that may come
	 * could raise a score. */
	bool more;
};

void detect_protocol(const void *bytes, size_t n, struct detect *);

#endif
