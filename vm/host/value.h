/*
 * What is known of a word that a program computes: a number, or a number plus
 * a multiple of something unknown, or of an entry in a table that something
 * unknown chooses. Enough to say where a jump through a table leads.
 */
#ifndef HOST_VALUE_H
#define HOST_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrib.h"

/*
 * base + scale × unknown, or base + scale × the entry of `width` bytes at
 * table + stride × unknown. Bits beyond the machine's word are noise.
 */
struct value {
	uint64_t base;
	int64_t scale;	  /* 0: a number */
	uint64_t unknown; /* the name of what is not known; 0 in a number */
	uint64_t table;
	int64_t stride;
	uint8_t width; /* 0: no table */
	bool sign;     /* entries are signed */
};

struct value value_number(uint64_t);
/* Something unknown, by a name of its own. */
struct value value_unknown(uint64_t name);
bool value_is_number(const struct value *);
bool value_equal(const struct value *, const struct value *);
/* These put the result in *v; -1 if it can't be said in one value. */
int value_add(struct value *v, const struct value *) A_MUST_USE;
int value_multiply(struct value *v, int64_t by) A_MUST_USE;
/* An entry of a table, v being its address. */
int value_load(struct value *v, uint8_t width, bool sign) A_MUST_USE;

#endif
