/*
 * The Lua engine: one state for all profiles. Each profile has an environment
 * of its own (string, table, math, utf8, require of lua-profiles/lib, and our
 * calls), so none can change another's. Memory is booked to the task that
 * asked for it; a task that takes too much gets no more.
 *
 * An `account` books memory. A `task` (script/task.h) is a coroutine with an
 * account. A `profile` (script/profile.h) is a loaded file.
 */
#ifndef SCRIPT_ENGINE_H
#define SCRIPT_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lua.h>

#include "base/addr.h"
#include "base/attrib.h"
#include "base/jsonw.h"

struct account;
struct device_link;
struct engine;
struct event_base;
struct json_t;
struct run;
struct session;
struct target_rules;
struct task;

struct engine_limits {
	size_t task_memory;    /* bytes, a session */
	size_t memory;	       /* bytes, all together */
	uint64_t instructions; /* without waiting */
	size_t line;	       /* bytes of recv_line, recv_until by default */
	double timeout;	       /* seconds a receive waits by default */
};

/* What the calls of profiles stand on; all of it outlives the engine. */
struct engine_host {
	struct run *run;
	struct device_link *device; /* or NULL */
	const struct target_rules *targets;
	struct addr target4, target6; /* lab.target() */
	/* Each may be NULL: while profiles are only checked nobody is there.
	 * The name that an address was handed out for, or NULL. */
	const char *(*name_of)(void *, const struct addr *);
	/* responder.finished(reason) */
	void (*finished)(void *, const char *reason);
	/* responder.held() */
	bool (*held)(void *);
	/* dns.answer(message): bytes written to out, 0 for none */
	size_t (*dns_answer)(void *, struct session *, const void *, size_t,
	    void *out, size_t size);
	/* responder.option(key): what the user set, or NULL */
	const char *(*option)(void *, const char *key);
	void *arg;
};

/* folder: lua-profiles; kept, not copied, like limits and host. */
struct engine *engine_new(struct event_base *, const char *folder,
    const struct engine_limits *, const struct engine_host *) A_MUST_USE;
/* All tasks and profiles must be gone. */
void engine_free(struct engine *);

lua_State *engine_lua(struct engine *);
struct event_base *engine_base(struct engine *);
const struct engine_limits *engine_limits(const struct engine *);
const struct engine_host *engine_host(const struct engine *);
const char *engine_folder(const struct engine *);
/* The engine that runs this Lua state. */
struct engine *engine_of(lua_State *);
/* A scratch buffer for JSON, empty; one user at a time. */
struct jsonw *engine_scratch(struct engine *);
/* Bytes that Lua holds now. */
size_t engine_memory(const struct engine *);

/* An account for a task, with the engine's limit. */
struct account *account_new(struct engine *) A_MUST_USE;
/* The owner is done; what is still booked keeps it until it is freed. */
void account_release(struct account *);
/* Books what follows to this account, or to the engine itself if NULL.
 * Returns the one before. */
struct account *engine_charge(struct engine *, struct account *);
/* Requests refused so far, or since they were forgiven: some are for garbage
 * that is then collected. */
unsigned account_refused(const struct account *);
void account_forgive(struct account *);
size_t account_used(const struct account *);

/*
 * An event of the device: who waits for one is woken and sees it. It may end
 * sessions.
 */
void engine_tell_device(struct engine *, const struct json_t *);
/* The event that is being told, or NULL. */
const struct json_t *engine_device_event(const struct engine *);
/* The first of the tasks that wait for the device; for task.c. */
struct task **engine_waiting(struct engine *);

/* Coroutines for tasks, used again. task.c alone calls them. */
lua_State *engine_take_thread(struct engine *) A_MUST_USE;
void engine_give_thread(struct engine *, lua_State *);
/* The same for one that must not be used again. */
void engine_drop_thread(struct engine *, lua_State *);

#endif
