/*
 * Loading a profile and asking it what it matches.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/xmalloc.h"
#include "script/api.h"
#include "script/engine.h"
#include "script/profile.h"
#include "script/sandbox.h"
#include "script/task.h"

/* Reads one list of ports; raises what is wrong with it. */
static void
profile_read_ports(lua_State *L, struct profile *p, enum profile_proto proto,
    const char *key)
{
	size_t n = 0;

	if (lua_getfield(L, -1, key) == LUA_TNIL) {
		lua_pop(L, 1);
		return;
	}
	if (!lua_istable(L, -1))
		luaL_error(L, "ports.%s must be a list of ports", key);
	for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
		lua_Integer port = lua_tointeger(L, -1);

		if (!lua_isinteger(L, -1) || port < 1 || port > 65535)
			luaL_error(L, "ports.%s[%d] is not a port", key,
			    (int)i);
		if (n == PROFILE_PORTS)
			luaL_error(L, "ports.%s has more than %d ports", key,
			    PROFILE_PORTS);
		p->ports[proto][n++] = (uint16_t)port;
		lua_pop(L, 1);
	}
	p->port_count[proto] = n;
	lua_pop(L, 2);
}

/* Is there a function under this key? Raises if it is something else. */
static bool
profile_read_function(lua_State *L, const char *key)
{
	int type = lua_getfield(L, 2, key);

	if (type != LUA_TNIL && type != LUA_TFUNCTION)
		luaL_error(L, "%s must be a function, not a %s", key,
		    lua_typename(L, type));
	lua_pop(L, 1);
	return type == LUA_TFUNCTION;
}

/* Arguments: the struct, the table that the file returned. [-2, +0, e] */
static int
profile_read(lua_State *L)
{
	struct profile *p = lua_touserdata(L, 1);
	const char *kind;

	if (!lua_istable(L, 2))
		return luaL_error(L, "a profile must return a table, not %s",
		    luaL_typename(L, 2));
	if (lua_getfield(L, 2, "name") != LUA_TSTRING)
		return luaL_error(L, "name must be a text");
	p->name = xstrdup(lua_tostring(L, -1));
	lua_getfield(L, 2, "kind");
	kind = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
	if (strcmp(kind, "family") != 0 && strcmp(kind, "service") != 0)
		return luaL_error(L, "kind must be \"family\" or \"service\"");
	p->family = strcmp(kind, "family") == 0;
	if (lua_getfield(L, 2, "ports") == LUA_TTABLE) {
		profile_read_ports(L, p, PROFILE_TCP, "tcp");
		profile_read_ports(L, p, PROFILE_UDP, "udp");
	} else if (!lua_isnil(L, -1)) {
		return luaL_error(L, "ports must be a table");
	}
	p->has_match = profile_read_function(L, "match");
	p->has_stream = profile_read_function(L, "stream");
	p->has_datagram = profile_read_function(L, "datagram");
	p->has_resolve = profile_read_function(L, "resolve");
	lua_getfield(L, 2, "client_certificate");
	p->client_certificate = lua_toboolean(L, -1);
	if (!p->has_stream && !p->has_datagram && !p->has_resolve)
		return luaL_error(L, "needs stream, datagram or resolve");
	lua_settop(L, 2);
	p->table = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

/* A message that begins with the file, as Lua's own do. */
static char *
profile_message(const struct profile *p, const char *text)
{
	if (strncmp(text, p->path, strlen(p->path)) == 0)
		return xstrdup(text);
	return xasprintf("%s: %s", p->path, text);
}

struct profile *
profile_load(struct engine *e, const char *path, char **error)
{
	lua_State *L = engine_lua(e);
	struct profile *p = xcalloc(1, sizeof *p);
	char *text = NULL;

	p->engine = e;
	p->holders = 1;
	p->path = xstrdup(path);
	p->table = LUA_NOREF;
	sandbox_push_env(L);
	if (sandbox_load(L, path, -1) != LUA_OK) {
		text = xstrdup(lua_tostring(L, -1));
		lua_pop(L, 2);
		goto fail;
	}
	lua_remove(L, -2);
	if (task_call(e, 0, 1, &text) < 0)
		goto fail;
	lua_pushcfunction(L, profile_read);
	lua_insert(L, -2);
	lua_pushlightuserdata(L, p);
	lua_insert(L, -2);
	if (task_call(e, 2, 0, &text) < 0)
		goto fail;
	return p;
fail:
	*error = profile_message(p, text);
	free(text);
	profile_release(p);
	return NULL;
}

struct profile *
profile_hold(struct profile *p)
{
	p->holders++;
	return p;
}

void
profile_release(struct profile *p)
{
	if (p == NULL || --p->holders > 0)
		return;
	luaL_unref(engine_lua(p->engine), LUA_REGISTRYINDEX, p->table);
	free(p->path);
	free(p->name);
	free(p);
}

bool
profile_at_home(const struct profile *p, enum profile_proto proto,
    uint16_t port)
{
	for (size_t i = 0; i < p->port_count[proto]; i++) {
		if (p->ports[proto][i] == port)
			return true;
	}
	return false;
}

/* Pushes what match sees of a destination. */
static void
profile_push_dest(lua_State *L, const struct profile_dest *d)
{
	char text[ADDR_TEXT_SIZE];

	lua_createtable(L, 0, 4);
	lua_pushstring(L, addr_text(&d->addr, text));
	lua_setfield(L, -2, "ip");
	lua_pushinteger(L, d->addr.port);
	lua_setfield(L, -2, "port");
	lua_pushstring(L, d->proto);
	lua_setfield(L, -2, "proto");
	if (d->name != NULL) {
		lua_pushstring(L, d->name);
		lua_setfield(L, -2, "name");
	}
}

int
profile_match(struct profile *p, const void *bytes, size_t n,
    const struct profile_dest *d, char **error)
{
	lua_State *L = engine_lua(p->engine);
	lua_Number score = 0;

	if (!p->has_match)
		return 0;
	profile_push(p, L, "match");
	lua_pushlstring(L, bytes, n);
	profile_push_dest(L, d);
	if (task_call(p->engine, 2, 1, error) < 0)
		return -1;
	if (lua_isboolean(L, -1))
		score = lua_toboolean(L, -1) ? 100 : -1;
	else if (lua_isnumber(L, -1))
		score = lua_tonumber(L, -1);
	lua_pop(L, 1);
	/* Not a number compares false with everything. */
	if (score < 0)
		return -1;
	return score > 0 ? score < 100 ? (int)ceil(score) : 100 : 0;
}

void
profile_push(struct profile *p, lua_State *L, const char *function)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, p->table);
	lua_pushstring(L, function);
	lua_rawget(L, -2);
	lua_remove(L, -2);
}
