/*
 * What the bound types share.
 */
#include <lauxlib.h>

#include "base/log.h"
#include "record/session.h"
#include "script/api.h"

void
api_open(lua_State *L)
{
	api_conn_open(L);
	api_dgram_open(L);
	api_http2_open(L);
}

/* print(...): to the operator, as one line of the log. */
static int
api_print(lua_State *L)
{
	int n = lua_gettop(L);
	luaL_Buffer b;

	luaL_buffinit(L, &b);
	for (int i = 1; i <= n; i++) {
		if (i > 1)
			luaL_addchar(&b, ' ');
		luaL_tolstring(L, i, NULL);
		luaL_addvalue(&b);
	}
	luaL_pushresult(&b);
	log_info("profile: %s", lua_tostring(L, -1));
	return 0;
}

void
api_push_tables(lua_State *L)
{
	lua_pushcfunction(L, api_print);
	lua_setfield(L, -2, "print");
	api_responder_push(L);
	lua_setfield(L, -2, "responder");
	api_lab_push(L);
	lua_setfield(L, -2, "lab");
	api_device_push(L);
	lua_setfield(L, -2, "device");
	api_dns_push(L);
	lua_setfield(L, -2, "dns");
	api_http2_push(L);
	lua_setfield(L, -2, "http2");
}

int
api_push_addr(lua_State *L, const struct addr *a)
{
	char text[ADDR_TEXT_SIZE];

	lua_pushstring(L, addr_text(a, text));
	lua_pushinteger(L, a->port);
	return 2;
}

void
api_check_words(lua_State *L, const struct session *s)
{
	if (session_is_wordy(s))
		luaL_error(L, "too many events of one session: does it write "
		    "without pause?");
}

int
api_refuse(lua_State *L, const char *why)
{
	lua_pushnil(L);
	lua_pushstring(L, why);
	return 2;
}

double
api_check_seconds(lua_State *L, int index)
{
	lua_Number n = luaL_checknumber(L, index);

	/* A century is forever, and fits in 64 bits of nanoseconds. */
	luaL_argcheck(L, n >= 0 && n <= 3.2e9, index, "not a time in seconds");
	return n;
}

double
api_field_seconds(lua_State *L, int index, const char *key, double otherwise)
{
	lua_Number n = otherwise;

	if (lua_getfield(L, index, key) != LUA_TNIL) {
		n = lua_tonumber(L, -1);
		if (!lua_isnumber(L, -1) || !(n >= 0 && n <= 3.2e9))
			luaL_error(L, "%s must be a time in seconds", key);
	}
	lua_pop(L, 1);
	return n;
}
