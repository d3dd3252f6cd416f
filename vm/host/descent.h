/*
 * Recursive descent through one function: which of its bytes are instructions,
 * and at which of them a basic block begins. Registers are followed on the
 * way, as far as it takes to see where a jump through a table leads.
 */
#ifndef HOST_DESCENT_H
#define HOST_DESCENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"
#include "elffile.h"

/* What is known of each byte of the function. */
enum {
	DESCENT_CODE = 1,     /* an instruction begins here */
	DESCENT_BODY = 2,     /* it goes on here */
	DESCENT_DATA = 4,     /* a literal, a table */
	DESCENT_LEAD = 8,     /* a block begins here */
	DESCENT_SLOT = 16,    /* done before the jump in front of it */
	DESCENT_UNKNOWN = 32, /* a jump whose targets are not known */
	DESCENT_OUTSIDE = 64, /* a jump that leaves the function */
	DESCENT_GUESS = 128   /* a jump through a table of unknown length */
};

struct descent_call {
	uint64_t from, to;
};

struct descent {
	uint64_t start;
	size_t n;     /* bytes that may be the function's */
	uint8_t *map; /* of each of them */
	size_t furthest; /* behind the last byte that a path reaches */
	struct descent_call *calls;
	size_t call_n;
	/* private */
	const struct elf *elf;
	struct flow_reader *reader;
	const uint8_t *code;
	bool bounded; /* its end is known */
	struct registers **known; /* where a path was met, by offset */
	size_t known_n;
	uint8_t *split;		  /* where one was in the run before */
	struct descent_item {
		size_t from, at;
		struct registers *regs; /* of `later` alone */
	} *work, *later; /* to go on from */
	size_t work_n, later_n, work_size, later_size;
};

/*
 * Descends from an address. size is the symbol's, or 0 where there is none:
 * then the end is where no path leads on. 0, or -1 with a line in why.
 */
int descent_run(struct descent *, const struct elf *, uint64_t address,
    uint64_t size, bool thumb, char *why, size_t why_size) A_MUST_USE;
/* Also after -1. */
void descent_free(struct descent *);

#endif
