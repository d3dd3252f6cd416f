/*
 * The responder asks itself before it says that it is ready: over each
 * listener one connection and one datagram must be answered.
 */
#ifndef SELFTEST_H
#define SELFTEST_H

#include <stdbool.h>
#include <stddef.h>

#include <event2/util.h>

#include "base/addr.h"
#include "base/attrib.h"

struct event_base;
struct listener_path;
struct selftest;

/*
 * Tells the end, never within selftest_new: NULL when all have answered,
 * otherwise which did not. selftest_free may be called in it.
 */
typedef void selftest_cb(void *, const char *failed);

/* Asks each of n addresses; for one that is any address, the loopback's. */
struct selftest *selftest_new(struct event_base *, const struct addr *,
    size_t n, selftest_cb *, void *) A_MUST_USE;
void selftest_free(struct selftest *);
/*
 * Is this connection, or datagram, the self-test's own? Then it is answered,
 * and the socket is taken. st may be NULL.
 */
bool selftest_accept(struct selftest *st, evutil_socket_t,
    const struct addr *src);
bool selftest_datagram(struct selftest *st, const struct listener_path *,
    const void *, size_t);

#endif
