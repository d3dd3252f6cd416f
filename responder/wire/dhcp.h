/*
 * DHCP messages (RFC 2131, RFC 2132): what a client asks, and an answer to it.
 * Pure bytes; which address somebody gets is for others to say.
 */
#ifndef WIRE_DHCP_H
#define WIRE_DHCP_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attrib.h"

#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68
/* The largest answer that is written; a client must take 576 (RFC 2131, 2). */
#define DHCP_SIZE 548

enum dhcp_type { DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE,
	DHCP_ACK, DHCP_NAK, DHCP_RELEASE, DHCP_INFORM };

/* A client's message. Addresses that it doesn't name have family 0. */
struct dhcp_message {
	enum dhcp_type type;
	uint32_t xid;
	uint16_t flags, seconds;
	uint8_t mac[6];
	struct addr client;    /* the address that it has (ciaddr) */
	struct addr requested; /* option 50 */
	struct addr server;    /* option 54: who is meant */
	const uint8_t *hostname, *vendor; /* within the message, or NULL */
	size_t hostname_length, vendor_length;
};

/* What goes back. */
struct dhcp_answer {
	enum dhcp_type type;
	struct addr address; /* for the client; family 0: none */
	struct addr server, router, dns;
	uint8_t bits;	 /* of the network's mask */
	uint32_t lease;	 /* seconds; 0: none is meant (RFC 2131, 4.3.5) */
	const char *domain;
};

/*
 * Reads a request of an Ethernet client. -1 if it isn't one, is cut off, or
 * has no message type.
 */
int dhcp_parse(struct dhcp_message *, const void *, size_t) A_MUST_USE;
/* Writes the answer; its length, or 0 if it doesn't fit in size. */
size_t dhcp_write(void *out, size_t size, const struct dhcp_message *,
    const struct dhcp_answer *) A_MUST_USE;
/* "discover", "offer", … */
const char *dhcp_type_name(enum dhcp_type);

#endif
