/*
 * What is known of a processor's registers.
 */
#include <string.h>

#include "registers.h"

/* Names of unknown things: made at an address in a register, or where two ways
 * meet. */
static uint64_t
registers_name(uint64_t address, int which, int how)
{
	return (address << 8 | (uint64_t)which << 2 | (uint64_t)how) + 1;
}

#define REGISTERS_MADE 0
#define REGISTERS_MET 1

void
registers_init(struct registers *r, uint64_t address)
{
	memset(r, 0, sizeof *r);
	r->place = address;
	r->compare.result = REGISTERS_NONE;
	for (int i = 0; i < REGISTERS_MAX; i++)
		r->list[i] = value_unknown(registers_name(address, i,
		    REGISTERS_MET));
}

/* What is known of this thing isn't any more: it has been made anew. */
static void
registers_unlearn(struct registers *r, uint64_t unknown)
{
	for (int i = 0; i < REGISTERS_BOUNDS; i++)
		if (r->bounds[i].unknown == unknown)
			r->bounds[i].count = 0;
	if (r->compare.below.unknown == unknown)
		r->compare.result = REGISTERS_NONE;
}

void
registers_set(struct registers *r, int which, struct value v)
{
	if (which < 0 || which >= REGISTERS_MAX)
		return;
	r->list[which] = v;
	if (r->compare.result == which)
		r->compare.result = REGISTERS_NONE;
}

void
registers_forget(struct registers *r, int which)
{
	uint64_t name = registers_name(r->place, which, REGISTERS_MADE);

	registers_unlearn(r, name);
	registers_set(r, which, value_unknown(name));
}

void
registers_forget_below(struct registers *r, int which, uint64_t count)
{
	registers_forget(r, which);
	registers_learn(r, &(struct bound) { registers_name(r->place, which,
	    REGISTERS_MADE), 0, count });
}

/* The name of what lies at an offset from a register; 0 if it has none. */
static uint64_t
registers_slot(const struct registers *r, int which, int64_t offset)
{
	const struct value *v = &r->list[which];

	if (which < 0 || v->scale != 1 || v->width != 0)
		return 0;
	/* Apart from the names that are made of addresses. */
	return (v->unknown * 0x9e3779b97f4a7c15u ^
	    (v->base + (uint64_t)offset) * 0xff51afd7ed558ccdu) | 1ull << 63;
}

static struct stored *
registers_stored(struct registers *r, uint64_t name)
{
	for (int i = 0; i < REGISTERS_STORED; i++)
		if (r->stored[i].name == name)
			return &r->stored[i];
	return NULL;
}

int
registers_load(const struct registers *r, int which, int64_t offset,
    struct value *v)
{
	uint64_t name = registers_slot(r, which, offset);

	if (name == 0)
		return -1;
	*v = value_unknown(name);
	for (int i = 0; i < REGISTERS_STORED; i++)
		if (r->stored[i].name == name)
			*v = value_number(r->stored[i].number);
	return 0;
}

void
registers_store(struct registers *r, int which, int64_t offset,
    const struct value *v)
{
	uint64_t name = registers_slot(r, which, offset);
	struct stored *s;

	if (name == 0)
		return;
	registers_unlearn(r, name);
	if ((s = registers_stored(r, name)) != NULL)
		s->name = 0;
	/* Small numbers are variables: a function that is called may write
	 * to them, but not to what the compiler put aside. */
	if (v != NULL && value_is_number(v) && v->base >= 0x1000 &&
	    (s = registers_stored(r, 0)) != NULL)
		*s = (struct stored) { name, v->base };
}

void
registers_compare(struct registers *r, int result, const struct value *v,
    uint64_t count, bool inverse)
{
	r->compare.result = REGISTERS_NONE;
	if (v->scale != 1 || v->width != 0 || count == 0)
		return;
	r->compare = (struct compare) { result, { v->unknown, v->base, count },
		inverse };
}

void
registers_learn(struct registers *r, const struct bound *b)
{
	struct bound *to = &r->bounds[0];

	if (b->count == 0)
		return;
	for (int i = 0; i < REGISTERS_BOUNDS; i++) {
		if (r->bounds[i].count != 0 &&
		    r->bounds[i].unknown == b->unknown) {
			to = &r->bounds[i];
			break;
		}
		if (r->bounds[i].count == 0)
			to = &r->bounds[i];
	}
	/* The oldest makes room. */
	if (to == &r->bounds[0] && to->count != 0 &&
	    to->unknown != b->unknown) {
		memmove(to, to + 1, (REGISTERS_BOUNDS - 1) * sizeof *to);
		to = &r->bounds[REGISTERS_BOUNDS - 1];
	}
	*to = *b;
}

const struct bound *
registers_bound(const struct registers *r, uint64_t unknown)
{
	for (int i = 0; i < REGISTERS_BOUNDS; i++)
		if (r->bounds[i].count != 0 &&
		    r->bounds[i].unknown == unknown)
			return &r->bounds[i];
	return NULL;
}

static bool
registers_same_bound(const struct bound *a, const struct bound *b)
{
	return a != NULL && b != NULL && a->unknown == b->unknown &&
	    a->offset == b->offset && a->count == b->count;
}

bool
registers_merge(struct registers *r, const struct registers *other,
    uint64_t address)
{
	bool lost = false;

	for (int i = 0; i < REGISTERS_MAX; i++) {
		struct value met = value_unknown(registers_name(address, i,
		    REGISTERS_MET));

		if (value_equal(&r->list[i], &other->list[i]) ||
		    value_equal(&r->list[i], &met))
			continue;
		r->list[i] = met;
		registers_unlearn(r, met.unknown);
		lost = true;
	}
	for (int i = 0; i < REGISTERS_BOUNDS; i++) {
		struct bound *b = &r->bounds[i];

		if (b->count == 0 || registers_same_bound(b,
			registers_bound(other, b->unknown)))
			continue;
		b->count = 0;
		lost = true;
	}
	for (int i = 0; i < REGISTERS_STORED; i++) {
		bool same = r->stored[i].name == 0;

		for (int k = 0; k < REGISTERS_STORED; k++)
			same = same || (other->stored[k].name ==
			    r->stored[i].name && other->stored[k].number ==
			    r->stored[i].number);
		if (same)
			continue;
		r->stored[i].name = 0;
		lost = true;
	}
	if (r->compare.result != REGISTERS_NONE &&
	    (r->compare.result != other->compare.result ||
		r->compare.inverse != other->compare.inverse ||
		!registers_same_bound(&r->compare.below,
		    &other->compare.below))) {
		r->compare.result = REGISTERS_NONE;
		lost = true;
	}
	return lost;
}
