/*
 * The basic blocks of one function.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "blocks.h"
#include "descent.h"

/* Names the functions that a block calls. */
static void
block_names(struct block *block, const struct descent *d, uint64_t end)
{
	size_t n = 0;

	for (size_t i = 0; i < d->call_n && n < BLOCKS_CALLS; i++) {
		const struct elf_symbol *s;
		bool known = false;

		if (d->calls[i].from < block->address ||
		    d->calls[i].from >= end ||
		    (s = elf_function_at(d->elf, d->calls[i].to)) == NULL)
			continue;
		for (size_t k = 0; k < n; k++)
			known = known || strcmp(block->calls[k], s->name) == 0;
		if (!known)
			block->calls[n++] = s->name;
	}
}

static void
blocks_collect(struct blocks *b, const struct descent *d)
{
	const uint8_t want = DESCENT_LEAD | DESCENT_CODE;

	b->end = b->start + d->furthest;
	b->list = xcalloc(BLOCKS_MAX, sizeof *b->list);
	for (size_t at = 0; at < d->n; at++) {
		struct block block = { .address = b->start + at };

		/* What overlaps another instruction is one of the two: it
		 * can't have a breakpoint. */
		if ((d->map[at] & want) != want ||
		    (d->map[at] & (DESCENT_BODY | DESCENT_DATA |
			DESCENT_SLOT)) != 0 ||
		    elf_offset(d->elf, block.address, &block.offset) == -1)
			continue;
		if (b->count == BLOCKS_MAX)
			b->left_out++;
		else
			b->list[b->count++] = block;
	}
	for (size_t i = 0; i < b->count; i++)
		block_names(&b->list[i], d, i + 1 < b->count ?
		    b->list[i + 1].address : b->end);
}

/* What could not be known. */
static void
blocks_unknown(struct blocks *b, const struct descent *d)
{
	for (size_t at = 0; at < d->n; at++) {
		if ((d->map[at] & DESCENT_CODE) == 0)
			continue;
		b->outside += (d->map[at] & DESCENT_OUTSIDE) != 0;
		b->guessed += (d->map[at] & DESCENT_GUESS) != 0;
		if ((d->map[at] & DESCENT_UNKNOWN) == 0)
			continue;
		if (b->indirect < BLOCKS_UNKNOWN)
			b->unknown[b->indirect] = b->start + at;
		b->indirect++;
	}
}

int
blocks_find(struct blocks *b, const struct elf *elf, uint64_t address,
    uint64_t size, bool thumb, char *why, size_t why_size)
{
	struct descent d;
	int result = -1;

	memset(b, 0, sizeof *b);
	b->start = address;
	b->thumb = thumb;
	if (descent_run(&d, elf, address, size, thumb, why, why_size) == -1)
		goto out;
	blocks_collect(b, &d);
	blocks_unknown(b, &d);
	if (b->count == 0) {
		snprintf(why, why_size, "no code that can be read at 0x%llx",
		    (unsigned long long)address);
		blocks_free(b);
		goto out;
	}
	result = 0;
out:
	descent_free(&d);
	return result;
}

void
blocks_free(struct blocks *b)
{
	free(b->list);
	b->list = NULL;
	b->count = 0;
}
