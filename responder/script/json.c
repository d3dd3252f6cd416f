/*
 * Lua to JSON.
 */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "script/json.h"

#define JSON_DEPTH 8
#define JSON_KEY 128
/* Bytes of one event, beyond which tables are null: one may hold itself. */
#define JSON_SIZE (4 * 1024 * 1024)

/* What may still be written. */
struct json_bound {
	int depth;     /* of tables in tables, to go */
	size_t length; /* of the writer, at most */
};

static void json_value(lua_State *, int, struct jsonw *, const char *,
    struct json_bound);

/* A key that needs no escaping; the writer wants that. */
static void
json_key(lua_State *L, int index, char key[static JSON_KEY])
{
	size_t n, i;

	if (lua_type(L, index) != LUA_TSTRING) {
		if (lua_isinteger(L, index))
			snprintf(key, JSON_KEY, "%lld",
			    (long long)lua_tointeger(L, index));
		else
			snprintf(key, JSON_KEY, "%s",
			    lua_typename(L, lua_type(L, index)));
		return;
	}
	const char *text = lua_tolstring(L, index, &n);

	for (i = 0; i < n && i < JSON_KEY - 1; i++)
		key[i] = text[i] >= 0x20 && text[i] < 0x7f && text[i] != '"' &&
		    text[i] != '\\' ? text[i] : '_';
	key[i] = '\0';
}

static void
json_each(lua_State *L, int index, struct jsonw *w, const char *skip,
    struct json_bound b)
{
	char key[JSON_KEY];

	lua_pushnil(L);
	while (lua_next(L, index) != 0) {
		json_key(L, -2, key);
		if (skip == NULL || strcmp(key, skip) != 0)
			json_value(L, lua_gettop(L), w, key, b);
		lua_pop(L, 1);
	}
}

static void
json_table(lua_State *L, int index, struct jsonw *w, const char *key,
    struct json_bound b)
{
	lua_Unsigned n = lua_rawlen(L, index);

	if (b.depth == 0 || w->length > b.length || !lua_checkstack(L, 4)) {
		jsonw_null(w, key);
		return;
	}
	b.depth--;
	if (n == 0) {
		jsonw_object(w, key);
		json_each(L, index, w, NULL, b);
		jsonw_object_end(w);
		return;
	}
	jsonw_array(w, key);
	for (lua_Unsigned i = 1; i <= n; i++) {
		lua_rawgeti(L, index, (lua_Integer)i);
		json_value(L, lua_gettop(L), w, NULL, b);
		lua_pop(L, 1);
	}
	jsonw_array_end(w);
}

/* Bytes under their key, or as an object of their own inside an array. */
static void
json_text(lua_State *L, int index, struct jsonw *w, const char *key)
{
	char other[JSON_KEY + 8];
	size_t n;
	const char *text = lua_tolstring(L, index, &n);

	if (utf8_valid(text, n)) {
		jsonw_bytes(w, key, NULL, text, n);
		return;
	}
	if (key != NULL) {
		snprintf(other, sizeof other, "%s_base64", key);
		jsonw_bytes(w, NULL, other, text, n);
		return;
	}
	jsonw_object(w, NULL);
	jsonw_bytes(w, "text", "base64", text, n);
	jsonw_object_end(w);
}

static void
json_value(lua_State *L, int index, struct jsonw *w, const char *key,
    struct json_bound b)
{
	switch (lua_type(L, index)) {
	case LUA_TBOOLEAN:
		jsonw_bool(w, key, lua_toboolean(L, index));
		break;
	case LUA_TNUMBER:
		if (lua_isinteger(L, index))
			jsonw_int(w, key, lua_tointeger(L, index));
		else
			jsonw_real(w, key, lua_tonumber(L, index));
		break;
	case LUA_TSTRING:
		json_text(L, index, w, key);
		break;
	case LUA_TTABLE:
		json_table(L, index, w, key, b);
		break;
	default:
		jsonw_null(w, key);
	}
}

void
json_fields(lua_State *L, int index, struct jsonw *w, const char *skip)
{
	struct json_bound b = { JSON_DEPTH, w->length + JSON_SIZE };

	index = lua_absindex(L, index);
	if (lua_checkstack(L, 8))
		json_each(L, index, w, skip, b);
}
