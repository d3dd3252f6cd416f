/*
 * The tables `responder`, `lab` and `dns` of a profile's environment.
 */
#include <sys/random.h>

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "script/api.h"
#include "script/engine.h"
#include "script/task.h"

#define RESPONDER_RANDOM_MAX (1024 * 1024)
#define DNS_MESSAGE_MAX 65535

static int
responder_sleep_k(lua_State *L, int status A_UNUSED, lua_KContext ctx)
{
	if (clock_mono() >= (int64_t)ctx)
		return 0;
	return task_wait(L, (int64_t)ctx, ctx, responder_sleep_k);
}

/* responder.sleep(seconds). [-0, +0, e] */
static int
responder_sleep(lua_State *L)
{
	int64_t end = clock_mono() + (int64_t)(api_check_seconds(L, 1) * 1e9);

	/* Also with 0 others get their turn. */
	return task_wait(L, end, (lua_KContext)end, responder_sleep_k);
}

/* responder.now() → seconds since 1970, with a fraction. [-0, +1, -] */
static int
responder_now(lua_State *L)
{
	lua_pushnumber(L, (lua_Number)clock_wall() / 1e9);
	return 1;
}

/* responder.random(n) → n random bytes. [-0, +1, e] */
static int
responder_random(lua_State *L)
{
	lua_Integer n = luaL_checkinteger(L, 1);
	luaL_Buffer b;
	char *p;

	luaL_argcheck(L, n >= 0 && n <= RESPONDER_RANDOM_MAX, 1,
	    "not a size from 0 to 1048576");
	p = luaL_buffinitsize(L, &b, (size_t)n);
	for (size_t done = 0; done < (size_t)n;) {
		ssize_t got = getrandom(p + done, (size_t)n - done, 0);

		if (got > 0)
			done += (size_t)got;
	}
	luaL_pushresultsize(&b, (size_t)n);
	return 1;
}

/* responder.log(text): for the operator. [-0, +0, e] */
static int
responder_log(lua_State *L)
{
	log_info("profile: %s", luaL_tolstring(L, 1, NULL));
	return 0;
}

/* responder.finished([reason]): the run's work is done. [-0, +0, e] */
static int
responder_finished(lua_State *L)
{
	const struct engine_host *host = engine_host(engine_of(L));

	if (host->finished != NULL)
		host->finished(host->arg, luaL_optstring(L, 1, "finished"));
	return 0;
}

/* responder.held() → has an attacher the floor? [-0, +1, e] */
static int
responder_held(lua_State *L)
{
	const struct engine_host *host = engine_host(engine_of(L));

	lua_pushboolean(L, host->held != NULL && host->held(host->arg));
	return 1;
}

/* responder.option(key) → what the user said for it, or nil. [-0, +1, e] */
static int
responder_option(lua_State *L)
{
	const struct engine_host *host = engine_host(engine_of(L));

	const char *key = luaL_checkstring(L, 1);

	lua_pushstring(L, host->option != NULL ?
	    host->option(host->arg, key) : NULL);
	return 1;
}

/* lab.target([6]) → the lab's own target, v4 or v6. [-0, +1, e] */
static int
lab_target(lua_State *L)
{
	const struct engine_host *host = engine_host(engine_of(L));
	char text[ADDR_TEXT_SIZE];

	lua_pushstring(L, addr_text(luaL_optinteger(L, 1, 4) == 6 ?
	    &host->target6 : &host->target4, text));
	return 1;
}

/* lab.name_of(ip) → the name that it was handed out for, or nil. */
static int
lab_name_of(lua_State *L)
{
	const struct engine_host *host = engine_host(engine_of(L));
	struct addr a;

	if (addr_parse(&a, luaL_checkstring(L, 1)) < 0)
		return api_refuse(L, "not an address");
	lua_pushstring(L, host->name_of != NULL ?
	    host->name_of(host->arg, &a) : NULL);
	return 1;
}

/*
 * dns.answer(message) → the response's bytes, or nil: what our name server
 * says to a DNS message, for DNS over HTTPS. [-0, +1, e]
 */
static int
dns_answer_call(lua_State *L)
{
	const struct engine_host *host = engine_host(engine_of(L));
	struct session *session = task_session(L);
	size_t n;
	const char *query = luaL_checklstring(L, 1, &n);
	luaL_Buffer b;
	char *p;

	if (host->dns_answer == NULL || session == NULL)
		return api_refuse(L, "no name server here");
	p = luaL_buffinitsize(L, &b, DNS_MESSAGE_MAX);
	n = host->dns_answer(host->arg, session, query, n, p, DNS_MESSAGE_MAX);
	if (n == 0)
		return api_refuse(L, "no answer");
	luaL_pushresultsize(&b, n);
	return 1;
}

static const luaL_Reg responder_functions[] = {
	{ "finished", responder_finished },
	{ "held", responder_held },
	{ "log", responder_log },
	{ "now", responder_now },
	{ "option", responder_option },
	{ "random", responder_random },
	{ "sleep", responder_sleep },
	{ NULL, NULL }
};

static const luaL_Reg lab_functions[] = {
	{ "name_of", lab_name_of },
	{ "target", lab_target },
	{ NULL, NULL }
};

static const luaL_Reg dns_functions[] = {
	{ "answer", dns_answer_call },
	{ NULL, NULL }
};

void
api_responder_push(lua_State *L)
{
	luaL_newlib(L, responder_functions);
}

void
api_lab_push(lua_State *L)
{
	luaL_newlib(L, lab_functions);
}

void
api_dns_push(lua_State *L)
{
	luaL_newlib(L, dns_functions);
	api_resolve_add(L);
}
