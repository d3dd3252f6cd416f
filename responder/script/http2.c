/*
 * http2 for profiles: http2.server() gives an object that takes the client's
 * bytes and gives requests, takes responses and gives bytes to send. It never
 * waits; the profile moves bytes between it and its conn:
 *
 *	local h = http2.server()
 *	h:feed(data)                     → true, or nil and why
 *	h:request()                      → { stream, method, path, …} or nil
 *	h:respond(stream, status, { { "content-type", t } }, body)
 *	h:output()                       → bytes to send, maybe ""
 */
#include <string.h>

#include <lauxlib.h>

#include "script/api.h"
#include "wire/http2.h"

#define HTTP2_TYPE "http2"

/* The object at index 1; raises if it was closed. */
static struct http2 *
check_http2(lua_State *L)
{
	struct http2 **p = luaL_checkudata(L, 1, HTTP2_TYPE);

	luaL_argcheck(L, *p != NULL, 1, "is closed");
	return *p;
}

/* http2.server() [-0, +1, m] */
static int
http2_server(lua_State *L)
{
	struct http2 **p = lua_newuserdatauv(L, sizeof *p, 0);

	*p = NULL;
	luaL_setmetatable(L, HTTP2_TYPE);
	*p = http2_new();
	return 1;
}

/* h:feed(bytes) → true | nil, why [-0, +1|2, e] */
static int
http2_feed(lua_State *L)
{
	struct http2 *h = check_http2(L);
	size_t n;
	const char *why, *bytes = luaL_checklstring(L, 2, &n);

	if (http2_input(h, bytes, n, &why) < 0)
		return api_refuse(L, why);
	lua_pushboolean(L, 1);
	return 1;
}

/* Sets t.headers[name], joined by commas if it repeats (RFC 9110, 5.3). */
static void
http2_push_field(lua_State *L, const struct http2_field *f)
{
	if (f->name[0] == ':') {
		lua_pushlstring(L, f->value, f->value_length);
		lua_setfield(L, -3, f->name + 1);
		return;
	}
	if (lua_getfield(L, -1, f->name) == LUA_TSTRING) {
		lua_pushliteral(L, ", ");
		lua_pushlstring(L, f->value, f->value_length);
		lua_concat(L, 3);
	} else {
		lua_pop(L, 1);
		lua_pushlstring(L, f->value, f->value_length);
	}
	lua_setfield(L, -2, f->name);
}

/*
 * h:request() → { stream=, method=, scheme=, authority=, path=, headers=,
 * body= } | nil [-0, +1, e]
 */
static int
http2_request(lua_State *L)
{
	const struct http2_request *r = http2_next(check_http2(L));

	if (r == NULL)
		return 0;
	lua_createtable(L, 0, 7);
	lua_pushinteger(L, r->stream);
	lua_setfield(L, -2, "stream");
	lua_pushlstring(L, r->body == NULL ? "" : (const char *)r->body,
	    r->body_length);
	lua_setfield(L, -2, "body");
	lua_newtable(L);
	for (size_t i = 0; i < r->field_count; i++)
		http2_push_field(L, &r->fields[i]);
	lua_setfield(L, -2, "headers");
	return 1;
}

/* h:respond(stream, status, headers, body) → true | nil, why [-0, +1|2, e] */
static int
http2_respond_call(lua_State *L)
{
	struct http2 *h = check_http2(L);
	lua_Integer stream = luaL_checkinteger(L, 2);
	lua_Integer status = luaL_checkinteger(L, 3);
	const char *fields[2 * HTTP2_FIELDS_MAX], *body;
	size_t pairs, length;

	luaL_checktype(L, 4, LUA_TTABLE);
	body = luaL_optlstring(L, 5, "", &length);
	pairs = (size_t)lua_rawlen(L, 4);
	luaL_argcheck(L, pairs < HTTP2_FIELDS_MAX, 4, "too many headers");
	luaL_argcheck(L, stream > 0 && stream <= INT32_MAX, 2, "no stream");
	luaL_argcheck(L, status >= 100 && status <= 999, 3, "no status");
	/* The strings stay alive in the table at 4 while we point at them. */
	for (size_t i = 0; i < pairs; i++) {
		lua_rawgeti(L, 4, (lua_Integer)i + 1);
		luaL_argcheck(L, lua_istable(L, -1), 4, "{ name, value } each");
		for (int k = 0; k < 2; k++) {
			lua_rawgeti(L, -1, k + 1);
			luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 4,
			    "{ name, value } each, as text");
			fields[2 * i + (size_t)k] = lua_tostring(L, -1);
			lua_pop(L, 1);
		}
		lua_pop(L, 1);
	}
	if (http2_respond(h, (int32_t)stream, (int)status, fields, pairs, body,
	    length) < 0)
		return api_refuse(L, "no such request");
	lua_pushboolean(L, 1);
	return 1;
}

/* h:output() → bytes to send, "" for none | nil, why [-0, +1|2, e] */
static int
http2_output_call(lua_State *L)
{
	struct http2 *h = check_http2(L);
	const uint8_t *out;
	luaL_Buffer b;
	long n;

	luaL_buffinit(L, &b);
	while ((n = http2_output(h, &out)) > 0)
		luaL_addlstring(&b, (const char *)out, (size_t)n);
	luaL_pushresult(&b);
	return n < 0 ? api_refuse(L, "out of memory") : 1;
}

static int
http2_gc(lua_State *L)
{
	struct http2 **p = luaL_checkudata(L, 1, HTTP2_TYPE);

	http2_free(*p);
	*p = NULL;
	return 0;
}

static const luaL_Reg http2_methods[] = {
	{ "feed", http2_feed },
	{ "output", http2_output_call },
	{ "request", http2_request },
	{ "respond", http2_respond_call },
	{ NULL, NULL }
};

static const luaL_Reg http2_meta[] = {
	{ "__close", http2_gc },
	{ "__gc", http2_gc },
	{ NULL, NULL }
};

static const luaL_Reg http2_functions[] = {
	{ "server", http2_server },
	{ NULL, NULL }
};

void
api_http2_open(lua_State *L)
{
	luaL_newmetatable(L, HTTP2_TYPE);
	luaL_setfuncs(L, http2_meta, 0);
	luaL_newlib(L, http2_methods);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void
api_http2_push(lua_State *L)
{
	luaL_newlib(L, http2_functions);
}
