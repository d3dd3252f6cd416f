/*
 * What an attacher may ask for: one JSON object a line, answered by one.
 */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include <stddef.h>

struct attacher;
struct control_host;
struct jsonw;

/* Does what the line says, and writes the answer's line. */
void control_request(const struct control_host *, struct attacher *,
    const char *line, size_t, struct jsonw *answer);

#endif
