/*
 * conn: the stream of a session; its handle and its evidence. What receives
 * is in conn_receive.c, what sends in conn_command.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "net/conn.h"
#include "net/tls.h"
#include "record/device_link.h"
#include "record/run.h"
#include "record/session.h"
#include "script/api.h"
#include "script/conn.h"
#include "script/conn_calls.h"
#include "script/engine.h"
#include "script/json.h"
#include "script/task.h"

#define CONN_TYPE "kagemusha.conn"
/* A client's certificate that profiles get to see; any is kept as a file. */
#define CONN_CERTIFICATE 65536

/* Its address is where the registry has the metatable, beside its name. */
static const char conn_key;

struct stream *
conn_handle(lua_State *L)
{
	void *handle = lua_touserdata(L, 1);

	/* As luaL_checkudata, without interning the type's name each time. */
	if (handle != NULL && lua_getmetatable(L, 1)) {
		bool ours;

		lua_rawgetp(L, LUA_REGISTRYINDEX, &conn_key);
		ours = lua_rawequal(L, -1, -2);
		lua_pop(L, 2);
		if (ours)
			return *(struct stream **)handle;
	}
	return *(struct stream **)luaL_checkudata(L, 1, CONN_TYPE);
}

struct stream *
conn_check(lua_State *L)
{
	struct stream *s = conn_handle(L);

	if (s == NULL)
		luaL_error(L, "this conn's session is over");
	api_check_words(L, s->session);
	return s;
}

void
conn_begin(struct stream *s)
{
	if (s != NULL)
		s->deadline = clock_mono() + (int64_t)(s->timeout * 1e9);
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
 * conn:start_tls([{client_certificate=}]) → true once the client's handshake is
 * done; for protocols that begin in the clear (STARTTLS). [-0, +1|2, e]
 */
static int
conn_start_tls_call(lua_State *L)
{
	struct stream *s = conn_check(L);
	bool ask = false;

	if (s->tls == STREAM_SECURE)
		return luaL_error(L, "this conn has TLS already");
	if (!lua_isnoneornil(L, 2)) {
		luaL_checktype(L, 2, LUA_TTABLE);
		lua_getfield(L, 2, "client_certificate");
		ask = lua_toboolean(L, -1);
		lua_pop(L, 1);
	}
	if (s->conn == NULL || s->start_tls == NULL || s->start_tls(s, ask) < 0)
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

/* conn:client_certificate() → the client's, in PEM, or nil. [-0, +1, e] */
static int
conn_client_certificate(lua_State *L)
{
	/* Lua may raise when it has no memory: nothing of ours is held then. */
	static char text[CONN_CERTIFICATE];
	struct stream *s = conn_check(L);
	char *pem = NULL;
	size_t n = 0;

	if (s->tls == STREAM_SECURE && s->conn != NULL)
		pem = tls_client_certificate(conn_tls(s->conn));
	if (pem != NULL && (n = strlen(pem)) <= sizeof text)
		memcpy(text, pem, n);
	free(pem);
	if (n == 0 || n > sizeof text)
		lua_pushnil(L);
	else
		lua_pushlstring(L, text, n);
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
	{ "client_certificate", conn_client_certificate },
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
	lua_rawsetp(L, LUA_REGISTRYINDEX, &conn_key);
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
	free(s->untold);
	s->untold = NULL;
}
