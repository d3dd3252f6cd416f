/*
 * How the kernel lays out registers in a core, for each machine (each one's
 * asm/elf.h and asm/ptrace.h): a table row.
 */
#ifndef HOST_COREREGS_H
#define HOST_COREREGS_H

#include <stddef.h>
#include <stdint.h>

#include "elffile.h"

struct coreregs {
	uint16_t machine;
	uint8_t bits;
	/* Names in the order of pr_reg, one word each; "-" is not told. */
	const char *names;
	const char *pc, *sp;
	const char *link; /* that holds the return address, or NULL */
	/* What is to be added to that and to what is saved of it, and to sp. */
	unsigned behind, bias;
};

/* The row of a machine, or NULL. */
const struct coreregs *coreregs_of(uint16_t machine, uint8_t bits);

#endif
