/*
 * Is an address one that a call returns to? Told by the instruction before it,
 * for each machine.
 */
#ifndef HOST_CALLSITE_H
#define HOST_CALLSITE_H

#include <stdbool.h>
#include <stdint.h>

#include "elffile.h"

enum callsite {
	CALLSITE_NONE,
	CALLSITE_DIRECT,   /* the instruction names its target */
	CALLSITE_INDIRECT, /* through a register or memory */
};

/*
 * Looks at the code before an address of the program, as it lies in its file.
 * *target is set for CALLSITE_DIRECT, without a Thumb bit.
 */
enum callsite callsite_before(const struct elf *, uint64_t address,
    uint64_t *target);
/* A function's frame: how much of the stack it takes, and where in it the
 * return address lies, both from the stack pointer up. */
struct callsite_frame {
	uint64_t size, link;
};

/*
 * Reads the beginning of a function; false if it keeps no return address
 * (its size is set all the same) or says nothing. MIPS alone: its
 * calls mostly go through a register, so that what they call is not known, but
 * each function that calls says here where it keeps its return address.
 */
bool callsite_frame(const struct elf *, uint64_t function,
    struct callsite_frame *);

#endif
