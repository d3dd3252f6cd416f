/*
 * Flows of datagrams: those with the same addresses and ports belong
 * together until nothing has come for a while. It decides which flow a
 * datagram is of and when one has ended, and counts the answers: one for
 * each datagram at most, so that nobody is made to flood.
 */
#ifndef NET_UDP_H
#define NET_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"
#include "net/listener.h"

struct event_base;
struct udp;
struct udp_flow;

struct udp_callbacks {
	/* A new flow; what is returned is udp_flow_arg from then on. */
	void *(*opened)(void *, struct udp_flow *);
	void (*datagram)(void *, struct udp_flow *, const void *, size_t);
	/* The flow goes away; the reason in words, a constant. */
	void (*ended)(void *, struct udp_flow *, const char *reason);
};

/* idle: seconds without a datagram that end a flow. max: flows at once. */
struct udp *udp_new(struct event_base *, unsigned idle, unsigned max,
    const struct udp_callbacks *, void *) A_MUST_USE;
/* Ends all flows with the reason given to udp_end, or "stopped". */
void udp_free(struct udp *);
/* A datagram has come. */
void udp_input(struct udp *, const struct listener_path *, const void *,
    size_t);
/* Ends all flows. */
void udp_end(struct udp *, const char *reason);

const struct listener_path *udp_flow_path(const struct udp_flow *);
void *udp_flow_arg(const struct udp_flow *);
/* Is there a datagram without its answer? */
bool udp_flow_owes(const struct udp_flow *);
/*
 * Answers. 0; -1 if every datagram of the flow has had its answer (errno is
 * EPERM) or the system refuses.
 */
int udp_flow_reply(struct udp_flow *, const void *, size_t) A_MUST_USE;

#endif
