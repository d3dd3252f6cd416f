/*
 * Tasks over Lua's coroutines.
 */
#include <sys/time.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "script/engine.h"
#include "script/task.h"

/*
 * While a task runs, a clock of its CPU time ticks. The count hook, which
 * makes every instruction dearer, is there from the second tick on.
 */
#define TASK_TICK_US 4000
/* Instructions that a tick stands for at least: they may be few and long. With
 * the default limit that makes two seconds on the processor. */
#define TASK_TICK 100000
/* Instructions between two looks of the count hook: about a millisecond. */
#define TASK_SLICE 100000
/* Refused requests for memory before the task is given up. */
#define TASK_REFUSALS 8

struct task {
	struct engine *engine;
	lua_State *L;
	struct session *session; /* or NULL */
	struct account *account;
	task_ended_cb *ended;
	void *arg;
	struct event timer;
	int64_t deadline, armed; /* monotonic ns; armed 0: not armed */
	uint64_t spent;		 /* instructions since it last waited */
	volatile uint64_t ticks; /* the same */
	const char *doom;	 /* why it must end, once known */
	char *trace;		 /* where it stood then, or NULL */
	struct task *next_waiting; /* for the device */
	bool waiting;
	bool running;
	bool woken;	  /* while running */
	bool interrupted; /* by the hook; has not asked to wait */
	bool call;	  /* made by task_call: may not wait */
};

struct task *
task_of(lua_State *L)
{
	return *(struct task **)lua_getextraspace(L);
}

struct session *
task_session(lua_State *L)
{
	struct task *t = task_of(L);

	return t != NULL ? t->session : NULL;
}

static void task_hook(lua_State *, lua_Debug *);

/* Who runs now, for the clock: its handler may come at any instruction. */
static struct task *volatile task_running;

/* Gives the task its turn's length between looks. */
static void
task_look_after(struct task *t, int instructions)
{
	lua_sethook(t->L, task_hook, LUA_MASKCOUNT, instructions);
}

static void
task_tick(int number A_UNUSED)
{
	struct task *t = task_running;

	if (t != NULL && ++t->ticks >= 2)
		task_look_after(t, 1);
}

/* Starts the clock, which stands still while the process waits. */
static void
task_start_clock(void)
{
	static bool started;
	struct sigaction tick = { .sa_handler = task_tick,
		.sa_flags = SA_RESTART };
	struct itimerval every = { { 0, TASK_TICK_US }, { 0, TASK_TICK_US } };

	if (started)
		return;
	if (sigaction(SIGPROF, &tick, NULL) < 0 ||
	    setitimer(ITIMER_PROF, &every, NULL) < 0)
		fatal("no clock for profiles: %s", strerror(errno));
	started = true;
}

/* Has it had its share? Then it is doomed, if it is not yet. */
static void
task_judge(struct task *t)
{
	uint64_t limit = engine_limits(t->engine)->instructions;

	if (t->doom != NULL)
		return;
	if (t->spent >= limit || t->ticks * TASK_TICK >= limit)
		t->doom = "too many instructions without waiting";
	if (account_refused(t->account) >= TASK_REFUSALS)
		t->doom = "too much memory";
}

/*
 * Keeps where a doomed task stands: once it has yielded, Lua takes it to be
 * an instruction, and perhaps a line, before that.
 */
static void
task_keep_trace(struct task *t, lua_State *L)
{
	if (t->doom == NULL || t->trace != NULL)
		return;
	luaL_traceback(L, L, t->doom, 0);
	t->trace = xstrdup(lua_tostring(L, -1));
	lua_pop(L, 1);
}

/*
 * The count hook. It yields, as an error could be swallowed by pcall; where
 * Lua can't yield (in a sort's comparison, a __close) it raises, again at
 * every instruction from then on, so that no pcall outlives it.
 */
static void
task_hook(lua_State *L, lua_Debug *ar A_UNUSED)
{
	struct task *t = task_of(L);

	if (t == NULL)
		return;
	if (lua_gethookcount(L) == TASK_SLICE)
		t->spent += TASK_SLICE;
	task_judge(t);
	task_look_after(t, t->doom != NULL ? 1 : TASK_SLICE);
	if (lua_isyieldable(L)) {
		task_keep_trace(t, L);
		t->interrupted = true;
		lua_yield(L, 0);
		return;
	}
	if (t->doom != NULL)
		luaL_error(L, "%s", t->doom);
}

void
task_spend(lua_State *L, uint64_t instructions)
{
	struct task *t = task_of(L);

	if (t == NULL)
		return;
	t->spent += instructions;
	task_judge(t);
	if (t->doom != NULL)
		task_doom(L, t->doom);
}

void
task_doom(lua_State *L, const char *why)
{
	struct task *t = task_of(L);

	if (t != NULL) {
		if (t->doom == NULL)
			t->doom = why;
		task_look_after(t, 1);
	}
	luaL_error(L, "%s", why);
	abort(); /* not reached, which its declaration doesn't say */
}

/* Arms the timer for the deadline, unless it fires before it anyway. */
static void
task_arm(struct task *t, int64_t deadline)
{
	int64_t now, left;

	if (deadline == TASK_FOREVER ||
	    (t->armed != 0 && t->armed <= deadline))
		return;
	now = clock_mono();
	left = deadline > now ? deadline - now : 0;
	struct timeval tv = { left / 1000000000,
		left % 1000000000 / 1000 + (left > 0) };

	t->armed = deadline;
	evtimer_add(&t->timer, &tv);
}

/* Reports the end; the task may be gone afterwards. */
static void
task_end(struct task *t, const char *error)
{
	lua_State *L = engine_lua(t->engine);
	char *text = NULL, *trace = t->trace;

	t->trace = NULL;
	if (error != NULL)
		text = xstrdup(error);
	if (error != NULL && trace == NULL) {
		luaL_traceback(L, t->L, error, 0);
		trace = xstrdup(lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	t->ended(t->arg, text, trace);
	free(text);
	free(trace);
}

/* The message of the error on top of a stack. */
static const char *
task_error_text(lua_State *L, char *buf, size_t size)
{
	if (lua_type(L, -1) == LUA_TSTRING)
		return lua_tostring(L, -1);
	snprintf(buf, size, "error object is a %s value", luaL_typename(L, -1));
	return buf;
}

/* Resumes once; LUA_OK, LUA_YIELD or an error's status. */
static int
task_resume(struct task *t, int arguments, int *results)
{
	struct account *before = engine_charge(t->engine, t->account);
	struct task *outer = task_running;
	int status;

	t->deadline = TASK_FOREVER;
	t->running = true;
	t->interrupted = false;
	task_running = t;
	status = lua_resume(t->L, engine_lua(t->engine), arguments, results);
	task_running = outer;
	t->running = false;
	engine_charge(t->engine, before);
	return status;
}

/* It waits: what it did so far is forgiven. */
static void
task_rest(struct task *t)
{
	t->spent = t->ticks = 0;
	account_forgive(t->account);
	if (lua_gethookmask(t->L) != 0)
		lua_sethook(t->L, NULL, 0, 0);
}

static void
task_run(struct task *t, int arguments)
{
	char buf[64];
	int results, status;

	if (t->running) {
		t->woken = true;
		return;
	}
	do {
		t->woken = false;
		status = task_resume(t, arguments, &results);
		arguments = 0;
		if (status == LUA_YIELD && !t->interrupted)
			task_rest(t);
	} while (status == LUA_YIELD && t->woken && !t->interrupted &&
	    t->doom == NULL);
	if (status == LUA_OK) {
		lua_settop(t->L, 0);
		task_end(t, NULL);
	} else if (status != LUA_YIELD) {
		task_end(t, task_error_text(t->L, buf, sizeof buf));
	} else if (t->doom != NULL) {
		task_end(t, t->doom);
	} else {
		task_arm(t, t->interrupted ? clock_mono() : t->deadline);
	}
}

static void
task_timer(evutil_socket_t fd A_UNUSED, short what A_UNUSED, void *arg)
{
	struct task *t = arg;

	t->armed = 0;
	if (!t->interrupted && t->deadline > clock_mono()) {
		task_arm(t, t->deadline);
		return;
	}
	task_run(t, 0);
}

struct task *
task_new(struct engine *e, struct session *session, task_ended_cb *ended,
    void *arg)
{
	struct task *t = xcalloc(1, sizeof *t);

	t->engine = e;
	t->session = session;
	t->ended = ended;
	t->arg = arg;
	t->account = account_new(e);
	t->L = engine_take_thread(e);
	*(struct task **)lua_getextraspace(t->L) = t;
	evtimer_assign(&t->timer, engine_base(e), task_timer, t);
	task_start_clock();
	return t;
}

static void task_forget_device(struct task *);

void
task_free(struct task *t)
{
	if (t == NULL)
		return;
	if (t->running)
		fatal("task_free within the task");
	evtimer_del(&t->timer);
	task_forget_device(t);
	if (lua_status(t->L) == LUA_OK) {
		lua_settop(t->L, 0);
		lua_sethook(t->L, NULL, 0, 0);
		engine_give_thread(t->engine, t->L);
	} else {
		/* Closes what the profile declared <close>, with the hook as
		 * guard. After an error in the hook Lua calls it no more: then
		 * nothing may run, and the thread is of no further use. */
		t->running = true;
		t->spent = t->ticks = 0;
		task_look_after(t, TASK_SLICE);
		if (t->doom == NULL)
			lua_resetthread(t->L);
		engine_drop_thread(t->engine, t->L);
	}
	account_release(t->account);
	free(t->trace);
	free(t);
}

lua_State *
task_lua(struct task *t)
{
	return t->L;
}

void
task_start(struct task *t, int arguments)
{
	task_run(t, arguments);
}

void
task_wake(struct task *t)
{
	task_run(t, 0);
}

int
task_wait(lua_State *L, int64_t deadline, lua_KContext ctx, lua_KFunction k)
{
	struct task *t = task_of(L);

	if (t == NULL || t->call)
		return luaL_error(L, "this call waits, and here it can't");
	t->deadline = deadline;
	return lua_yieldk(L, 0, ctx, k);
}

int
task_wait_device(lua_State *L, int64_t deadline, lua_KContext ctx,
    lua_KFunction k)
{
	struct task *t = task_of(L);

	if (t != NULL && !t->call && !t->waiting) {
		struct task **first = engine_waiting(t->engine);

		t->waiting = true;
		t->next_waiting = *first;
		*first = t;
	}
	return task_wait(L, deadline, ctx, k);
}

/* Waits for the device no more. */
static void
task_forget_device(struct task *t)
{
	struct task **at = engine_waiting(t->engine);

	if (!t->waiting)
		return;
	while (*at != t)
		at = &(*at)->next_waiting;
	*at = t->next_waiting;
	t->waiting = false;
}

void
task_wake_device(struct engine *e)
{
	struct task *list = *engine_waiting(e), *t;

	/* Each is taken off first: it may wait again, or be gone. */
	*engine_waiting(e) = NULL;
	for (t = list; t != NULL; t = t->next_waiting)
		t->waiting = false;
	while ((t = list) != NULL) {
		list = t->next_waiting;
		task_wake(t);
	}
}

/* task_call reads its status itself. */
static void
task_call_ended(void *arg A_UNUSED, const char *error A_UNUSED,
    const char *traceback A_UNUSED)
{
}

int
task_call(struct engine *e, int arguments, int results, char **error)
{
	struct task *t = task_new(e, NULL, task_call_ended, NULL);
	lua_State *L = engine_lua(e);
	char buf[64];
	int status, n = 0;

	t->call = true;
	lua_xmove(L, t->L, arguments + 1);
	do
		status = task_resume(t, n == 0 ? arguments : 0, &n), n = 1;
	while (status == LUA_YIELD && t->doom == NULL);
	if (status == LUA_OK) {
		lua_settop(t->L, results);
		lua_xmove(t->L, L, results);
		task_free(t);
		return 0;
	}
	*error = xstrdup(status == LUA_YIELD ? t->doom :
	    task_error_text(t->L, buf, sizeof buf));
	task_free(t);
	return -1;
}
