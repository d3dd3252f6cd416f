/*
 * Which addresses a command may name: the lab's own, and what the user has
 * allowed.
 */
#ifndef SCRIPT_TARGET_H
#define SCRIPT_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/attrib.h"

#define TARGET_RULES 32

struct target_rules {
	struct addr_prefix allowed[TARGET_RULES];
	size_t count;
};

/* Adds a prefix; a lone address is one of full length. 0 or -1. */
int target_allow(struct target_rules *, const char *cidr) A_MUST_USE;
/* Is the whole network of so many bits allowed? 128: the address alone. */
bool target_allowed(const struct target_rules *, const struct addr *,
    unsigned bits);
/*
 * Looks through bytes for IPv4 and IPv6 literals, with or without a prefix
 * length behind them. True if all are allowed; otherwise the first one that
 * isn't stands in bad.
 */
bool target_scan(const struct target_rules *, const void *, size_t,
    char bad[static ADDR_TEXT_SIZE]);

#endif
