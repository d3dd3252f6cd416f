/*
 * The memory of first words: one small record a destination.
 */
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/xmalloc.h"
#include "greeter.h"

#define GREETER_KEY_SIZE (1 + 2 + 16)

struct greeter_place {
	UT_hash_handle hh;
	uint8_t key[GREETER_KEY_SIZE];
	size_t next;
	bool worked; /* next is the one that did */
};

struct greeter {
	struct greeter_place *places; /* oldest first */
	size_t max;
};

struct greeter *
greeter_new(size_t max)
{
	struct greeter *g = xcalloc(1, sizeof *g);

	g->max = max;
	return g;
}

void
greeter_free(struct greeter *g)
{
	struct greeter_place *p, *next;

	if (g == NULL)
		return;
	HASH_ITER(hh, g->places, p, next) {
		HASH_DEL(g->places, p);
		free(p);
	}
	free(g);
}

/* The record of a destination, made if it isn't there. */
static struct greeter_place *
greeter_place(struct greeter *g, const struct addr *dest)
{
	uint8_t key[GREETER_KEY_SIZE];
	struct greeter_place *p;

	key[0] = dest->family;
	key[1] = (uint8_t)(dest->port >> 8);
	key[2] = (uint8_t)dest->port;
	memcpy(key + 3, dest->bytes, sizeof dest->bytes);
	HASH_FIND(hh, g->places, key, sizeof key, p);
	if (p != NULL)
		return p;
	if (HASH_COUNT(g->places) >= g->max) {
		p = g->places;
		HASH_DEL(g->places, p);
		memset(p, 0, sizeof *p);
	} else {
		p = xcalloc(1, sizeof *p);
	}
	memcpy(p->key, key, sizeof key);
	HASH_ADD(hh, g->places, key, sizeof p->key, p);
	return p;
}

size_t
greeter_choose(struct greeter *g, const struct addr *dest, size_t count,
    bool *known)
{
	struct greeter_place *p = greeter_place(g, dest);

	*known = p->worked && p->next < count;
	return count == 0 ? 0 : p->next % count;
}

void
greeter_result(struct greeter *g, const struct addr *dest, size_t n,
    bool worked)
{
	struct greeter_place *p = greeter_place(g, dest);

	p->worked = worked;
	p->next = worked ? n : n + 1;
}
