/*
 * Policies that refuse or drop, put into the kernel: they act before a
 * handshake, and what they stopped stands in the journal all the same. Where
 * the kernel can't be told (plain sockets, no right), visit.c and
 * service_udp.c do what can be done once a connection or datagram is here.
 */
#ifndef SERVICE_GATE_H
#define SERVICE_GATE_H

#include <stdbool.h>

#include "base/attrib.h"

struct house;
struct rules;
struct service_gate;
struct service_udp;

/* transparent: the lab's traffic comes here, so its gate is ours. */
struct service_gate *service_gate_new(const struct house *,
    struct service_udp *, bool transparent) A_MUST_USE;
void service_gate_free(struct service_gate *);
/* The configuration has changed. */
void service_gate_reload(struct service_gate *);

/*
 * The rules as commands of nft(8), without elements of their sets; the caller
 * frees. Empty if nothing is to be stopped.
 */
char *service_gate_commands(const struct rules *) A_MUST_USE;

#endif
