/*
 * The state, its allocator, and the environments. Every block carries the
 * account that it is booked to in front, so that what the garbage collector
 * frees during one task is credited to the one that asked for it.
 */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "script/engine.h"
#include "script/sandbox.h"
#include "script/task.h"

/* Coroutines kept for the next sessions. */
#define ENGINE_THREADS 1024

struct account {
	struct engine *engine;
	size_t used, limit;
	unsigned refused;
	bool released;
};


struct engine {
	lua_State *L;
	struct event_base *base;
	const char *folder;
	const struct engine_limits *limits;
	const struct engine_host *host;
	struct account own, *charged;
	size_t memory;
	struct jsonw scratch;
	const struct json_t *device_event;
	struct task *waiting;
	lua_State *threads[ENGINE_THREADS];
	unsigned thread_count;
};

/* In front of each block; its size keeps the alignment that Lua needs. */
union block {
	struct account *account;
	double number;
	lua_Integer integer;
};

static void
account_credit(struct account *a, size_t n)
{
	a->used -= n;
	a->engine->memory -= n;
	if (a->released && a->used == 0)
		free(a);
}

/* Books n more bytes; false, and counted, if that is over a limit. */
static bool
account_debit(struct account *a, size_t n)
{
	struct engine *e = a->engine;

	if (a != &e->own && (n > a->limit - a->used ||
	    e->memory + n > e->limits->memory)) {
		a->refused++;
		return false;
	}
	a->used += n;
	e->memory += n;
	return true;
}

/* lua_Alloc: old memory is credited to its account, new to the current. */
static void *
engine_alloc(void *arg, void *ptr, size_t old_size, size_t size)
{
	struct engine *e = arg;
	union block *b = NULL;

	if (ptr != NULL) {
		b = (union block *)ptr - 1;
		old_size += sizeof *b;
	} else {
		old_size = 0; /* there it is a type */
	}
	if (size == 0) {
		if (b != NULL) {
			account_credit(b->account, old_size);
			free(b);
		}
		return NULL;
	}
	size += sizeof *b;
	/* A block that shrinks stays with its owner: this can't fail. */
	struct account *a = b != NULL && size <= old_size ? b->account :
	    e->charged;
	struct account *before = b == NULL ? NULL : b->account;

	if (a == before && size <= old_size) {
		union block *fresh = realloc(b, size);

		if (fresh == NULL)
			fresh = b;
		account_credit(a, old_size - size);
		return fresh + 1;
	}
	if (!account_debit(a, size))
		return NULL;
	union block *fresh = realloc(b, size);

	if (fresh == NULL) {
		account_credit(a, size);
		return NULL;
	}
	fresh->account = a;
	if (before != NULL)
		account_credit(before, old_size);
	return fresh + 1;
}

/* An error outside every protected call is a mistake of ours. */
static int
engine_panic(lua_State *L)
{
	const char *text = lua_tostring(L, -1);

	fatal("Lua: %s", text != NULL ? text : "error");
}

struct engine *
engine_new(struct event_base *base, const char *folder,
    const struct engine_limits *limits, const struct engine_host *host)
{
	struct engine *e = xcalloc(1, sizeof *e);

	e->base = base;
	e->folder = folder;
	e->limits = limits;
	e->host = host;
	e->own.engine = e;
	e->charged = &e->own;
	if ((e->L = lua_newstate(engine_alloc, e)) == NULL)
		fatal("no memory for Lua");
	lua_atpanic(e->L, engine_panic);
	*(struct task **)lua_getextraspace(e->L) = NULL;
	sandbox_open(e->L);
	return e;
}

void
engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	lua_close(e->L);
	jsonw_free(&e->scratch);
	free(e);
}

lua_State *
engine_lua(struct engine *e)
{
	return e->L;
}

struct event_base *
engine_base(struct engine *e)
{
	return e->base;
}

const struct engine_limits *
engine_limits(const struct engine *e)
{
	return e->limits;
}

const struct engine_host *
engine_host(const struct engine *e)
{
	return e->host;
}

const char *
engine_folder(const struct engine *e)
{
	return e->folder;
}

struct engine *
engine_of(lua_State *L)
{
	void *e;

	lua_getallocf(L, &e);
	return e;
}

struct jsonw *
engine_scratch(struct engine *e)
{
	jsonw_reset(&e->scratch);
	return &e->scratch;
}

size_t
engine_memory(const struct engine *e)
{
	return e->memory;
}

struct account *
account_new(struct engine *e)
{
	struct account *a = xcalloc(1, sizeof *a);

	a->engine = e;
	a->limit = e->limits->task_memory;
	return a;
}

void
account_release(struct account *a)
{
	if (a->used == 0) {
		free(a);
		return;
	}
	a->released = true;
}

struct account *
engine_charge(struct engine *e, struct account *a)
{
	struct account *before = e->charged;

	e->charged = a != NULL ? a : &e->own;
	return before == &e->own ? NULL : before;
}

unsigned
account_refused(const struct account *a)
{
	return a->refused;
}

void
account_forgive(struct account *a)
{
	a->refused = 0;
}

size_t
account_used(const struct account *a)
{
	return a->used;
}

void
engine_tell_device(struct engine *e, const struct json_t *event)
{
	if (e->waiting == NULL)
		return;
	e->device_event = event;
	task_wake_device(e);
	e->device_event = NULL;
}

const struct json_t *
engine_device_event(const struct engine *e)
{
	return e->device_event;
}

struct task **
engine_waiting(struct engine *e)
{
	return &e->waiting;
}

lua_State *
engine_take_thread(struct engine *e)
{
	struct account *before;
	lua_State *L;

	if (e->thread_count > 0)
		return e->threads[--e->thread_count];
	/* Ours, as tasks share it; the registry keeps it from collection. */
	before = engine_charge(e, NULL);
	L = lua_newthread(e->L);
	lua_rawsetp(e->L, LUA_REGISTRYINDEX, L);
	engine_charge(e, before);
	return L;
}

void
engine_give_thread(struct engine *e, lua_State *L)
{
	*(struct task **)lua_getextraspace(L) = NULL;
	if (e->thread_count < ENGINE_THREADS) {
		e->threads[e->thread_count++] = L;
		return;
	}
	engine_drop_thread(e, L);
}

void
engine_drop_thread(struct engine *e, lua_State *L)
{
	*(struct task **)lua_getextraspace(L) = NULL;
	lua_pushnil(e->L);
	lua_rawsetp(e->L, LUA_REGISTRYINDEX, L);
}
