/*
 * An IPv4 or IPv6 address with a port, and prefixes of them. IPv4-mapped IPv6
 * addresses (RFC 4291, 2.5.5.2) become plain IPv4 on the way in, so that one
 * endpoint has one spelling.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"

#define ADDR_TEXT_SIZE 48

struct addr {
	uint8_t family;	  /* AF_INET or AF_INET6 */
	uint16_t port;	  /* host byte order */
	uint8_t bytes[16]; /* network byte order; IPv4 in the first four */
};

struct addr_prefix {
	struct addr addr; /* host bits are zero, port is zero */
	uint8_t bits;
};

/* Length of the address proper: 4 or 16. */
size_t addr_size(const struct addr *);
/* 0, or -1 for a family that is neither IPv4 nor IPv6. */
int addr_from_sockaddr(struct addr *, const struct sockaddr *) A_MUST_USE;
/* Fills ss and returns its length. */
socklen_t addr_to_sockaddr(const struct addr *, struct sockaddr_storage *ss);
/* Parses a numeric address without port; 0 or -1. */
int addr_parse(struct addr *, const char *) A_MUST_USE;
/* The address without its port ("198.18.0.1", "2001:2::1"). Returns buf. */
const char *addr_text(const struct addr *, char buf[static ADDR_TEXT_SIZE]);
/* Same address and same port. */
bool addr_equal(const struct addr *, const struct addr *);
/* Same address, whatever the ports. */
bool addr_same_host(const struct addr *, const struct addr *);

/* "198.18.0.0/15"; host bits in the text are an error. 0 or -1. */
int addr_prefix_parse(struct addr_prefix *, const char *) A_MUST_USE;
bool addr_prefix_has(const struct addr_prefix *, const struct addr *);
/*
 * The n-th address of a prefix, counted from its base address; port 0.
 * -1 if n lies outside it.
 */
int addr_prefix_nth(const struct addr_prefix *, uint64_t n, struct addr *)
    A_MUST_USE;

#endif
