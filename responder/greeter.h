/*
 * What to say to a peer that is silent. A destination that is dialled again
 * and again gets another first word each time, until one makes the sample go
 * on; that one is remembered for it.
 */
#ifndef GREETER_H
#define GREETER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/attrib.h"

struct greeter;

/* Remembers so many destinations at once; the oldest are forgotten. */
struct greeter *greeter_new(size_t max) A_MUST_USE;
void greeter_free(struct greeter *);
/*
 * Which of `count` first words to try at this destination, from 0. known says
 * whether it is one that worked.
 */
size_t greeter_choose(struct greeter *, const struct addr *dest, size_t count,
    bool *known);
/* The n-th made the sample go on, or not. */
void greeter_result(struct greeter *, const struct addr *dest, size_t n,
    bool worked);

#endif
