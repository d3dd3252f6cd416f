/*
 * conn: the stream of a session. A receive is one function, which looks at
 * what has come and otherwise waits, and is called again when it is woken.
 */
#include <errno.h>
#include <string.h>

#include <event2/buffer.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "net/conn.h"
#include "record/device_link.h"
#include "record/run.h"
#include "record/session.h"
#include "script/api.h"
#include "script/conn.h"
#include "script/engine.h"
#include "script/json.h"
#include "script/target.h"
#include "script/task.h"

#define CONN_TYPE "kagemusha.conn"
/* Bytes sent and not taken by the peer before a send waits. */
#define CONN_OUTPUT_MAX (1024 * 1024)
#define CONN_RECEIVE_MAX (16 * 1024 * 1024)

/* The stream behind the handle, or NULL when its session is over. */
static struct stream *
conn_handle(lua_State *L)
{
	return *(struct stream **)luaL_checkudata(L, 1, CONN_TYPE);
}

/* The same, for calls that make no sense afterwards. */
static struct stream *
conn_check(lua_State *L)
{
	struct stream *s = conn_handle(L);

	if (s == NULL)
		luaL_error(L, "this conn's session is over");
	return s;
}

/* Sets the deadline of the call that begins. */
static void
conn_begin(struct stream *s)
{
	if (s != NULL)
		s->deadline = clock_mono() + (int64_t)(s->timeout * 1e9);
}

static size_t
conn_check_size(lua_State *L, int index, size_t otherwise)
{
	lua_Integer n = luaL_optinteger(L, index, (lua_Integer)otherwise);

	luaL_argcheck(L, n > 0 && n <= CONN_RECEIVE_MAX, index,
	    "not a size from 1 to 16777216");
	return (size_t)n;
}

/*
 * Pushes the first `show` bytes of the input and takes `take` out of it. A
 * failure to push leaves them there. [-0, +1, m]
 */
static void
conn_push_input(lua_State *L, struct stream *s, size_t show, size_t take)
{
	const void *p = show == 0 ? "" :
	    (const void *)evbuffer_pullup(conn_input(s->conn),
	    (ev_ssize_t)show);

	if (p == NULL)
		luaL_error(L, "no memory");
	lua_pushlstring(L, p, show);
	conn_drain(s->conn, take);
}

/* nil, error, and what there is of the answer, which stays in the input. */
static int
conn_fail(lua_State *L, struct stream *s, const char *error)
{
	lua_pushnil(L);
	lua_pushstring(L, error);
	if (s == NULL || s->conn == NULL)
		lua_pushliteral(L, "");
	else
		conn_push_input(L, s, conn_length(s->conn), 0);
	return 3;
}

/* Nothing to return yet: fails if nothing can come, and waits otherwise. */
static int
conn_wait(lua_State *L, struct stream *s, size_t max, lua_KFunction again)
{
	if (s == NULL || s->conn == NULL || conn_closing(s->conn) ||
	    conn_ended(s->conn) != NULL)
		return conn_fail(L, s, "closed");
	if (clock_mono() >= s->deadline)
		return conn_fail(L, s, "timeout");
	conn_want(s->conn, max);
	return task_wait(L, s->deadline, 0, again);
}

/* The line is longer than allowed: what there is of it, and it is gone. */
static int
conn_too_long(lua_State *L, struct stream *s, size_t max)
{
	lua_pushnil(L);
	lua_pushliteral(L, "toolong");
	conn_push_input(L, s, max, max);
	return 3;
}

/* What may still be read, or NULL. */
static struct evbuffer *
conn_readable(struct stream *s)
{
	return s != NULL && s->conn != NULL && !conn_closing(s->conn) ?
	    conn_input(s->conn) : NULL;
}

static int
conn_recv_line_k(lua_State *L, int status A_UNUSED, lua_KContext ctx A_UNUSED)
{
	struct stream *s = conn_handle(L);
	struct evbuffer *in = conn_readable(s);
	size_t max = (size_t)lua_tointeger(L, 2);

	if (in != NULL) {
		struct evbuffer_ptr end = evbuffer_search(in, "\n", 1, NULL);
		size_t n = end.pos < 0 ? conn_length(s->conn) : (size_t)end.pos;
		char last = '\0';

		if (n > max)
			return conn_too_long(L, s, max);
		if (end.pos >= 0) {
			if (n > 0) {
				struct evbuffer_ptr at;

				evbuffer_ptr_set(in, &at, n - 1,
				    EVBUFFER_PTR_SET);
				evbuffer_copyout_from(in, &at, &last, 1);
			}
			conn_push_input(L, s, n - (last == '\r'), n + 1);
			return 1;
		}
	}
	return conn_wait(L, s, max + 1, conn_recv_line_k);
}

/*
 * conn:recv_line([max]) → a line without its end (LF, or CR LF). [-0, +1|3, e]
 */
static int
conn_recv_line(lua_State *L)
{
	struct stream *s = conn_handle(L);
	size_t max = conn_check_size(L, 2, engine_limits(engine_of(L))->line);

	lua_settop(L, 1);
	lua_pushinteger(L, (lua_Integer)max);
	conn_begin(s);
	return conn_recv_line_k(L, LUA_OK, 0);
}

static int
conn_recv_until_k(lua_State *L, int status A_UNUSED, lua_KContext ctx A_UNUSED)
{
	struct stream *s = conn_handle(L);
	struct evbuffer *in = conn_readable(s);
	size_t size, max = (size_t)lua_tointeger(L, 3);
	const char *delim = lua_tolstring(L, 2, &size);

	if (in != NULL) {
		struct evbuffer_ptr at = evbuffer_search(in, delim, size, NULL);
		size_t n = at.pos < 0 ? conn_length(s->conn) : (size_t)at.pos;

		if (at.pos < 0 && n >= size)
			n -= size - 1; /* it may hold the delimiter's begin */
		if (n > max)
			return conn_too_long(L, s, max);
		if (at.pos >= 0) {
			conn_push_input(L, s, n, n + size);
			return 1;
		}
	}
	return conn_wait(L, s, max + size, conn_recv_until_k);
}

/* conn:recv_until(delim [, max]) → what stands before it. [-0, +1|3, e] */
static int
conn_recv_until(lua_State *L)
{
	struct stream *s = conn_handle(L);
	size_t max = conn_check_size(L, 3, engine_limits(engine_of(L))->line);

	luaL_checktype(L, 2, LUA_TSTRING);
	luaL_argcheck(L, lua_rawlen(L, 2) > 0, 2, "empty");
	lua_settop(L, 2);
	lua_pushinteger(L, (lua_Integer)max);
	conn_begin(s);
	return conn_recv_until_k(L, LUA_OK, 0);
}

static int
conn_recv_bytes_k(lua_State *L, int status A_UNUSED, lua_KContext ctx A_UNUSED)
{
	struct stream *s = conn_handle(L);
	size_t n = (size_t)lua_tointeger(L, 2);

	if (conn_readable(s) != NULL && conn_length(s->conn) >= n) {
		conn_push_input(L, s, n, n);
		return 1;
	}
	return conn_wait(L, s, n, conn_recv_bytes_k);
}

/* conn:recv_bytes(n) → exactly n bytes. [-0, +1|3, e] */
static int
conn_recv_bytes(lua_State *L)
{
	struct stream *s = conn_handle(L);
	size_t n;

	luaL_checkinteger(L, 2);
	n = conn_check_size(L, 2, 1);
	lua_settop(L, 1);
	lua_pushinteger(L, (lua_Integer)n);
	conn_begin(s);
	return conn_recv_bytes_k(L, LUA_OK, 0);
}

static int
conn_recv_any_k(lua_State *L, int status A_UNUSED, lua_KContext ctx A_UNUSED)
{
	struct stream *s = conn_handle(L);
	size_t n, max = (size_t)lua_tointeger(L, 2);

	if (conn_readable(s) != NULL && (n = conn_length(s->conn)) > 0) {
		n = n < max ? n : max;
		conn_push_input(L, s, n, n);
		return 1;
	}
	return conn_wait(L, s, 1, conn_recv_any_k);
}

/* conn:recv_any([max]) → what there is, at least one byte. [-0, +1|3, e] */
static int
conn_recv_any(lua_State *L)
{
	struct stream *s = conn_handle(L);
	size_t max = conn_check_size(L, 2, 65536);

	lua_settop(L, 1);
	lua_pushinteger(L, (lua_Integer)max);
	conn_begin(s);
	return conn_recv_any_k(L, LUA_OK, 0);
}

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

/*
 * Sends the text at index 2, as a command if it has an id, and leaves its
 * result at 2 for when the peer has taken enough.
 */
static int
conn_send_text(lua_State *L, struct stream *s, uint64_t command)
{
	size_t n;
	const char *text = lua_tolstring(L, 2, &n);
	int status;

	s->command = command;
	status = conn_send(s->conn, text, n);
	s->command = 0;
	if (status < 0)
		return api_refuse(L, "closed");
	lua_settop(L, 1);
	if (command != 0)
		lua_pushinteger(L, (lua_Integer)command);
	else
		lua_pushboolean(L, 1);
	conn_begin(s);
	return conn_send_k(L, LUA_OK, 0);
}

static bool
conn_can_send(struct stream *s)
{
	return s != NULL && s->conn != NULL && conn_sendable(s->conn);
}

/* conn:send(data) → true. [-0, +1|2, e] */
static int
conn_send_call(lua_State *L)
{
	struct stream *s = conn_handle(L);

	luaL_checkstring(L, 2);
	if (!conn_can_send(s))
		return api_refuse(L, "closed");
	return conn_send_text(L, s, 0);
}

/* Refuses a command whose text or target names a foreign address. */
static int
conn_refuse_target(lua_State *L, struct stream *s, const char *bad)
{
	const char *why = lua_pushfstring(L, "refused: %s is outside the lab "
	    "(--allow-target would allow it)", bad);

	session_error(s->session, why, NULL);
	return api_refuse(L, why);
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
 * conn:command(data [, {name=, target=, seconds=}]) → the command's id.
 * Without a name the first word is one. [-0, +1|2, e]
 */
static int
conn_command(lua_State *L)
{
	struct stream *s = conn_handle(L);
	const struct engine_host *host = engine_host(engine_of(L));
	char bad[ADDR_TEXT_SIZE];
	size_t n, target_size;
	const char *text = luaL_checklstring(L, 2, &n);
	double seconds = -1;

	if (!lua_isnoneornil(L, 3)) {
		luaL_checktype(L, 3, LUA_TTABLE);
		seconds = api_field_seconds(L, 3, "seconds", -1);
	}
	lua_settop(L, 3);
	const char *name = conn_option(L, "name");
	const char *target = conn_option(L, "target");

	if (!conn_can_send(s))
		return api_refuse(L, "closed");
	if (!target_scan(host->targets, text, n, bad))
		return conn_refuse_target(L, s, bad);
	if (target != NULL) {
		target_size = strlen(target);
		if (!target_scan(host->targets, target, target_size, bad))
			return conn_refuse_target(L, s, bad);
	}
	if (name == NULL) {
		size_t word = 0;

		while (word < n && word < 32 && text[word] > ' ' &&
		    text[word] < 0x7f)
			word++;
		if (word > 0)
			name = lua_pushlstring(L, text, word);
	}
	uint64_t id = session_command(s->session, text, n, name, target,
	    seconds);

	return conn_send_text(L, s, id);
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
		return conn_settle_end(L, s, "closed", bytes, events);
	if (now >= last + s->settle.quiet)
		return conn_settle_end(L, s, "quiet", bytes, events);
	if (now >= s->settle.begun + s->settle.max)
		return conn_settle_end(L, s, "max", bytes, events);
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
static int
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

/* conn:note(kind [, table]). [-0, +0, e] */
static int
conn_note(lua_State *L)
{
	struct stream *s = conn_check(L);
	const char *kind = luaL_checkstring(L, 2);
	struct jsonw *w;

	if (!lua_isnoneornil(L, 3))
		luaL_checktype(L, 3, LUA_TTABLE);
	w = session_event(s->session, "note");
	if (s->session->command != 0)
		jsonw_uint(w, "command", s->session->command);
	jsonw_object(w, "note");
	jsonw_string(w, "kind", kind);
	if (lua_istable(L, 3))
		json_fields(L, 3, w, "kind");
	jsonw_object_end(w);
	session_event_end(s->session);
	return 0;
}

/* conn:credentials(user, secret). [-0, +0, e] */
static int
conn_credentials(lua_State *L)
{
	struct stream *s = conn_check(L);
	size_t user_length, secret_length;
	const char *user = luaL_optlstring(L, 2, "", &user_length);
	const char *secret = luaL_optlstring(L, 3, "", &secret_length);

	session_credentials(s->session, user, user_length, secret,
	    secret_length);
	return 0;
}

/* conn:file(name, bytes) → its SHA-256, or nil, err. [-0, +1|2, e] */
static int
conn_file(lua_State *L)
{
	struct stream *s = conn_check(L);
	char sha256[RUN_SHA256_SIZE];
	size_t name_length, n;
	const char *name = luaL_optlstring(L, 2, "", &name_length);
	const char *bytes = luaL_checklstring(L, 3, &n), *wrong = NULL;

	if (run_store(s->session->run, bytes, n, sha256) < 0)
		wrong = errno == EFBIG ? "over the limit for files" :
		    strerror(errno);
	session_file(s->session, name, name_length, n, sha256, wrong);
	if (wrong != NULL)
		return api_refuse(L, wrong);
	lua_pushstring(L, sha256);
	return 1;
}

/* conn:set_timeout(seconds): how long each later receive waits. [-0, +0, e] */
static int
conn_set_timeout(lua_State *L)
{
	struct stream *s = conn_handle(L);
	double seconds = api_check_seconds(L, 2);

	if (s != NULL)
		s->timeout = seconds;
	return 0;
}

static int
conn_start_tls_k(lua_State *L, int status A_UNUSED, lua_KContext ctx A_UNUSED)
{
	struct stream *s = conn_handle(L);

	if (s != NULL && s->tls == STREAM_TLS_FAILED)
		return api_refuse(L, "tls");
	if (s == NULL || s->conn == NULL || conn_closing(s->conn))
		return api_refuse(L, "closed");
	if (s->tls == STREAM_SECURE) {
		lua_pushboolean(L, 1);
		return 1;
	}
	if (clock_mono() >= s->deadline)
		return api_refuse(L, "timeout");
	return task_wait(L, s->deadline, 0, conn_start_tls_k);
}

/*
 * conn:start_tls() → true once the client's handshake is done; for protocols
 * that begin in the clear (STARTTLS). [-0, +1|2, e]
 */
static int
conn_start_tls_call(lua_State *L)
{
	struct stream *s = conn_check(L);

	if (s->tls == STREAM_SECURE)
		return luaL_error(L, "this conn has TLS already");
	if (s->conn == NULL || s->start_tls == NULL || s->start_tls(s) < 0)
		return api_refuse(L, "closed");
	conn_begin(s);
	return conn_start_tls_k(L, LUA_OK, 0);
}

/* conn:close(). [-0, +0, e] */
static int
conn_close_call(lua_State *L)
{
	struct stream *s = conn_handle(L);

	if (s != NULL && s->conn != NULL)
		conn_close(s->conn);
	return 0;
}

/* conn:peer() → ip, port. [-0, +2, e] */
static int
conn_peer(lua_State *L)
{
	return api_push_addr(L, &conn_check(L)->session->src);
}

/* conn:dest() → ip, port: what the sample dialled. [-0, +2, e] */
static int
conn_dest(lua_State *L)
{
	return api_push_addr(L, &conn_check(L)->session->dest);
}

/* conn:name() → the name that it was handed out for, or nil. [-0, +1, e] */
static int
conn_name(lua_State *L)
{
	lua_pushstring(L, conn_check(L)->name);
	return 1;
}

/* conn:sni() → the server name of the TLS hello, or nil. [-0, +1, e] */
static int
conn_sni(lua_State *L)
{
	lua_pushstring(L, conn_check(L)->sni);
	return 1;
}

/* conn:session() → its number in this run. [-0, +1, e] */
static int
conn_session(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)conn_check(L)->session->id);
	return 1;
}

static int
conn_gc(lua_State *L)
{
	struct stream **handle = luaL_checkudata(L, 1, CONN_TYPE);

	if (*handle != NULL)
		(*handle)->handle = NULL;
	*handle = NULL;
	return 0;
}

static int
conn_tostring(lua_State *L)
{
	struct stream *s = conn_handle(L);

	if (s == NULL)
		lua_pushliteral(L, "conn (over)");
	else
		lua_pushfstring(L, "conn (session %I)",
		    (LUAI_UACINT)s->session->id);
	return 1;
}

static const luaL_Reg conn_methods[] = {
	{ "close", conn_close_call },
	{ "command", conn_command },
	{ "credentials", conn_credentials },
	{ "dest", conn_dest },
	{ "file", conn_file },
	{ "name", conn_name },
	{ "note", conn_note },
	{ "peer", conn_peer },
	{ "recv_any", conn_recv_any },
	{ "recv_bytes", conn_recv_bytes },
	{ "recv_line", conn_recv_line },
	{ "recv_until", conn_recv_until },
	{ "send", conn_send_call },
	{ "session", conn_session },
	{ "set_timeout", conn_set_timeout },
	{ "settle", conn_settle },
	{ "sni", conn_sni },
	{ "start_tls", conn_start_tls_call },
	{ NULL, NULL }
};

static const luaL_Reg conn_metamethods[] = {
	{ "__gc", conn_gc },
	{ "__close", conn_close_call },
	{ "__tostring", conn_tostring },
	{ NULL, NULL }
};

void
api_conn_open(lua_State *L)
{
	luaL_newmetatable(L, CONN_TYPE);
	luaL_setfuncs(L, conn_metamethods, 0);
	luaL_newlib(L, conn_methods);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void
stream_push(lua_State *L, struct stream *s)
{
	struct stream **handle = lua_newuserdatauv(L, sizeof *handle, 0);

	*handle = s;
	s->handle = handle;
	s->timeout = engine_limits(engine_of(L))->timeout;
	luaL_setmetatable(L, CONN_TYPE);
}

void
stream_detach(struct stream *s)
{
	if (s->handle != NULL)
		*s->handle = NULL;
	s->handle = NULL;
}
