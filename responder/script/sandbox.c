/*
 * Environments. Library tables are copied into each, so that a profile that
 * changes one changes its own.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "script/api.h"
#include "script/engine.h"
#include "script/sandbox.h"
#include "script/strings.h"

static const char *const sandbox_base[] = { "assert", "error", "getmetatable",
	"ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawlen",
	"rawset", "select", "tonumber", "tostring", "type", "_VERSION",
	NULL };
static const char *const sandbox_libraries[] = { "string", "table", "math",
	"utf8", NULL };
static const luaL_Reg sandbox_open_functions[] = { { "_G", luaopen_base },
	{ "string", luaopen_string }, { "table", luaopen_table },
	{ "math", luaopen_math }, { "utf8", luaopen_utf8 }, { NULL, NULL } };

/* Elements that a call of `table` may go through at once. */
#define SANDBOX_ELEMENTS ((lua_Integer)1 << 24)

/* Hands all arguments to the call in upvalue 1. */
static int
sandbox_call(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

/*
 * In front of calls that count through a table as long as its # or __len says,
 * where no hook can stop them. Upvalue 1 is the call.
 */
static int
sandbox_bounded(lua_State *L)
{
	if (lua_istable(L, 1) && luaL_len(L, 1) > SANDBOX_ELEMENTS)
		return luaL_error(L, "the table is too long");
	return sandbox_call(L);
}

/* table.move(a, from, to, …), bounded by its own numbers. */
static int
sandbox_move(lua_State *L)
{
	lua_Integer from = luaL_checkinteger(L, 2);
	lua_Integer to = luaL_checkinteger(L, 3);

	if (to >= from &&
	    (lua_Unsigned)to - (lua_Unsigned)from >= SANDBOX_ELEMENTS)
		return luaL_error(L, "too many elements to move");
	return sandbox_call(L);
}

/* Puts the bounds around the calls of the table `table` on the stack. */
static void
sandbox_bound(lua_State *L)
{
	static const char *const by_length[] = { "concat", "insert", "remove",
		"sort", NULL };

	for (const char *const *name = by_length; *name != NULL; name++) {
		lua_getfield(L, -1, *name);
		lua_pushcclosure(L, sandbox_bounded, 1);
		lua_setfield(L, -2, *name);
	}
	lua_getfield(L, -1, "move");
	lua_pushcclosure(L, sandbox_move, 1);
	lua_setfield(L, -2, "move");
}

void
sandbox_open(lua_State *L)
{
	for (const luaL_Reg *r = sandbox_open_functions; r->name != NULL; r++) {
		luaL_requiref(L, r->name, r->func, 1);
		lua_pop(L, 1);
	}
	strings_open(L);
	lua_getglobal(L, "table");
	sandbox_bound(L);
	lua_pop(L, 1);
	/* ("").x = … would reach every profile's strings. */
	lua_pushliteral(L, "");
	lua_getmetatable(L, -1);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
	api_open(L);
}

/*
 * setmetatable without __gc: a finalizer runs where no hook can stop it, and
 * on another session's time.
 */
static int
sandbox_setmetatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_argexpected(L, lua_isnoneornil(L, 2) || lua_istable(L, 2), 2,
	    "nil or table");
	if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
		return luaL_error(L, "cannot change a protected metatable");
	if (lua_istable(L, 2)) {
		lua_pushliteral(L, "__gc");
		if (lua_rawget(L, 2) != LUA_TNIL)
			return luaL_error(L, "__gc is not available here");
	}
	lua_settop(L, 2);
	lua_setmetatable(L, 1);
	return 1;
}

/* The handler has spoken, or failed in its turn. [-1, +2, -] */
static int
sandbox_xpcall_handled(lua_State *L, int status A_UNUSED,
    lua_KContext ctx A_UNUSED)
{
	lua_pushboolean(L, 0);
	lua_insert(L, -2);
	return 2;
}

/* The call has come back: 1 is the handler, above it true and the results. */
static int
sandbox_xpcall_k(lua_State *L, int status, lua_KContext ctx A_UNUSED)
{
	if (status == LUA_OK || status == LUA_YIELD)
		return lua_gettop(L) - 1;
	lua_pushvalue(L, 1);
	lua_insert(L, -2);
	status = lua_pcallk(L, 1, 1, 0, 0, sandbox_xpcall_handled);
	return sandbox_xpcall_handled(L, status, 0);
}

/*
 * xpcall(f, handler, ...) whose handler is called when f has ended. Lua calls
 * it where the error is raised: if the hook raised that, Lua calls the hook no
 * more, and nothing would end a handler that loops. [-0, +n, e]
 */
static int
sandbox_xpcall(lua_State *L)
{
	int status, n = lua_gettop(L);

	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushboolean(L, 1);
	lua_pushvalue(L, 1);
	lua_rotate(L, 3, 2);
	lua_remove(L, 1);
	status = lua_pcallk(L, n - 2, LUA_MULTRET, 0, 0, sandbox_xpcall_k);
	return sandbox_xpcall_k(L, status, 0);
}

/* A module's name: letters, digits, _ and -, in parts joined by dots. */
static const char *
sandbox_module_path(lua_State *L, const char *name, char path[PATH_MAX])
{
	char part[128];
	size_t n = strlen(name);

	if (strncmp(name, "lib.", 4) == 0 || strncmp(name, "lib/", 4) == 0) {
		name += 4;
		n -= 4;
	}
	luaL_argcheck(L, n > 0 && n < sizeof part, 1, "not a module's name");
	for (size_t i = 0; i < n; i++) {
		char c = name[i];

		luaL_argcheck(L, (c >= 'a' && c <= 'z') ||
		    (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    c == '_' || c == '-' || ((c == '.' || c == '/') && i > 0 &&
		    name[i - 1] != '.' && name[i - 1] != '/'),
		    1, "not a module's name");
		part[i] = c == '.' ? '/' : c;
	}
	part[n] = '\0';
	snprintf(path, PATH_MAX, "%s/lib/%s.lua",
	    engine_folder(engine_of(L)), part);
	return path;
}

/*
 * require: upvalues are the environment and the table of what it has loaded,
 * where false means that a module is being loaded.
 */
static int
sandbox_require(lua_State *L)
{
	char path[PATH_MAX];
	const char *name = luaL_checkstring(L, 1);

	lua_settop(L, 1);
	sandbox_module_path(L, name, path);
	if (lua_getfield(L, lua_upvalueindex(2), path) == LUA_TBOOLEAN &&
	    !lua_toboolean(L, -1))
		return luaL_error(L, "'%s' requires itself", name);
	if (!lua_isnil(L, -1))
		return 1;
	if (sandbox_load(L, path, lua_upvalueindex(1)) != LUA_OK)
		return lua_error(L);
	lua_pushboolean(L, 0);
	lua_setfield(L, lua_upvalueindex(2), path);
	lua_pushvalue(L, 1);
	lua_call(L, 1, 1);
	if (lua_isnil(L, -1)) {
		lua_pop(L, 1);
		lua_pushboolean(L, 1);
	}
	lua_pushvalue(L, -1);
	lua_setfield(L, lua_upvalueindex(2), path);
	return 1;
}

/* Pushes a copy of the global table with this name. */
static void
sandbox_copy(lua_State *L, const char *name)
{
	lua_newtable(L);
	lua_getglobal(L, name);
	lua_pushnil(L);
	while (lua_next(L, -2) != 0) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, -5);
	}
	lua_pop(L, 1);
}

void
sandbox_push_env(lua_State *L)
{
	lua_newtable(L);
	for (const char *const *n = sandbox_base; *n != NULL; n++) {
		lua_getglobal(L, *n);
		lua_setfield(L, -2, *n);
	}
	for (const char *const *n = sandbox_libraries; *n != NULL; n++) {
		sandbox_copy(L, *n);
		lua_setfield(L, -2, *n);
	}
	lua_getfield(L, -1, "string");
	lua_pushnil(L);
	lua_setfield(L, -2, "dump");
	lua_pop(L, 1);
	lua_pushcfunction(L, sandbox_setmetatable);
	lua_setfield(L, -2, "setmetatable");
	lua_pushcfunction(L, sandbox_xpcall);
	lua_setfield(L, -2, "xpcall");
	lua_pushvalue(L, -1);
	lua_newtable(L);
	lua_pushcclosure(L, sandbox_require, 2);
	lua_setfield(L, -2, "require");
	lua_pushvalue(L, -1);
	lua_setfield(L, -2, "_G");
	api_push_tables(L);
}

int
sandbox_load(lua_State *L, const char *path, int env)
{
	int status;

	env = lua_absindex(L, env);
	/* Only text: bytecode can crash Lua. */
	status = luaL_loadfilex(L, path, "t");
	if (status != LUA_OK)
		return status;
	lua_pushvalue(L, env);
	lua_setupvalue(L, -2, 1);
	return LUA_OK;
}
