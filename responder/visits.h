/*
 * The TCP sessions of a responder that are going on.
 */
#ifndef VISITS_H
#define VISITS_H

#include <stddef.h>
#include <stdint.h>

#include <event2/util.h>

#include "base/addr.h"
#include "base/attrib.h"

struct house;
struct visit;
struct visits;

struct visits *visits_new(const struct house *) A_MUST_USE;
/* Ends every session with "stopped". */
void visits_free(struct visits *);
/* A connection has come; takes the socket. */
void visits_accept(struct visits *, evutil_socket_t, const struct addr *src,
    const struct addr *dest);
size_t visits_count(const struct visits *);
/* The visit of this session, or NULL. */
struct visit *visits_find(const struct visits *, uint64_t session);
/* All of them, in the order of their sessions; none may end meanwhile. */
void visits_each(const struct visits *, void (*)(void *,
    const struct visit *), void *);

#endif
