/*
 * The sockets that the sample's traffic arrives at. With TPROXY one TCP and
 * one UDP socket a family take every address and port, and the kernel tells
 * the original destination; a plain listener, for tests, takes its own
 * address, and may pretend that another one was dialled.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/util.h>

#include "base/addr.h"
#include "base/attrib.h"

struct event_base;
struct listener;

/* A datagram's way back; valid within the callback, may be copied. */
struct listener_path {
	struct listener *listener; /* NULL: there is no way back */
	struct addr src;  /* who sent it */
	struct addr dest; /* what it was sent to, as the sample sees it */
};

struct listener_callbacks {
	/* A connection; the callee takes the socket, which doesn't block. */
	void (*accepted)(void *, evutil_socket_t, const struct addr *src,
	    const struct addr *dest);
	void (*datagram)(void *, const struct listener_path *, const void *,
	    size_t);
};

struct listener_options {
	bool transparent; /* TPROXY: needs CAP_NET_ADMIN */
	struct addr bind;
	struct addr pretend; /* the destination to report, if family != 0 */
};

/*
 * Opens both sockets, on one port (bind.port 0: any that is free). NULL, with
 * the reason in the log, if that fails.
 */
struct listener *listener_new(struct event_base *,
    const struct listener_options *, const struct listener_callbacks *,
    void *) A_MUST_USE;
void listener_free(struct listener *);
/* Where it listens. */
const struct addr *listener_addr(const struct listener *);
/* Stops and goes on with taking connections, when no more can be held. */
void listener_pause(struct listener *);
void listener_resume(struct listener *);
/*
 * Answers a datagram from the address that was asked. 0, or -1 with errno.
 */
int listener_reply(const struct listener_path *, const void *, size_t)
    A_MUST_USE;

#endif
