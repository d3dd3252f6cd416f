/*
 * Neighbours on the lab's own network that don't exist: IPv6 asks who has an
 * address before it sends there, and Linux answers for its own addresses
 * alone, whatever its routes say. (For ARP it does look at the routes.) So we
 * answer, and the bridge gets what follows.
 */
#ifndef NET_NEIGHBOURS_H
#define NET_NEIGHBOURS_H

#include "base/addr.h"
#include "base/attrib.h"

struct event_base;
struct neighbours;

/*
 * Answers for every address of lan, on the link that has an address of it, but
 * for this machine's own and those of devices (number 2 to 7 of the network).
 * NULL, with the reason in the log, if that can't be; then nobody answers.
 */
struct neighbours *neighbours_new(struct event_base *,
    const struct addr_prefix *lan) A_MUST_USE;
void neighbours_free(struct neighbours *);

#endif
