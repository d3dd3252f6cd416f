/*
 * Datagrams on a stage: what a peer sends to one profile, each a task of its
 * own, and what is answered. Those with the same addresses are one session.
 */
#ifndef CHAT_PARCELS_H
#define CHAT_PARCELS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrib.h"

struct addr;
struct engine;
struct parcels;
struct profile;
struct run;

/* All of them outlive it. */
struct parcels *parcels_new(struct run *, struct engine *, struct profile *)
    A_MUST_USE;
/* Ends the sessions. */
void parcels_free(struct parcels *);
/* A datagram comes; name is what dest was resolved from, or NULL. */
void parcels_send(struct parcels *, const struct addr *src,
    const struct addr *dest, const char *name, const void *, size_t);
/* The oldest answer that was not taken yet; false if there is none. */
bool parcels_answer(const struct parcels *, const void **, size_t *);
/* Takes it. */
void parcels_take(struct parcels *);

#endif
