/*
 * Whose sockets send where (vm/guest/sockets.c): `socket` events from the
 * guest's counts and lists. Hostile like all that the guest says.
 */
#ifndef HOST_SOCKETS_H
#define HOST_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct events;
struct sockets;

/* ours says whether a process is the sample's. events stays the caller's. */
struct sockets *sockets_new(struct events *,
    bool (*ours)(void *arg, int64_t pid), void *arg);
void sockets_free(struct sockets *);
/* Takes a piece of a FRAME_SOCKETS; what is new is written. */
void sockets_take(struct sockets *, const char *, size_t n);
/* Writes the last counts. */
void sockets_write(struct sockets *);

#endif
