/*
 * DHCP's place in the responder: for devices of one's own, on the lab's
 * bridge. It writes the `dhcp` events of the journal.
 */
#ifndef SERVICE_DHCP_H
#define SERVICE_DHCP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrib.h"
#include "wire/dhcp.h"

struct config;
struct event_base;
struct listener_path;
struct run;
struct service_dhcp;

/* Serves on the lab's bridge, where there is one. Never NULL. */
struct service_dhcp *service_dhcp_new(struct event_base *,
    const struct config *, struct run *) A_MUST_USE;
void service_dhcp_free(struct service_dhcp *);
/*
 * A datagram to the server's port that came by TPROXY: a lease is renewed.
 * False if it isn't DHCP at all.
 */
bool service_dhcp_datagram(struct service_dhcp *, const struct listener_path *,
    const void *, size_t);

#endif
