/*
 * dgram: `data`, reply(), and the evidence calls that a conn has, too.
 */
#include <string.h>

#include <lauxlib.h>

#include "net/udp.h"
#include "record/session.h"
#include "script/api.h"
#include "script/dgram.h"
#include "script/json.h"

#define DGRAM_TYPE "kagemusha.dgram"

static struct packet *
dgram_check(lua_State *L)
{
	struct packet *p = *(struct packet **)luaL_checkudata(L, 1, DGRAM_TYPE);

	if (p == NULL)
		luaL_error(L, "this dgram's session is over");
	api_check_words(L, p->session);
	return p;
}

/* dgram:reply(data) → true, or nil, err; once for each dgram. [-0, +1|2, e] */
static int
dgram_reply(lua_State *L)
{
	struct packet *p = dgram_check(L);
	size_t n;
	const char *bytes = luaL_checklstring(L, 2, &n);

	luaL_argcheck(L, n <= 65507, 2, "too long for a datagram");
	if (p->flow == NULL && p->reply == NULL)
		return api_refuse(L, "closed");
	/* The journal first; the flow knows whether an answer is owed. */
	if (p->reply != NULL ? p->answered : !udp_flow_owes(p->flow))
		return api_refuse(L, "answered already");
	p->answered = true;
	session_data(p->session, SESSION_TO_CLIENT, bytes, n, 0);
	if ((p->reply != NULL ? p->reply(p, bytes, n) :
	    udp_flow_reply(p->flow, bytes, n)) < 0)
		return api_refuse(L, "not sent");
	lua_pushboolean(L, 1);
	return 1;
}

/* dgram:note(kind [, table]). [-0, +0, e] */
static int
dgram_note(lua_State *L)
{
	struct packet *p = dgram_check(L);
	const char *kind = luaL_checkstring(L, 2);
	struct jsonw *w;

	if (!lua_isnoneornil(L, 3))
		luaL_checktype(L, 3, LUA_TTABLE);
	w = session_event(p->session, "note");
	jsonw_object(w, "note");
	jsonw_string(w, "kind", kind);
	if (lua_istable(L, 3))
		json_fields(L, 3, w, "kind");
	jsonw_object_end(w);
	session_event_end(p->session);
	return 0;
}

static int
dgram_peer(lua_State *L)
{
	return api_push_addr(L, &dgram_check(L)->session->src);
}

static int
dgram_dest(lua_State *L)
{
	return api_push_addr(L, &dgram_check(L)->session->dest);
}

static int
dgram_name(lua_State *L)
{
	lua_pushstring(L, dgram_check(L)->name);
	return 1;
}

/* dgram.data is the user value; everything else is a method. [-0, +1, e] */
static int
dgram_index(lua_State *L)
{
	luaL_checkudata(L, 1, DGRAM_TYPE);
	if (strcmp(luaL_checkstring(L, 2), "data") == 0) {
		lua_getiuservalue(L, 1, 1);
		return 1;
	}
	lua_pushvalue(L, 2);
	lua_rawget(L, lua_upvalueindex(1));
	return 1;
}

static int
dgram_gc(lua_State *L)
{
	struct packet **handle = luaL_checkudata(L, 1, DGRAM_TYPE);

	if (*handle != NULL)
		(*handle)->handle = NULL;
	*handle = NULL;
	return 0;
}

static const luaL_Reg dgram_methods[] = {
	{ "dest", dgram_dest },
	{ "name", dgram_name },
	{ "note", dgram_note },
	{ "peer", dgram_peer },
	{ "reply", dgram_reply },
	{ NULL, NULL }
};

void
api_dgram_open(lua_State *L)
{
	luaL_newmetatable(L, DGRAM_TYPE);
	luaL_newlib(L, dgram_methods);
	lua_pushcclosure(L, dgram_index, 1);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, dgram_gc);
	lua_setfield(L, -2, "__gc");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void
packet_push(lua_State *L, struct packet *p, const void *bytes, size_t n)
{
	struct packet **handle = lua_newuserdatauv(L, sizeof *handle, 1);

	*handle = p;
	p->handle = handle;
	luaL_setmetatable(L, DGRAM_TYPE);
	lua_pushlstring(L, bytes, n);
	lua_setiuservalue(L, -2, 1);
}

void
packet_detach(struct packet *p)
{
	if (p->handle != NULL)
		*p->handle = NULL;
	p->handle = NULL;
}
