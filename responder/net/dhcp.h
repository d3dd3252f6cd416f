/*
 * The lab's DHCP server: a device of one's own gets an address, the lab as
 * its router and its name server. It has few addresses, those for which the
 * lab leaves ARP to the device; each client keeps the one that it got.
 */
#ifndef NET_DHCP_H
#define NET_DHCP_H

#include <stddef.h>

#include "base/addr.h"
#include "base/attrib.h"
#include "wire/dhcp.h"

struct dhcp;
struct event_base;

struct dhcp_options {
	struct addr_prefix lan; /* .1 is the lab, the clients get .2 to .7 */
	uint32_t lease;		/* seconds */
	const char *domain;	/* outlives the server */
};

/* A request and its answer; answer is NULL when there is none. */
typedef void (*dhcp_cb)(void *arg, const struct dhcp_message *,
    const struct dhcp_answer *);

/* A server without a socket; done is called for each request. Never NULL. */
struct dhcp *dhcp_new(const struct dhcp_options *, dhcp_cb done, void *arg)
    A_MUST_USE;
void dhcp_free(struct dhcp *);
/*
 * Takes broadcasts on an interface, and answers by broadcast. 0, or -1 with
 * errno if the interface isn't there, or the port is taken.
 */
int dhcp_listen(struct dhcp *, struct event_base *, const char *interface)
    A_MUST_USE;
/* One message; the length of the answer in out, 0 for none. */
size_t dhcp_input(struct dhcp *, const void *, size_t,
    uint8_t out[static DHCP_SIZE]);

#endif
