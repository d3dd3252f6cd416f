/*
 * A task: one profile's function at work, as a coroutine. This is the only
 * caller of lua_resume. A task that waits has yielded from one of our calls;
 * whoever sees that something has happened wakes it, and the call looks again
 * whether that is what it waits for: waking too often does no harm.
 *
 * A task that computes for milliseconds is interrupted by a count hook, which
 * yields: others get their turn, and after the limit of instructions, or the
 * CPU time that they take, it is ended. One that asks for too much memory is
 * ended too.
 */
#ifndef SCRIPT_TASK_H
#define SCRIPT_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include <lua.h>

#include "base/attrib.h"

struct engine;
struct session;
struct task;

#define TASK_FOREVER INT64_MAX

/*
 * The function has returned, or failed: then error and traceback are texts,
 * otherwise NULL. task_free may be called in it. Never called from within
 * task_start's or task_wake's caller's Lua code.
 */
typedef void task_ended_cb(void *, const char *error, const char *traceback);

struct task *task_new(struct engine *, struct session *, task_ended_cb *,
    void *) A_MUST_USE;
/* Also ends one that waits; its `ended` is not called. */
void task_free(struct task *);
/* Where the function and its arguments are pushed before task_start. */
lua_State *task_lua(struct task *);
/* Runs the function until it first waits; may call `ended`. */
void task_start(struct task *, int arguments);
/* Something has happened; may call `ended`. */
void task_wake(struct task *);

/* For our own calls, in a task: */

/* The session that this works for, or NULL. */
struct session *task_session(lua_State *);
/* The task that runs this, or NULL outside one. */
struct task *task_of(lua_State *);
/*
 * Yields until the task is woken, or until the deadline (monotonic, ns;
 * TASK_FOREVER for none), then calls k with ctx. Raises outside a task, or
 * where Lua can't yield. Does not return.
 */
int task_wait(lua_State *, int64_t deadline, lua_KContext, lua_KFunction);

/* The same, and also woken by every event of the device. */
int task_wait_device(lua_State *, int64_t deadline, lua_KContext,
    lua_KFunction);
/* Wakes those who wait for the device; may call their `ended`. */
void task_wake_device(struct engine *);

/*
 * Books work of our own calls that takes long for a single instruction of
 * Lua's. Raises, and ends the task for good, when it has had its share.
 */
void task_spend(lua_State *, uint64_t instructions);
/*
 * Ends the task that runs this, whatever pcall stands around it; why is a
 * constant. Raises.
 */
A_NORETURN void task_doom(lua_State *, const char *why);

/*
 * Calls the function below the arguments on the engine's own stack and leaves
 * its results there; for short calls that may not wait (a file's body,
 * match). 0; -1 with the message, which the caller frees, in error; then
 * nothing is left on the stack.
 */
int task_call(struct engine *, int arguments, int results, char **error)
    A_MUST_USE;

#endif
