/*
 * Sending, commands, and waiting until a command has settled.
 */
#include <event2/buffer.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "net/conn.h"
#include "record/device_link.h"
#include "record/session.h"
#include "script/api.h"
#include "script/conn_calls.h"
#include "script/engine.h"
#include "script/task.h"

/* Bytes sent and not taken by the peer before a send waits. */
#define CONN_OUTPUT_MAX (1024 * 1024)
/* The longest that a command waits for the dump after the one before, ns. */
#define CONN_DUMP_MAX 15000000000

static int
conn_send_k(lua_State *L, int status A_UNUSED, lua_KContext ctx A_UNUSED)
{
	struct stream *s = conn_handle(L);

	if (s == NULL || s->conn == NULL)
		return api_refuse(L, "closed");
	if (conn_pending(s->conn) <= CONN_OUTPUT_MAX) {
		lua_settop(L, 2);
		return 1;
	}
	if (clock_mono() >= s->deadline)
		return api_refuse(L, "timeout");
	return task_wait(L, s->deadline, 0, conn_send_k);
}

/* conn:send(data) → true. [-0, +1|2, e] */
int
conn_send_call(lua_State *L)
{
	struct stream *s = conn_handle(L);
	size_t n;
	const char *text = luaL_checklstring(L, 2, &n);

	if (s == NULL || !stream_sendable(s) ||
	    conn_send(s->conn, text, n) < 0)
		return api_refuse(L, "closed");
	lua_settop(L, 1);
	lua_pushboolean(L, 1);
	conn_begin(s);
	return conn_send_k(L, LUA_OK, 0);
}

/* A text field of the options at index 3, or NULL; left on the stack. */
static const char *
conn_option(lua_State *L, const char *key)
{
	int type;

	if (!lua_istable(L, 3)) {
		lua_pushnil(L);
		return NULL;
	}
	type = lua_getfield(L, 3, key);
	if (type != LUA_TNIL && type != LUA_TSTRING)
		luaL_error(L, "%s must be a text", key);
	return lua_tostring(L, -1);
}

/*
 * conn:command(data [, {name=, target=, words=, seconds=}]) → the command's
 * id. Without a name the first word is one. [-0, +1|2, e]
 */
int
conn_command(lua_State *L)
{
	struct stream *s = conn_handle(L);
	char why[STREAM_WHY_SIZE];
	struct command c = { .seconds = -1 };

	c.bytes = luaL_checklstring(L, 2, &c.length);
	if (!lua_isnoneornil(L, 3)) {
		luaL_checktype(L, 3, LUA_TTABLE);
		c.seconds = api_field_seconds(L, 3, "seconds", -1);
	}
	lua_settop(L, 3);
	c.name = conn_option(L, "name");
	c.target = conn_option(L, "target");
	if ((c.words = conn_option(L, "words")) != NULL)
		c.words_length = lua_rawlen(L, -1);
	if (s == NULL)
		return api_refuse(L, "closed");
	/* Nobody waited for the last one to settle. */
	stream_handled(s, engine_host(engine_of(L))->device);
	uint64_t id = stream_command(s, engine_host(engine_of(L))->targets,
	    &c, why);

	if (id == 0)
		return api_refuse(L, why);
	lua_settop(L, 1);
	lua_pushinteger(L, (lua_Integer)id);
	conn_begin(s);
	return conn_send_k(L, LUA_OK, 0);
}

/* Writes what a settle saw, to the journal and as its result. */
static int
conn_settle_end(lua_State *L, struct stream *s, const char *reason,
    uint64_t bytes, uint64_t events)
{
	double waited = (double)(clock_mono() - s->settle.begun) / 1e9;

	if (s->session != NULL) {
		struct jsonw *w = session_event(s->session, "settle");

		if (s->session->command != 0)
			jsonw_uint(w, "command", s->session->command);
		jsonw_object(w, "settle");
		jsonw_real(w, "quiet", (double)s->settle.quiet / 1e9);
		jsonw_real(w, "max", (double)s->settle.max / 1e9);
		jsonw_real(w, "waited", waited);
		jsonw_string(w, "reason", reason);
		jsonw_uint(w, "bytes", bytes);
		jsonw_uint(w, "device_events", events);
		jsonw_object_end(w);
		session_event_end(s->session);
	}
	lua_createtable(L, 0, 4);
	lua_pushstring(L, reason);
	lua_setfield(L, -2, "reason");
	lua_pushnumber(L, waited);
	lua_setfield(L, -2, "waited");
	lua_pushinteger(L, (lua_Integer)bytes);
	lua_setfield(L, -2, "bytes");
	lua_pushinteger(L, (lua_Integer)events);
	lua_setfield(L, -2, "device_events");
	return 1;
}

/* Gives the device the time that it takes to dump the sample's memory. */
static int
conn_settled_k(lua_State *L, int status A_UNUSED, lua_KContext ctx)
{
	const struct device_link *d = engine_host(engine_of(L))->device;
	int64_t now = clock_mono();

	if (d == NULL || !device_link_busy(d) || now >= (int64_t)ctx)
		return 1;
	return task_wait(L, now + 10000000, ctx, conn_settled_k);
}

/* The settle is over: the device is told, its result stays on the stack. */
static int
conn_settled(lua_State *L, struct stream *s, const char *reason,
    uint64_t bytes, uint64_t events)
{
	conn_settle_end(L, s, reason, bytes, events);
	stream_handled(s, engine_host(engine_of(L))->device);
	return conn_settled_k(L, LUA_OK,
	    (lua_KContext)(clock_mono() + CONN_DUMP_MAX));
}

static int
conn_settle_k(lua_State *L, int status A_UNUSED, lua_KContext ctx A_UNUSED)
{
	struct stream *s = conn_handle(L);
	const struct device_link *d = engine_host(engine_of(L))->device;
	int64_t now = clock_mono(), last, end;
	uint64_t bytes, events = 0;

	if (s == NULL)
		return api_refuse(L, "closed");
	last = s->settle.begun;
	bytes = s->session->bytes[SESSION_TO_SERVER] - s->settle.bytes;
	if (s->session->active > last)
		last = s->session->active;
	if (d != NULL) {
		events = device_link_events(d) - s->settle.events;
		if (device_link_active(d) > last)
			last = device_link_active(d);
	}
	if (s->conn == NULL || conn_closing(s->conn) ||
	    conn_ended(s->conn) != NULL)
		return conn_settled(L, s, "closed", bytes, events);
	if (now >= last + s->settle.quiet)
		return conn_settled(L, s, "quiet", bytes, events);
	if (now >= s->settle.begun + s->settle.max)
		return conn_settled(L, s, "max", bytes, events);
	end = s->settle.begun + s->settle.max;
	if (last + s->settle.quiet < end)
		end = last + s->settle.quiet;
	return task_wait(L, end, 0, conn_settle_k);
}

/*
 * conn:settle{quiet=1, max=10} → {reason=, waited=, bytes=, device_events=}:
 * waits until for `quiet` seconds neither this session had bytes nor the
 * device did anything but wait; or `max` seconds; or the end. [-0, +1, e]
 */
int
conn_settle(lua_State *L)
{
	struct stream *s = conn_check(L);
	const struct device_link *d = engine_host(engine_of(L))->device;
	double quiet = 1, max = 10;

	if (!lua_isnoneornil(L, 2)) {
		luaL_checktype(L, 2, LUA_TTABLE);
		quiet = api_field_seconds(L, 2, "quiet", quiet);
		max = api_field_seconds(L, 2, "max", max);
	}
	lua_settop(L, 1);
	s->settle.begun = clock_mono();
	s->settle.quiet = (int64_t)(quiet * 1e9);
	s->settle.max = (int64_t)(max * 1e9);
	s->settle.bytes = s->session->bytes[SESSION_TO_SERVER];
	s->settle.events = d != NULL ? device_link_events(d) : 0;
	return conn_settle_k(L, LUA_OK, 0);
}
