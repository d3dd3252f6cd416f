/*
 * The string calls that take patterns, and rep. Compiled patterns are kept in a table
 * that all of them share, until it is full and begins anew.
 */
#include <string.h>

#include <lauxlib.h>

#include "script/engine.h"
#include "script/pattern.h"
#include "script/strings.h"
#include "script/task.h"

/* Compiled patterns kept, and the longest of them. */
#define STRINGS_KEPT 256
#define STRINGS_KEPT_LENGTH 64
/* The work of one match: 50 ms, or what a long subject takes to be read. */
#define STRINGS_STEPS 10000000
#define STRINGS_STEPS_BYTE 16
/* What rep makes at most; a task may have less memory. */
#define STRINGS_LONGEST ((size_t)1 << 30)
/* Steps that take as long as one of Lua's instructions. */
#define STRINGS_STEPS_INSTRUCTION 4

/* What a call works on. The texts are on the stack, at 1 and 2. */
struct strings_job {
	const char *s;
	size_t length;
	struct pattern *pattern;
};

/*
 * Compiles into a userdata, which it pushes; kept, it is everybody's, and
 * not on the account of the task that happened to be first.
 */
static struct pattern *
strings_compile(lua_State *L, const char *text, size_t n, bool anchor,
    bool keep)
{
	struct engine *e = engine_of(L);
	struct account *before = engine_charge(e, NULL);
	struct pattern *p;
	const char *error;

	if (!keep)
		engine_charge(e, before);
	p = lua_newuserdatauv(L, pattern_size(n), 0);
	engine_charge(e, before);
	error = pattern_compile(p, text, n, anchor);

	if (error != NULL)
		luaL_error(L, "%s", error);
	return p;
}

/* Keeps the pattern on top of the stack; the kept ones are upvalue 1. */
static void
strings_keep(lua_State *L)
{
	lua_Integer count;

	lua_rawgeti(L, lua_upvalueindex(1), 0);
	count = lua_tointeger(L, -1) + 1;
	lua_pop(L, 1);
	if (count > STRINGS_KEPT) {
		lua_pushnil(L);
		while (lua_next(L, lua_upvalueindex(1)) != 0) {
			lua_pop(L, 1);
			lua_pushvalue(L, -1);
			lua_pushnil(L);
			lua_rawset(L, lua_upvalueindex(1));
		}
		count = 1;
	}
	lua_pushvalue(L, 2);
	lua_pushvalue(L, -2);
	lua_rawset(L, lua_upvalueindex(1));
	lua_pushinteger(L, count);
	lua_rawseti(L, lua_upvalueindex(1), 0);
}

/* Pushes the compiled pattern of the text at index 2. [-0, +1, e] */
static struct pattern *
strings_pattern(lua_State *L, bool anchor)
{
	struct engine *e = engine_of(L);
	struct account *before;
	struct pattern *p;
	size_t n;
	const char *text = lua_tolstring(L, 2, &n);

	if (n > STRINGS_KEPT_LENGTH || (!anchor && *text == '^'))
		return strings_compile(L, text, n, anchor, false);
	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TUSERDATA)
		return lua_touserdata(L, -1);
	lua_pop(L, 1);
	p = strings_compile(L, text, n, anchor, true);
	before = engine_charge(e, NULL);
	strings_keep(L);
	engine_charge(e, before);
	return p;
}

/* Finds the next match; its end, or PATTERN_NONE. Work is booked. */
static size_t
strings_search(lua_State *L, const struct strings_job *j, size_t *at)
{
	uint64_t all = STRINGS_STEPS + STRINGS_STEPS_BYTE * j->length;
	uint64_t left = all;
	size_t end = pattern_search(j->pattern, j->s, j->length, at, &left);

	if (end == PATTERN_SPENT)
		task_doom(L, "a pattern takes too long to match");
	task_spend(L, (all - left) / STRINGS_STEPS_INSTRUCTION);
	return end;
}

/* Pushes the i-th capture, from 0; without any, 0 is the whole match. */
static void
strings_push_capture(lua_State *L, const struct strings_job *j, size_t i,
    size_t begin, size_t end)
{
	struct pattern_capture c = { begin, end, false };

	if (i < pattern_captures(j->pattern))
		c = pattern_capture(j->pattern, i);
	else if (i > 0)
		luaL_error(L, "invalid capture index %%%d", (int)i + 1);
	if (c.position)
		lua_pushinteger(L, (lua_Integer)c.start + 1);
	else
		lua_pushlstring(L, j->s + c.start, c.end - c.start);
}

/* Pushes all captures, or the whole match; how many. */
static int
strings_push_captures(lua_State *L, const struct strings_job *j, size_t begin,
    size_t end)
{
	size_t n = pattern_captures(j->pattern);

	n = n > 0 ? n : 1;
	luaL_checkstack(L, (int)n, "too many captures");
	for (size_t i = 0; i < n; i++)
		strings_push_capture(L, j, i, begin, end);
	return (int)n;
}

/* Where the optional index 3 says to begin, from 0; may be > length. */
static size_t
strings_check_init(lua_State *L, size_t length)
{
	lua_Integer init = luaL_optinteger(L, 3, 1);

	if (init > 0)
		return (size_t)init - 1;
	if (init == 0 || init < -(lua_Integer)length)
		return 0;
	return length - (size_t)-init;
}

static int
strings_find_or_match(lua_State *L, bool find)
{
	size_t size, at, end;
	struct strings_job j = { .s = luaL_checklstring(L, 1, &j.length) };
	const char *text = luaL_checklstring(L, 2, &size);

	at = strings_check_init(L, j.length);
	if (at > j.length) {
		lua_pushnil(L);
		return 1;
	}
	if (find && (lua_toboolean(L, 4) || !pattern_special(text, size))) {
		const char *found = size == 0 ? j.s + at :
		    memmem(j.s + at, j.length - at, text, size);

		if (found == NULL) {
			lua_pushnil(L);
			return 1;
		}
		lua_pushinteger(L, found - j.s + 1);
		lua_pushinteger(L, found - j.s + (lua_Integer)size);
		return 2;
	}
	j.pattern = strings_pattern(L, true);
	end = strings_search(L, &j, &at);
	if (end == PATTERN_NONE) {
		lua_pushnil(L);
		return 1;
	}
	if (!find)
		return strings_push_captures(L, &j, at, end);
	lua_pushinteger(L, (lua_Integer)at + 1);
	lua_pushinteger(L, (lua_Integer)end);
	return 2 + (pattern_captures(j.pattern) > 0 ?
	    strings_push_captures(L, &j, at, end) : 0);
}

/* string.find(s, pattern [, init [, plain]]). [-0, +1|2+, e] */
static int
strings_find(lua_State *L)
{
	return strings_find_or_match(L, true);
}

/* string.match(s, pattern [, init]). [-0, +1+, e] */
static int
strings_match(lua_State *L)
{
	return strings_find_or_match(L, false);
}

/*
 * gmatch's iterator: upvalues are the kept patterns, subject, pattern, where
 * to go on, and where the last match ended, or -1.
 */
static int
strings_gmatch_next(lua_State *L)
{
	struct strings_job j = {
		.s = lua_tolstring(L, lua_upvalueindex(2), &j.length),
		.pattern = lua_touserdata(L, lua_upvalueindex(3)),
	};
	size_t at = (size_t)lua_tointeger(L, lua_upvalueindex(4)), end;
	lua_Integer last = lua_tointeger(L, lua_upvalueindex(5));

	for (;; at++) {
		if (at > j.length)
			return 0;
		end = strings_search(L, &j, &at);
		if (end == PATTERN_NONE)
			return 0;
		/* No empty match where the last one ended. */
		if ((lua_Integer)end != last)
			break;
	}
	lua_pushinteger(L, (lua_Integer)end);
	lua_copy(L, -1, lua_upvalueindex(4));
	lua_replace(L, lua_upvalueindex(5));
	return strings_push_captures(L, &j, at, end);
}

/* string.gmatch(s, pattern [, init]). [-0, +1, e] */
static int
strings_gmatch(lua_State *L)
{
	size_t length, at;

	luaL_checklstring(L, 1, &length);
	luaL_checkstring(L, 2);
	at = strings_check_init(L, length);
	lua_settop(L, 2);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_pushvalue(L, 1);
	strings_pattern(L, false);
	lua_pushinteger(L, (lua_Integer)(at > length ? length + 1 : at));
	lua_pushinteger(L, -1);
	lua_pushcclosure(L, strings_gmatch_next, 5);
	return 1;
}

/* Adds gsub's replacement text at index 3, %0 to %9 in it replaced. */
static void
strings_add_text(lua_State *L, luaL_Buffer *b, const struct strings_job *j,
    size_t begin, size_t end)
{
	size_t n;
	const char *p = lua_tolstring(L, 3, &n), *stop = p + n, *percent;

	for (; (percent = memchr(p, '%', (size_t)(stop - p))) != NULL;
	    p = percent + 2) {
		char c = percent[1]; /* NUL behind the last */

		luaL_addlstring(b, p, (size_t)(percent - p));
		if (c == '%') {
			luaL_addchar(b, '%');
		} else if (c == '0') {
			luaL_addlstring(b, j->s + begin, end - begin);
		} else if (c >= '1' && c <= '9') {
			strings_push_capture(L, j, (size_t)(c - '1'), begin,
			    end);
			luaL_addvalue(b);
		} else
			luaL_error(L, "invalid use of '%%' in replacement "
			    "string");
	}
	luaL_addlstring(b, p, (size_t)(stop - p));
}

/* Adds what a match is replaced by; false if it stays as it is. */
static bool
strings_add_value(lua_State *L, luaL_Buffer *b, const struct strings_job *j,
    size_t begin, size_t end)
{
	int type = lua_type(L, 3);

	if (type == LUA_TFUNCTION) {
		lua_pushvalue(L, 3);
		lua_call(L, strings_push_captures(L, j, begin, end), 1);
	} else if (type == LUA_TTABLE) {
		strings_push_capture(L, j, 0, begin, end);
		lua_gettable(L, 3);
	} else {
		strings_add_text(L, b, j, begin, end);
		return true;
	}
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		luaL_addlstring(b, j->s + begin, end - begin);
		return false;
	}
	if (!lua_isstring(L, -1))
		luaL_error(L, "invalid replacement value (a %s)",
		    luaL_typename(L, -1));
	luaL_addvalue(b);
	return true;
}

/* string.gsub(s, pattern, replacement [, n]). [-0, +2, e] */
static int
strings_gsub(lua_State *L)
{
	struct strings_job j = { .s = luaL_checklstring(L, 1, &j.length) };
	int type = lua_type(L, 3);
	size_t at = 0, copied = 0, end, last = PATTERN_NONE;
	lua_Integer most, n = 0;
	bool changed = false;
	luaL_Buffer b;

	luaL_checkstring(L, 2);
	luaL_argexpected(L, type == LUA_TNUMBER || type == LUA_TSTRING ||
	    type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
	    "string/function/table");
	most = luaL_optinteger(L, 4, (lua_Integer)j.length + 1);
	lua_settop(L, 3);
	j.pattern = strings_pattern(L, true);
	luaL_buffinit(L, &b);
	while (n < most && at <= j.length) {
		size_t begin = at;

		end = strings_search(L, &j, &begin);
		if (end == PATTERN_NONE)
			break;
		at = begin + 1;
		if (end != last) {
			luaL_addlstring(&b, j.s + copied, begin - copied);
			changed |= strings_add_value(L, &b, &j, begin, end);
			n++;
			at = copied = last = end;
		}
		if (pattern_anchored(j.pattern))
			break;
	}
	if (changed) {
		luaL_addlstring(&b, j.s + copied, j.length - copied);
		luaL_pushresult(&b);
	} else
		lua_pushvalue(L, 1);
	lua_pushinteger(L, n);
	return 2;
}

/*
 * string.rep(s, n [, sep]). Lua's own counts through n even if nothing comes
 * of it. [-0, +1, e]
 */
static int
strings_rep(lua_State *L)
{
	size_t length, sep_length;
	const char *s = luaL_checklstring(L, 1, &length), *sep;
	lua_Integer n = luaL_checkinteger(L, 2);
	size_t all;
	luaL_Buffer b;
	char *p;

	sep = luaL_optlstring(L, 3, "", &sep_length);
	if (n <= 0 || length + sep_length == 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	if ((size_t)n > STRINGS_LONGEST / (length + sep_length))
		return luaL_error(L, "resulting string too large");
	all = (size_t)n * (length + sep_length);
	p = luaL_buffinitsize(L, &b, all);
	if (all == (size_t)n)
		memset(p, length > 0 ? *s : *sep, all);
	for (size_t at = 0; all > (size_t)n && at < all;
	    at += length + sep_length) {
		memcpy(p + at, s, length);
		memcpy(p + at + length, sep, sep_length);
	}
	luaL_pushresultsize(&b, all - sep_length);
	return 1;
}

static const luaL_Reg strings_functions[] = {
	{ "find", strings_find },
	{ "match", strings_match },
	{ "gmatch", strings_gmatch },
	{ "gsub", strings_gsub },
	{ "rep", strings_rep },
	{ NULL, NULL },
};

void
strings_open(lua_State *L)
{
	lua_getglobal(L, "string");
	lua_newtable(L);
	luaL_setfuncs(L, strings_functions, 1);
	lua_pop(L, 1);
}
