/*
 * The sink pool. A name's index is its place in the pools; index 0 is the
 * network's base address and 1 the lab's target.
 */
#include <sys/socket.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "net/names.h"

#define NAMES_FIRST 2
/* A name in text is at most 253 characters, each \DDD at worst. */
#define NAMES_TEXT_MAX 1020

struct name {
	UT_hash_handle hh;
	uint32_t index;
	char text[]; /* lower case, no final dot */
};

struct names {
	struct addr_prefix v4, v6;
	names_told *watcher;
	void *arg;
	struct name *by_text;
	struct name **by_index; /* [0] is index NAMES_FIRST */
	size_t count, size;
};

struct names *
names_new(const struct addr_prefix *v4, const struct addr_prefix *v6)
{
	struct names *names = xcalloc(1, sizeof *names);

	names->v4 = *v4;
	names->v6 = *v6;
	return names;
}

void
names_free(struct names *names)
{
	if (names == NULL)
		return;
	HASH_CLEAR(hh, names->by_text);
	for (size_t i = 0; i < names->count; i++)
		free(names->by_index[i]);
	free(names->by_index);
	free(names);
}

static const struct addr_prefix *
names_pool(const struct names *names, int family)
{
	return family == AF_INET ? &names->v4 : &names->v6;
}

/* Lower-cases a name into key; its length, or 0 if it is too long. */
static size_t
names_key(const char *text, char key[static NAMES_TEXT_MAX])
{
	size_t n = 0;

	for (; text[n] != '\0'; n++) {
		if (n + 1 == NAMES_TEXT_MAX)
			return 0;
		key[n] = (char)tolower((unsigned char)text[n]);
	}
	if (n > 1 && key[n - 1] == '.')
		n--;
	key[n] = '\0';
	return n;
}

/* Tells of one name. */
static void
names_tell(const struct names *names, const struct name *name,
    names_told *told, void *arg)
{
	struct addr v4, v6;
	bool has4 = addr_prefix_nth(&names->v4, name->index, &v4) == 0;
	bool has6 = addr_prefix_nth(&names->v6, name->index, &v6) == 0;

	told(arg, name->text, has4 ? &v4 : NULL, has6 ? &v6 : NULL);
}

void
names_watch(struct names *names, names_told *told, void *arg)
{
	names->watcher = told;
	names->arg = arg;
}

void
names_each(const struct names *names, names_told *told, void *arg)
{
	for (size_t i = 0; i < names->count; i++)
		names_tell(names, names->by_index[i], told, arg);
}

static struct name *
names_add(struct names *names, const char *key, size_t n)
{
	struct name *name = xmalloc(sizeof *name + n + 1);

	memcpy(name->text, key, n + 1);
	name->index = (uint32_t)(NAMES_FIRST + names->count);
	if (names->count == names->size) {
		names->size = names->size == 0 ? 64 : names->size * 2;
		names->by_index = xreallocarray(names->by_index, names->size,
		    sizeof *names->by_index);
	}
	names->by_index[names->count++] = name;
	HASH_ADD_KEYPTR(hh, names->by_text, name->text, n, name);
	if (names->watcher != NULL)
		names_tell(names, name, names->watcher, names->arg);
	return name;
}

int
names_addr(struct names *names, const char *text, int family,
    struct addr *out)
{
	char key[NAMES_TEXT_MAX];
	size_t n = names_key(text, key);
	const struct addr_prefix *pool = names_pool(names, family);
	struct name *name;

	if (n == 0)
		return -1;
	HASH_FIND(hh, names->by_text, key, n, name);
	if (name == NULL) {
		/* A name that finds no room isn't remembered: a flood of
		 * random names must not fill the memory. */
		uint64_t next = NAMES_FIRST + names->count;

		if (next > UINT32_MAX || addr_prefix_nth(pool, next, out) < 0)
			return -1;
		name = names_add(names, key, n);
	}
	return addr_prefix_nth(pool, name->index, out);
}

/* The place of an address in its pool, or -1 if it is in none. */
static int64_t
names_index(const struct names *names, const struct addr *a)
{
	const struct addr_prefix *pool = names_pool(names, a->family);
	uint64_t index = 0;

	if (!addr_prefix_has(pool, a))
		return -1;
	for (size_t i = 0; i < addr_size(a); i++) {
		uint8_t host = a->bytes[i] ^ pool->addr.bytes[i];

		if (index >> 24 != 0)
			return -1;
		index = index << 8 | host;
	}
	return (int64_t)index;
}

const char *
names_of(const struct names *names, const struct addr *a)
{
	int64_t index = names_index(names, a);

	if (index < NAMES_FIRST ||
	    (uint64_t)index >= NAMES_FIRST + names->count)
		return NULL;
	return names->by_index[index - NAMES_FIRST]->text;
}

void
names_target(const struct names *names, int family, struct addr *out)
{
	if (addr_prefix_nth(names_pool(names, family), 1, out) < 0)
		fatal("a sink pool needs at least two addresses");
}

size_t
names_count(const struct names *names)
{
	return names->count;
}
