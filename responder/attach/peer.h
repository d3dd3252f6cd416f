/*
 * The other end of a control socket (control.h), as a client has it: lines
 * out, lines in.
 */
#ifndef ATTACH_PEER_H
#define ATTACH_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrib.h"

struct peer;

/* Connects; NULL with errno set. */
struct peer *peer_connect(const char *path) A_MUST_USE;
void peer_free(struct peer *);
/* For poll(2). */
int peer_fd(const struct peer *);
/* Sends all of it, waiting if need be. -1 if nobody is there any more. */
int peer_send(struct peer *, const void *, size_t) A_MUST_USE;
/* We have said all; what comes is still read. */
void peer_finish(struct peer *);
/* Takes in what has come. False at the end. */
bool peer_receive(struct peer *);
/*
 * The next whole line, without its end but with a NUL behind it, valid until
 * the next call; NULL without one.
 */
char *peer_line(struct peer *, size_t *length);

#endif
