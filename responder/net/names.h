/*
 * The sink pool: which address each name was given. Every name gets one IPv4
 * and one IPv6 address of its own, in the order of the first question, and
 * keeps them; so each flow to such an address carries the name that was asked
 * for. The first address of a pool is the lab's own target and never handed
 * out, so the n-th name has the addresses number n + 1 of both pools.
 */
#ifndef NET_NAMES_H
#define NET_NAMES_H

#include "base/addr.h"

struct names;

/* Copies the two prefixes. */
struct names *names_new(const struct addr_prefix *v4,
    const struct addr_prefix *v6);
void names_free(struct names *);

/*
 * The address of a name (compared without case and final dot), handed out on
 * the first question; family is AF_INET or AF_INET6, out's port is 0. -1 when
 * that family's pool is full.
 */
int names_addr(struct names *, const char *name, int family,
    struct addr *out) A_MUST_USE;
/*
 * The lower-case name that an address was handed out for, whatever its port;
 * NULL for any other. It lives as long as the pool.
 */
const char *names_of(const struct names *, const struct addr *);
/* The lab's own target of that family, the first address of the pool. */
void names_target(const struct names *, int family, struct addr *out);
/*
 * Told of a name and its addresses, each NULL where its pool has no room:
 * names_watch's at the moment when they are handed out, names_each's for all.
 */
typedef void names_told(void *, const char *name, const struct addr *v4,
    const struct addr *v6);
/* One watcher; NULL for none. */
void names_watch(struct names *, names_told *, void *);
void names_each(const struct names *, names_told *, void *);
/* How many names have addresses. */
size_t names_count(const struct names *);

#endif
