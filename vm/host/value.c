/*
 * What is known of a word.
 */
#include <string.h>

#include "value.h"

struct value
value_number(uint64_t n)
{
	return (struct value) { .base = n };
}

struct value
value_unknown(uint64_t name)
{
	return (struct value) { .scale = 1, .unknown = name };
}

bool
value_is_number(const struct value *v)
{
	return v->scale == 0;
}

bool
value_equal(const struct value *a, const struct value *b)
{
	return a->base == b->base && a->scale == b->scale &&
	    a->unknown == b->unknown && a->table == b->table &&
	    a->stride == b->stride && a->width == b->width &&
	    a->sign == b->sign;
}

int
value_add(struct value *v, const struct value *to)
{
	uint64_t sum = v->base + to->base;

	if (v->scale == 0)
		*v = *to;
	else if (to->scale != 0) {
		/* Twice the same unknown thing is a multiple of it. */
		if (v->width != to->width || v->unknown != to->unknown ||
		    v->table != to->table || v->stride != to->stride ||
		    v->sign != to->sign || v->scale + to->scale == 0)
			return -1;
		v->scale += to->scale;
	}
	v->base = sum;
	return 0;
}

int
value_multiply(struct value *v, int64_t by)
{
	if (by == 0 || by < -256 || by > 256 || v->scale > 1 << 20 ||
	    v->scale < -(1 << 20))
		return -1;
	v->base *= (uint64_t)by;
	v->scale *= by;
	return 0;
}

int
value_load(struct value *v, uint8_t width, bool sign)
{
	if (v->width != 0 || v->scale == 0)
		return -1;
	*v = (struct value) { .scale = 1, .unknown = v->unknown,
		.table = v->base, .stride = v->scale, .width = width,
		.sign = sign };
	return 0;
}
