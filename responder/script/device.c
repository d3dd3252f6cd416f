/*
 * The table `device`: what the tracer says about the sample, right now.
 */
#include <string.h>

#include <jansson.h>
#include <lauxlib.h>

#include "base/clock.h"
#include "record/device_link.h"
#include "script/api.h"
#include "script/engine.h"
#include "script/task.h"

#define DEVICE_DEPTH 16

/* device.connected() → is the tracer there? [-0, +1, -] */
static int
device_connected(lua_State *L)
{
	const struct device_link *d = engine_host(engine_of(L))->device;

	lua_pushboolean(L, d != NULL && device_link_connected(d));
	return 1;
}

/* device.arch, once it is known. [-0, +1, e] */
static int
device_index(lua_State *L)
{
	const struct device_link *d = engine_host(engine_of(L))->device;

	if (strcmp(luaL_checkstring(L, 2), "arch") != 0 || d == NULL)
		return 0;
	lua_pushstring(L, device_link_arch(d));
	return 1;
}

/* Pushes a JSON value; what is nested too deep is nil. [-0, +1, m] */
static void
device_push(lua_State *L, const json_t *value, int depth)
{
	const char *key;
	json_t *item, *object;
	size_t i;

	if (depth > DEVICE_DEPTH || !lua_checkstack(L, 4)) {
		lua_pushnil(L);
	} else if (json_is_string(value)) {
		lua_pushlstring(L, json_string_value(value),
		    json_string_length(value));
	} else if (json_is_integer(value)) {
		lua_pushinteger(L, json_integer_value(value));
	} else if (json_is_real(value)) {
		lua_pushnumber(L, json_real_value(value));
	} else if (json_is_boolean(value)) {
		lua_pushboolean(L, json_is_true(value));
	} else if (json_is_array(value)) {
		lua_newtable(L);
		json_array_foreach(value, i, item) {
			device_push(L, item, depth + 1);
			lua_rawseti(L, -2, (lua_Integer)i + 1);
		}
	} else if (json_is_object(value)) {
		memcpy(&object, &value, sizeof object); /* only looked at */
		lua_newtable(L);
		json_object_foreach(object, key, item) {
			device_push(L, item, depth + 1);
			lua_setfield(L, -2, key);
		}
	} else {
		lua_pushnil(L);
	}
}

/* Does the field of the filter at index 1 allow this value? */
static bool
device_allows(lua_State *L, const char *key, const json_t *value)
{
	const char *text = json_string_value(value);
	bool fits;

	lua_pushstring(L, key);
	fits = lua_rawget(L, 1) == LUA_TNIL || (lua_isstring(L, -1) &&
	    text != NULL && strcmp(lua_tostring(L, -1), text) == 0);
	lua_pop(L, 1);
	return fits;
}

static int
device_wait_k(lua_State *L, int status A_UNUSED, lua_KContext deadline)
{
	const json_t *event = engine_device_event(engine_of(L));
	const json_t *type = json_object_get(event, "event_type");
	const json_t *details = json_is_string(type) ?
	    json_object_get(event, json_string_value(type)) : NULL;

	if (event != NULL && device_allows(L, "type", type) &&
	    device_allows(L, "name", json_object_get(details, "name")) &&
	    device_allows(L, "action", json_object_get(details, "action"))) {
		device_push(L, event, 0);
		return 1;
	}
	if (clock_mono() >= (int64_t)deadline)
		return api_refuse(L, "timeout");
	return task_wait_device(L, (int64_t)deadline, deadline, device_wait_k);
}

/*
 * device.wait{type=, name=, action=, timeout=10} → the next event of the
 * tracer that fits, as a table; or nil, "timeout". [-0, +1|2, e]
 */
static int
device_wait(lua_State *L)
{
	int64_t deadline;

	luaL_checktype(L, 1, LUA_TTABLE);
	deadline = clock_mono() +
	    (int64_t)(api_field_seconds(L, 1, "timeout", 10) * 1e9);
	lua_settop(L, 1);
	/* Only events to come count, not one that is being told just now. */
	return task_wait_device(L, deadline, (lua_KContext)deadline,
	    device_wait_k);
}

static const luaL_Reg device_functions[] = {
	{ "connected", device_connected },
	{ "wait", device_wait },
	{ NULL, NULL }
};

void
api_device_push(lua_State *L)
{
	luaL_newlib(L, device_functions);
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, device_index);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
}
