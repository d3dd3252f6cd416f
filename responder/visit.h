/*
 * TCP sessions, each from accept to close: a `visit`. The set of them is one
 * object, owned by the service.
 */
#ifndef VISIT_H
#define VISIT_H

#include <stddef.h>

#include <event2/util.h>

#include "base/addr.h"
#include "base/attrib.h"

struct config;
struct engine;
struct event_base;
struct profiles;
struct run;
struct service_dns;
struct tls;
struct visits;

/* What all sessions of a responder share; the service owns it. */
struct house {
	struct event_base *base;
	struct config *config;
	struct run *run;
	struct engine *engine;
	struct profiles *profiles; /* another after a reload */
	struct tls *tls;	   /* NULL: hellos are only bytes */
	struct service_dns *dns;
};

struct visits *visits_new(const struct house *) A_MUST_USE;
/* Ends every session with "stopped". */
void visits_free(struct visits *);
/* A connection has come; takes the socket. */
void visits_accept(struct visits *, evutil_socket_t, const struct addr *src,
    const struct addr *dest);
size_t visits_count(const struct visits *);

#endif
