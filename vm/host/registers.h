/*
 * What is known of a processor's registers at one place in a function, of the
 * unknown things in them that were compared with a bound on the way there, and
 * of addresses that were put aside on the stack.
 */
#ifndef HOST_REGISTERS_H
#define HOST_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrib.h"
#include "value.h"

#define REGISTERS_MAX 32
#define REGISTERS_BOUNDS 4
#define REGISTERS_STORED 4

/* unknown + offset lies in 0 .. count - 1; count 0: nothing is said. */
struct bound {
	uint64_t unknown, offset, count;
};

/* The last comparison, whose outcome is in the flags or in a register. */
struct compare {
	int result; /* the register, or REGISTERS_FLAGS; REGISTERS_NONE */
	struct bound below; /* what is so when the first is below the second */
	bool inverse; /* the register is 0 then */
};
#define REGISTERS_NONE -1
#define REGISTERS_FLAGS -2

struct registers {
	uint64_t place; /* the instruction's address: unknown things that it
			 * makes are named after it */
	struct value list[REGISTERS_MAX];
	struct bound bounds[REGISTERS_BOUNDS];
	/* Addresses that a place on the stack, by its name, holds. */
	struct stored {
		uint64_t name, number; /* 0: none */
	} stored[REGISTERS_STORED];
	struct compare compare;
};

/* Nothing is known, at this address. */
void registers_init(struct registers *, uint64_t address);
/* A register gets a value; or one that is not known. */
void registers_set(struct registers *, int which, struct value);
void registers_forget(struct registers *, int which);
/* It gets what is known to be in 0 .. count - 1. */
void registers_forget_below(struct registers *, int which, uint64_t count);
/*
 * What lies at an offset from a register that points into the stack: a number
 * that was stored there, else something unknown; -1 if that can't be said.
 */
int registers_load(const struct registers *, int which, int64_t offset,
    struct value *) A_MUST_USE;
/* A value is stored there; NULL: one that is not known. */
void registers_store(struct registers *, int which, int64_t offset,
    const struct value *);
/*
 * A value is compared with a number: result is where the outcome is, count
 * the number of unsigned values that are "below".
 */
void registers_compare(struct registers *, int result, const struct value *,
    uint64_t count, bool inverse);
/* From now on this is so. */
void registers_learn(struct registers *, const struct bound *);
/* What is known of something unknown; NULL if nothing is. */
const struct bound *registers_bound(const struct registers *,
    uint64_t unknown);
/*
 * Two ways lead to `address`: what both agree on stays. True if *r lost
 * something.
 */
bool registers_merge(struct registers *r, const struct registers *,
    uint64_t address);

#endif
