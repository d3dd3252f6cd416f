/*
 * The basic blocks of one function, found in the file without running it:
 * recursive descent from its first instruction, and through tables of jumps
 * where the index is compared with a bound. What can't be known that way is
 * counted: jumps through registers, tables whose end is a guess, and jumps
 * that leave the function (tail calls, tails that functions share).
 */
#ifndef HOST_BLOCKS_H
#define HOST_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"
#include "elffile.h"

/* A function has at most so many; those behind are counted as left out. */
#define BLOCKS_MAX 1500
#define BLOCKS_CALLS 4
#define BLOCKS_UNKNOWN 16 /* so many of the jumps are told one by one */

struct block {
	uint64_t address, offset; /* in memory; in the file */
	/* Functions that it calls: names of the file's symbols, which are the
	 * file's own; NULL behind the last. */
	const char *calls[BLOCKS_CALLS];
};

struct blocks {
	uint64_t start, end; /* addresses; the end as descent found it */
	bool thumb;
	struct block *list; /* by address */
	size_t count;
	unsigned indirect; /* jumps whose targets are not known */
	uint64_t unknown[BLOCKS_UNKNOWN]; /* where the first of them are */
	unsigned guessed; /* jumps through a table that was read as long as
			   * it led into the function */
	unsigned outside;  /* jumps that leave the function */
	unsigned left_out; /* blocks beyond BLOCKS_MAX */
};

/*
 * Finds the blocks of the function at an address. size is the symbol's, or 0
 * where there is none: then the end is where no path leads on. 0, or -1 with a
 * line in why.
 */
int blocks_find(struct blocks *, const struct elf *, uint64_t address,
    uint64_t size, bool thumb, char *why, size_t why_size) A_MUST_USE;
void blocks_free(struct blocks *);

#endif
