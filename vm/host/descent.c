/*
 * Recursive descent through one function.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "descent.h"
#include "flow.h"
#include "registers.h"

/* A function without a known size is looked through so far. */
#define DESCENT_WINDOW (64 << 10)
/* A jump over more than this, behind all that is known, is a tail call. */
#define DESCENT_LEAP 4096
#define DESCENT_TABLE_MAX 1024
/* So many beginnings are followed: no more than a compiler ever makes. */
#define DESCENT_KNOWN_MAX 32768
/* What is found behind a table or a literal splits blocks found before. */
#define DESCENT_RUNS 4

static void
descent_push(struct descent_item **list, size_t *n, size_t *size,
    struct descent_item item)
{
	if (*n == *size) {
		*size = *size * 2 + 64;
		*list = xreallocarray(*list, *size, sizeof **list);
	}
	(*list)[(*n)++] = item;
}

/* A path comes to a place: it is gone on from there if that is new. */
static void
descent_meet(struct descent *d, size_t from, size_t at,
    const struct registers *regs)
{
	if (d->known[at] == NULL) {
		if (d->known_n == DESCENT_KNOWN_MAX)
			return;
		d->known_n++;
		d->known[at] = xmalloc(sizeof *d->known[at]);
		*d->known[at] = *regs;
	} else if (!registers_merge(d->known[at], regs, d->start + at)) {
		return;
	}
	descent_push(&d->work, &d->work_n, &d->work_size,
	    (struct descent_item) { from, at, NULL });
}

/* A jump to an address: a block begins there, or it leaves the function. */
static void
descent_lead(struct descent *d, size_t from, uint64_t target, bool sure,
    const struct registers *regs)
{
	uint64_t at = target - d->start;

	if (target < d->start || at >= d->n) {
		d->map[from] |= DESCENT_OUTSIDE;
		return;
	}
	/* Without a known end, a plain jump may as well be a tail call. */
	if (!d->bounded && !sure && (d->map[at] & DESCENT_LEAD) == 0) {
		struct registers *copy = xmalloc(sizeof *copy);

		*copy = *regs;
		descent_push(&d->later, &d->later_n, &d->later_size,
		    (struct descent_item) { from, (size_t)at, copy });
		return;
	}
	d->map[at] |= DESCENT_LEAD;
	descent_meet(d, from, (size_t)at, regs);
}

/* An address as the machine has it, without noise. */
static uint64_t
descent_address(const struct descent *d, uint64_t address)
{
	return d->elf->bits == 32 ? (uint32_t)address : address;
}

/* The same of code: without the Thumb bit. */
static uint64_t
descent_code(const struct descent *d, uint64_t address)
{
	return descent_address(d, address) &
	    (d->elf->machine == EM_ARM ? ~1ull : ~0ull);
}

/* An entry of a table; -1 if the file doesn't have it. */
static int
descent_entry(struct descent *d, const struct value *v, uint64_t at,
    uint64_t *entry)
{
	const uint8_t *p = elf_bytes(d->elf, at, v->width);

	*entry = 0;
	if (p == NULL)
		return -1;
	for (size_t i = v->width; i > 0; i--)
		*entry = *entry << 8 | p[i - 1];
	if (v->sign && v->width < 8 && (*entry >> (v->width * 8 - 1)) != 0)
		*entry |= ~0ull << (v->width * 8);
	for (size_t i = 0; i < v->width; i++)
		if (at + i - d->start < d->n)
			d->map[at + i - d->start] |= DESCENT_DATA;
	return 0;
}

/* All places that a jump leads to, its index being known to have bounds. */
static void
descent_table(struct descent *d, size_t from, const struct value *v,
    const struct bound *b, const struct registers *regs)
{
	for (uint64_t i = 0; i < b->count; i++) {
		uint64_t index = i - b->offset, target;

		if (v->width == 0) {
			target = v->base + (uint64_t)v->scale * index;
		} else {
			uint64_t at = descent_address(d, v->table +
			    (uint64_t)v->stride * index), entry;

			if (descent_entry(d, v, at, &entry) == -1) {
				d->map[from] |= DESCENT_UNKNOWN;
				return;
			}
			target = v->base + (uint64_t)v->scale * entry;
		}
		descent_lead(d, from, descent_code(d, target), true, regs);
	}
}

/*
 * Reads a table until an entry leads out of the function. Offsets that are
 * counted from the table itself end where the nearest of them leads.
 */
static void
descent_guess(struct descent *d, size_t from, const struct flow *f,
    const struct registers *regs)
{
	const struct value *v = &f->to;
	uint64_t nearest = UINT64_MAX;
	unsigned found = 0;

	for (unsigned i = 0; i < DESCENT_TABLE_MAX; i++) {
		uint64_t at = f->table + (uint64_t)i * v->width, target, entry;

		if (at >= nearest || elf_bytes(d->elf, at, v->width) == NULL)
			break;
		if (descent_entry(d, v, at, &entry) == -1)
			break;
		target = descent_code(d, v->base + (uint64_t)v->scale *
		    entry);
		if (target < d->start || target - d->start >= d->n)
			break;
		if (v->width <= 2 && target < nearest)
			nearest = target;
		descent_lead(d, from, target, true, regs);
		found++;
	}
	d->map[from] |= found == 0 ? DESCENT_UNKNOWN : DESCENT_GUESS;
}

/* A jump through a register or a table. */
static void
descent_away(struct descent *d, size_t from, const struct flow *f,
    const struct registers *regs)
{
	const struct value *v = &f->to;
	const struct bound *b = registers_bound(regs, v->unknown);

	if (value_is_number(v))
		descent_lead(d, from, descent_code(d, v->base), false, regs);
	else if (b != NULL && b->count <= DESCENT_TABLE_MAX)
		descent_table(d, from, v, b, regs);
	else if (f->table != 0 && v->width != 0)
		descent_guess(d, from, f, regs);
	else
		d->map[from] |= DESCENT_UNKNOWN;
}

/* Functions that never come back, under the names that C libraries use. */
static bool
descent_final(const struct descent *d, uint64_t target)
{
	static const char *const names[] = { "exit", "_exit", "_Exit", "abort",
		"__stack_chk_fail", "__assert_fail", "__fortify_fail",
		"__libc_fatal", "__chk_fail", "longjmp", "siglongjmp" };
	const struct elf_symbol *s = elf_function_at(d->elf, target);

	for (size_t i = 0; s != NULL && i < sizeof names / sizeof *names; i++)
		if (strcmp(s->name, names[i]) == 0)
			return true;
	return false;
}

/* A call; true if it comes back. */
static bool
descent_call(struct descent *d, size_t at, const struct flow *f)
{
	uint64_t target = f->has_target ? f->target :
	    descent_code(d, f->to.base);

	/* What was known of it on another way here may not hold any more. */
	for (size_t i = 0; i < d->call_n; i++)
		if (d->calls[i].from == d->start + at)
			d->calls[i--] = d->calls[--d->call_n];
	if (!f->has_target && !value_is_number(&f->to))
		return true;
	d->calls = xreallocarray(d->calls, d->call_n + 1, sizeof *d->calls);
	d->calls[d->call_n++] = (struct descent_call) { d->start + at,
		target };
	return !descent_final(d, target);
}

/* Where the instruction leads; true if the path goes on behind it. */
static bool
descent_step(struct descent *d, size_t at, const struct flow *f,
    const struct registers *regs)
{
	struct registers taken = *regs;

	d->map[at] &= (uint8_t)~(DESCENT_UNKNOWN | DESCENT_GUESS |
	    DESCENT_OUTSIDE);
	registers_learn(&taken, &f->taken);
	switch (f->kind) {
	case FLOW_ON:
		return true;
	case FLOW_CALL:
		return descent_call(d, at, f);
	case FLOW_JUMP:
		descent_lead(d, at, f->target, f->maybe, &taken);
		break;
	case FLOW_AWAY:
		descent_away(d, at, f, &taken);
		break;
	case FLOW_END:
		break;
	}
	return f->maybe;
}

static void
descent_literal(struct descent *d, const struct flow *f)
{
	for (uint8_t i = 0; i < f->literal_size; i++) {
		uint64_t at = f->literal + i - d->start;

		if (at < d->n)
			d->map[at] |= DESCENT_DATA;
	}
}

/* Reads an instruction and marks it; -1 where none can be. */
static int
descent_mark(struct descent *d, size_t at, struct flow *f,
    struct registers *regs)
{
	if (at >= d->n || (d->map[at] & (DESCENT_BODY | DESCENT_DATA)) != 0 ||
	    flow_read(d->reader, d->code + at, d->n - at, d->start + at, f,
		regs) == -1)
		return -1;
	d->map[at] |= DESCENT_CODE;
	for (size_t i = 1; i < f->size && at + i < d->n; i++)
		d->map[at + i] |= DESCENT_BODY;
	if (at + f->size > d->furthest)
		d->furthest = at + f->size;
	descent_literal(d, f);
	return 0;
}

/* Follows one path until it ends or comes to where a block begins. */
static void
descent_path(struct descent *d, size_t at)
{
	struct registers regs = *d->known[at];
	struct flow f, slot;

	while (descent_mark(d, at, &f, &regs) == 0) {
		size_t from = at;

		at += f.size;
		if (f.delayed && descent_mark(d, at, &slot, &regs) == 0) {
			d->map[at] |= DESCENT_SLOT;
			at += slot.size;
		}
		if (f.kind == FLOW_CALL)
			flow_called(d->reader, &f, d->start + at, &regs);
		if (!descent_step(d, from, &f, &regs) || at >= d->n)
			return;
		if (f.maybe) {
			registers_learn(&regs, &f.on);
			d->map[at] |= DESCENT_LEAD;
		}
		if ((d->map[at] & DESCENT_LEAD) != 0 || d->split[at] != 0) {
			descent_meet(d, from, at, &regs);
			return;
		}
	}
}

/* Does a function seem to begin here? It is a tail call then. */
static bool
descent_begins(const struct descent *d, size_t at)
{
	return elf_function_at(d->elf, d->start + at) != NULL ||
	    at > d->furthest + DESCENT_LEAP;
}

/* One whole descent with what is known of literals and blocks. */
static void
descent_once(struct descent *d)
{
	struct registers begin;

	d->call_n = 0;
	d->known_n = 0;
	d->furthest = 0;
	for (size_t i = 0; i < d->n; i++) {
		d->split[i] = (d->map[i] & DESCENT_LEAD) != 0;
		d->map[i] &= DESCENT_DATA;
		free(d->known[i]);
		d->known[i] = NULL;
	}
	flow_begin(d->reader, d->start, &begin);
	d->map[0] |= DESCENT_LEAD;
	descent_meet(d, 0, 0, &begin);
	for (;;) {
		while (d->work_n > 0)
			descent_path(d, d->work[--d->work_n].at);
		if (d->later_n == 0)
			break;
		struct descent_item item = d->later[--d->later_n];

		if (descent_begins(d, item.at)) {
			d->map[item.from] |= DESCENT_OUTSIDE;
		} else {
			descent_lead(d, item.from, d->start + item.at, true,
			    item.regs);
		}
		free(item.regs);
	}
}

/* Did this run find a beginning that the one before had not? */
static bool
descent_found(const struct descent *d)
{
	for (size_t i = 0; i < d->n; i++)
		if ((d->map[i] & DESCENT_LEAD) != 0 && d->split[i] == 0)
			return true;
	return false;
}

int
descent_run(struct descent *d, const struct elf *elf, uint64_t address,
    uint64_t size, bool thumb, char *why, size_t why_size)
{
	memset(d, 0, sizeof *d);
	d->elf = elf;
	d->start = address;
	d->bounded = size > 0;
	if (size == 0 || size > 1 << 20)
		size = DESCENT_WINDOW;
	while (size > 0 && (d->code = elf_bytes(elf, address,
		(size_t)size)) == NULL)
		size--;
	d->n = (size_t)size;
	if (d->n == 0 || (d->reader = flow_open(elf, thumb)) == NULL) {
		snprintf(why, why_size, d->n == 0 ? "no code at 0x%llx" :
		    "no disassembler for the code at 0x%llx",
		    (unsigned long long)address);
		return -1;
	}
	d->map = xcalloc(d->n, 1);
	d->split = xcalloc(d->n, 1);
	d->known = xcalloc(d->n, sizeof *d->known);
	for (int run = 0; run < DESCENT_RUNS; run++) {
		descent_once(d);
		if (run > 0 && !descent_found(d))
			break;
	}
	return 0;
}

void
descent_free(struct descent *d)
{
	for (size_t i = 0; d->known != NULL && i < d->n; i++)
		free(d->known[i]);
	flow_close(d->reader);
	free(d->known);
	free(d->map);
	free(d->split);
	free(d->work);
	free(d->later);
	free(d->calls);
}
