/*
 * Events and answers of a responder (control.h), as a person reads them. What
 * a sample said can't draw on the terminal: it is escaped.
 */
#ifndef ATTACH_SHOW_H
#define ATTACH_SHOW_H

#include <stdbool.h>

#include <jansson.h>

/* Prints it. False if it is an answer with an error. */
bool show_line(const json_t *);
/* Prints bytes of which a peer may be the author, as a quoted text. */
void show_quoted(const char *, size_t);

#endif
