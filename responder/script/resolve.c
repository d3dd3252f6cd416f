/*
 * What resolve(question) may return: nil for "not mine", one record or a list
 * of records as the functions of `dns` make them (dns.a, dns.txt, …), or what
 * dns.nxdomain() and its like return.
 */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/xmalloc.h"
#include "net/dns.h"
#include "script/api.h"
#include "script/engine.h"
#include "script/profile.h"
#include "script/resolve.h"
#include "script/task.h"
#include "wire/dns.h"

#define RESOLVE_TTL 60
#define RESOLVE_RECORDS 64

static void
resolve_push_question(lua_State *L, const struct dns_question *q)
{
	char text[ADDR_TEXT_SIZE], type[DNS_TYPE_TEXT_SIZE];

	lua_createtable(L, 0, 4);
	lua_pushstring(L, q->name);
	lua_setfield(L, -2, "name");
	lua_pushstring(L, dns_type_text(q->type, type));
	lua_setfield(L, -2, "type");
	lua_pushstring(L, addr_text(&q->from->src, text));
	lua_setfield(L, -2, "peer");
	lua_pushstring(L, addr_text(&q->from->dest, text));
	lua_setfield(L, -2, "server");
}

/* A raw field of the table at index; never runs the profile's code. */
static int
resolve_field(lua_State *L, int index, const char *key)
{
	lua_pushstring(L, key);
	return lua_rawget(L, index);
}

/* Takes the record at index; -1 with what is wrong in why. */
static int
resolve_record(lua_State *L, int index, struct dns_reply *reply,
    const char **why)
{
	int top = lua_gettop(L), type = -1, status;
	uint32_t ttl = RESOLVE_TTL;
	size_t n;

	*why = "resolve must return records as dns.a and its like make them";
	if (!lua_istable(L, index))
		return -1;
	if (resolve_field(L, index, "silence") != LUA_TNIL) {
		dns_reply_silence(reply);
		lua_settop(L, top);
		return 0;
	}
	if (resolve_field(L, index, "rcode") == LUA_TNUMBER) {
		dns_reply_rcode(reply, (unsigned)lua_tointeger(L, -1));
		lua_settop(L, top);
		return 0;
	}
	if (resolve_field(L, index, "ttl") == LUA_TNUMBER)
		ttl = (uint32_t)lua_tonumber(L, -1);
	if (resolve_field(L, index, "type") == LUA_TSTRING)
		type = dns_type_parse(lua_tostring(L, -1));
	if (resolve_field(L, index, "data") != LUA_TSTRING || type < 0) {
		lua_settop(L, top);
		return -1;
	}
	const char *data = lua_tolstring(L, -1, &n);
	const char *owner = resolve_field(L, index, "name") == LUA_TSTRING ?
	    lua_tostring(L, -1) : NULL;

	*why = "a record's data can't be read, or the answer is full";
	status = type == DNS_TXT && owner == NULL ?
	    dns_reply_txt(reply, ttl, data, n) :
	    dns_reply_add(reply, owner, (uint16_t)type, ttl, data);
	lua_settop(L, top);
	return status;
}

/* Takes what the function returned, which is on top of the stack. */
static int
resolve_take(lua_State *L, struct dns_reply *reply, const char **why)
{
	int index = lua_gettop(L);
	lua_Unsigned n;

	if (lua_isnil(L, index))
		return 0;
	*why = "resolve must return a record, a list of records, or nil";
	if (!lua_istable(L, index))
		return -1;
	n = lua_rawlen(L, index);
	if (n == 0)
		return resolve_record(L, index, reply, why) < 0 ? -1 : 1;
	for (lua_Unsigned i = 1; i <= n && i <= RESOLVE_RECORDS; i++) {
		lua_rawgeti(L, index, (lua_Integer)i);
		if (resolve_record(L, lua_gettop(L), reply, why) < 0)
			return -1;
		lua_settop(L, index);
	}
	return 1;
}

int
resolve_ask(struct profile *p, const struct dns_question *q,
    struct dns_reply *reply, char **error)
{
	lua_State *L = engine_lua(p->engine);
	const char *why = "";
	int status, top = lua_gettop(L);

	profile_push(p, L, "resolve");
	resolve_push_question(L, q);
	if (task_call(p->engine, 1, 1, error) < 0)
		return -1;
	status = resolve_take(L, reply, &why);
	lua_settop(L, top);
	if (status < 0)
		*error = xasprintf("%s: %s", p->path, why);
	return status;
}

/* --- the table `dns` ---------------------------------------------------- */

/* Makes { type=, data=, ttl= }: upvalue is the type. [-0, +1, e] */
static int
resolve_make(lua_State *L)
{
	luaL_checkstring(L, 1);
	lua_Number ttl = luaL_optnumber(L, 2, RESOLVE_TTL);

	luaL_argcheck(L, ttl >= 0 && ttl < 4294967296.0, 2, "not a TTL");
	lua_createtable(L, 0, 3);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_setfield(L, -2, "type");
	lua_pushvalue(L, 1);
	lua_setfield(L, -2, "data");
	lua_pushinteger(L, (lua_Integer)ttl);
	lua_setfield(L, -2, "ttl");
	return 1;
}

/* dns.mx(preference, host [, ttl]). [-0, +1, e] */
static int
resolve_mx(lua_State *L)
{
	lua_pushfstring(L, "%I %s", (LUAI_UACINT)luaL_checkinteger(L, 1),
	    luaL_checkstring(L, 2));
	lua_replace(L, 1);
	lua_remove(L, 2);
	return resolve_make(L);
}

/* dns.record(type, data [, ttl]). [-0, +1, e] */
static int
resolve_any(lua_State *L)
{
	luaL_argcheck(L, dns_type_parse(luaL_checkstring(L, 1)) >= 0, 1,
	    "not a DNS type");
	luaL_checkstring(L, 2);
	lua_Integer ttl = luaL_optinteger(L, 3, RESOLVE_TTL);

	lua_createtable(L, 0, 3);
	lua_pushvalue(L, 1);
	lua_setfield(L, -2, "type");
	lua_pushvalue(L, 2);
	lua_setfield(L, -2, "data");
	lua_pushinteger(L, ttl);
	lua_setfield(L, -2, "ttl");
	return 1;
}

/* dns.nxdomain() and its like: upvalue is the code. [-0, +1, m] */
static int
resolve_rcode(lua_State *L)
{
	lua_createtable(L, 0, 1);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_setfield(L, -2, "rcode");
	return 1;
}

/* dns.silence(): no answer at all. [-0, +1, m] */
static int
resolve_silence(lua_State *L)
{
	lua_createtable(L, 0, 1);
	lua_pushboolean(L, 1);
	lua_setfield(L, -2, "silence");
	return 1;
}

void
api_resolve_add(lua_State *L)
{
	static const char *const types[][2] = { { "a", "A" },
		{ "aaaa", "AAAA" }, { "cname", "CNAME" }, { "ns", "NS" },
		{ "ptr", "PTR" }, { "txt", "TXT" } };
	static const struct {
		const char *name;
		int code;
	} codes[] = { { "nodata", DNS_NOERROR }, { "servfail", DNS_SERVFAIL },
		{ "nxdomain", DNS_NXDOMAIN }, { "refused", DNS_REFUSED } };

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		lua_pushstring(L, types[i][1]);
		lua_pushcclosure(L, resolve_make, 1);
		lua_setfield(L, -2, types[i][0]);
	}
	lua_pushliteral(L, "MX");
	lua_pushcclosure(L, resolve_mx, 1);
	lua_setfield(L, -2, "mx");
	lua_pushcfunction(L, resolve_any);
	lua_setfield(L, -2, "record");
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		lua_pushinteger(L, codes[i].code);
		lua_pushcclosure(L, resolve_rcode, 1);
		lua_setfield(L, -2, codes[i].name);
	}
	lua_pushcfunction(L, resolve_silence);
	lua_setfield(L, -2, "silence");
}
