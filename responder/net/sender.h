/*
 * Sends datagrams from any address and port, through one raw socket a family:
 * a bound socket would take the port from whoever else wants it in the lab,
 * and there would be one for each port that was ever asked.
 */
#ifndef NET_SENDER_H
#define NET_SENDER_H

#include <stddef.h>

#include "base/addr.h"
#include "base/attrib.h"

struct sender;

/* AF_INET or AF_INET6; needs CAP_NET_RAW. NULL with errno. */
struct sender *sender_new(int family) A_MUST_USE;
void sender_free(struct sender *);
/* 0, or -1 with errno. */
int sender_send(struct sender *, const struct addr *from,
    const struct addr *to, const void *, size_t) A_MUST_USE;

#endif
