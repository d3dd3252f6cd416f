/*
 * The service: it owns everything of a running responder and plays one
 * session's life, end to end: accept, peek or silence, the choice of a
 * profile, session and conn and task, and the end with its reason.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stddef.h>

#include "base/addr.h"
#include "base/attrib.h"

struct config;
struct event_base;
struct service;

struct service_options {
	const char *run;	   /* folder of the run */
	const char *profiles;	   /* folder of the profiles */
	const char *device_socket; /* path of the link's socket */
	/* Every listener has answered, or this is which has not. */
	void (*tested)(void *, const char *failed);
	void *arg;
	const char *authority;	   /* folder of the lab's CA (net/tls.h) */
};

/*
 * Opens all of it; config and options outlive it. NULL, with the reason in
 * the log, if something can't be had.
 */
struct service *service_new(struct event_base *, struct config *,
    const struct service_options *) A_MUST_USE;
/*
 * Loads the profiles again and takes over the fresh configuration, which is
 * used up. Sessions go on with what they have. -1 if something is wrong with
 * the profiles: then nothing has changed.
 */
int service_reload(struct service *, struct config *fresh) A_MUST_USE;
/* Ends every session with "stopped", writes what is left, and frees. */
void service_free(struct service *);
/* Where it listens: the n-th listener, or NULL. */
const struct addr *service_addr(const struct service *, size_t n);

#endif
