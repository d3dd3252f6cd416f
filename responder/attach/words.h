/*
 * What a person types, as requests of the protocol (control.h).
 */
#ifndef ATTACH_WORDS_H
#define ATTACH_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/jsonw.h"

struct words {
	uint64_t session;  /* the one in use, or 0 */
	const char *eol;   /* what `send` adds */
	bool watching;	   /* asked for by name */
	bool quit;
	bool wrong;	   /* the last line had no meaning; that was said */
};

void words_init(struct words *);
/* Writes the request for a line to out; false if it needs none. */
bool words_request(struct words *, const char *line, struct jsonw *out);

#endif
