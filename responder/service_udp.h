/*
 * UDP sessions: each flow is a session, and each datagram may be answered by
 * the profile whose `datagram` function matches it.
 */
#ifndef SERVICE_UDP_H
#define SERVICE_UDP_H

#include <stddef.h>

#include "base/attrib.h"

struct addr;
struct engine_host;
struct house;
struct listener_path;
struct service_udp;

/* Both outlive it. */
struct service_udp *service_udp_new(const struct house *,
    const struct engine_host *) A_MUST_USE;
/* Ends every session with "stopped". */
void service_udp_free(struct service_udp *);
void service_udp_input(struct service_udp *, const struct listener_path *,
    const void *, size_t);
/*
 * The kernel stopped a datagram: it is evidence, and nobody answers it. reason
 * is a constant.
 */
void service_udp_stopped(struct service_udp *, const struct addr *src,
    const struct addr *dest, const void *, size_t, const char *reason);

#endif
