/*
 * Finds IPv4 and IPv6 literals in command text, so that a command that names
 * an address outside the lab can be refused. It errs on the side of finding:
 * a literal stuck to letters or in brackets, with a port or a prefix length,
 * still counts. What it can't see are names, and addresses in binary form.
 */
#ifndef WIRE_TARGET_H
#define WIRE_TARGET_H

#include <stddef.h>

#include "base/addr.h"

/*
 * Looks from *offset on for the next literal in n bytes of text (any bytes,
 * no NUL needed). 1: *out has it (port 0), *offset is behind it. 0: no more.
 */
int target_next(const char *text, size_t n, size_t *offset,
    struct addr *out) A_MUST_USE;

#endif
