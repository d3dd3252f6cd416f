/*
 * The configuration is a Lua program in a small world of its own: no libraries
 * but string, table and math. Assignments and calls come here one by one, so
 * that a mistake is known by the line that made it, and the rest is read on.
 */
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "config.h"
#include "config_file.h"
#include "net/dns.h"
#include "wire/dns.h"

/* A configuration that computes for longer hangs. */
#define CONFIG_FILE_INSTRUCTIONS 50000000

struct config_file {
	struct config *config;
	const char *path;
	unsigned mistakes;
	struct names *names; /* for trying out DNS rules */
	struct dns *dns;
};

static struct config_file *
config_file_of(lua_State *L)
{
	return *(struct config_file **)lua_getextraspace(L);
}

/* Raises a mistake; the call that was made catches it with its line. */
#define config_file_wrong luaL_error

/* The line of the file that is being executed. */
static int
config_file_line(lua_State *L)
{
	lua_Debug ar;

	for (int level = 0; lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		if (ar.currentline > 0)
			return ar.currentline;
	}
	return 0;
}

/* Logs a mistake at that line. */
static void
config_file_mistake(lua_State *L, const char *text)
{
	struct config_file *f = config_file_of(L);

	log_error("%s:%d: %s", f->path, config_file_line(L), text);
	f->mistakes++;
}

/* A call's argument that has to be a text; what says which. */
static const char *
config_file_argument(lua_State *L, int n, const char *what)
{
	if (lua_type(L, n) != LUA_TSTRING)
		config_file_wrong(L, "%s is wanted, as a text", what);
	return lua_tostring(L, n);
}

/* --- fields of a rule's table, which is at index 1 ---------------------- */

static const char *
config_file_text(lua_State *L, const char *key)
{
	int type = lua_getfield(L, 1, key);

	if (type != LUA_TNIL && type != LUA_TSTRING)
		config_file_wrong(L, "%s must be a text", key);
	return lua_tostring(L, -1); /* the table keeps it */
}

static lua_Integer
config_file_whole(lua_State *L, const char *key, lua_Integer min,
    lua_Integer max, lua_Integer otherwise)
{
	lua_Integer n;
	int isnum;

	if (lua_getfield(L, 1, key) == LUA_TNIL)
		return otherwise;
	n = lua_tointegerx(L, -1, &isnum);
	if (!isnum || n < min || n > max)
		config_file_wrong(L, "%s must be a whole number from %I to %I",
		    key, (LUAI_UACINT)min, (LUAI_UACINT)max);
	return n;
}

/* Fails on keys that nobody knows; known ends with NULL. */
static void
config_file_known(lua_State *L, const char *const *known)
{
	if (!lua_istable(L, 1))
		config_file_wrong(L, "a table is wanted: { KEY = VALUE, … }");
	lua_pushnil(L);
	while (lua_next(L, 1) != 0) {
		const char *const *k = known;

		lua_pop(L, 1);
		if (lua_type(L, -1) != LUA_TSTRING)
			continue;
		while (*k != NULL && strcmp(*k, lua_tostring(L, -1)) != 0)
			k++;
		if (*k == NULL)
			config_file_wrong(L, "no such key: %s",
			    lua_tostring(L, -1));
	}
}

static char *
config_file_copy(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

/* "tcp", "udp", or nothing for both. */
static uint8_t
config_file_proto(lua_State *L)
{
	const char *proto = config_file_text(L, "proto");

	if (proto == NULL)
		return 0;
	if (strcmp(proto, "tcp") == 0)
		return IPPROTO_TCP;
	if (strcmp(proto, "udp") != 0)
		config_file_wrong(L, "proto must be \"tcp\" or \"udp\"");
	return IPPROTO_UDP;
}

static enum policy_action
config_file_action(lua_State *L)
{
	static const char *const names[] = { "accept", "refuse", "drop" };
	const char *action = config_file_text(L, "action");

	for (int i = 0; i < 3; i++) {
		if (action == NULL || strcmp(action, names[i]) == 0)
			return (enum policy_action)i;
	}
	config_file_wrong(L, "action must be accept, refuse or drop, not '%s'",
	    action);
	return POLICY_ACCEPT;
}

/* port = 25, or port = { 6000, 7000 } for all between. */
static void
config_file_ports(lua_State *L, struct policy *p)
{
	lua_Integer n[2];
	int isnum[2];

	if (lua_getfield(L, 1, "port") == LUA_TTABLE) {
		lua_rawgeti(L, -1, 1);
		lua_rawgeti(L, -2, 2);
		n[0] = lua_tointegerx(L, -2, &isnum[0]);
		n[1] = lua_tointegerx(L, -1, &isnum[1]);
	} else if (lua_isnil(L, -1)) {
		return;
	} else {
		n[0] = n[1] = lua_tointegerx(L, -1, &isnum[0]);
		isnum[1] = isnum[0];
	}
	if (!isnum[0] || !isnum[1] || n[0] < 1 || n[1] > 65535 || n[0] > n[1])
		config_file_wrong(L, "port must be a port, or { FIRST, LAST }");
	p->port_first = (uint16_t)n[0];
	p->port_last = (uint16_t)n[1];
}

static void
config_file_address(lua_State *L, struct policy *p)
{
	const char *text = config_file_text(L, "address");

	if (text == NULL)
		return;
	if (strchr(text, '/') == NULL && addr_parse(&p->address.addr, text) == 0)
		p->address.bits = (uint8_t)(addr_size(&p->address.addr) * 8);
	else if (addr_prefix_parse(&p->address, text) < 0)
		config_file_wrong(L, "address '%s' is neither an address nor a "
		    "network like 192.0.2.0/24", text);
}

/* policy{address=, port=, name=, proto=, action=, reset_after=, delay=,
 * profile=} */
static int
config_file_policy(lua_State *L)
{
	static const char *const known[] = { "address", "port", "name",
		"proto", "action", "reset_after", "delay", "profile", NULL };
	struct policy p = { 0 };

	config_file_known(L, known);
	config_file_address(L, &p);
	config_file_ports(L, &p);
	p.proto = config_file_proto(L);
	p.action = config_file_action(L);
	p.reset_after = (uint64_t)config_file_whole(L, "reset_after", 1,
	    INT64_MAX, 0);
	if (lua_getfield(L, 1, "delay") != LUA_TNIL) {
		p.delay = lua_tonumber(L, -1);
		if (!lua_isnumber(L, -1) || !(p.delay >= 0 && p.delay <= 1e6))
			config_file_wrong(L, "delay must be a time in seconds");
	}
	const char *name = config_file_text(L, "name");
	const char *profile = config_file_text(L, "profile");

	p.name = config_file_copy(name);
	p.profile = config_file_copy(profile);
	p.where = xasprintf("%s:%d", config_file_of(L)->path,
	    config_file_line(L));
	rules_add_policy(&config_file_of(L)->config->rules, &p);
	return 0;
}

/* greeting{port=, TEXT, ...}: in the order in which they are tried. */
static int
config_file_greeting(lua_State *L)
{
	static const char *const known[] = { "port", NULL };
	struct greeting g = { 0 };
	lua_Unsigned n;

	config_file_known(L, known);
	g.port = (uint16_t)config_file_whole(L, "port", 1, 65535, 0);
	if ((n = lua_rawlen(L, 1)) == 0)
		config_file_wrong(L, "a greeting needs a text");
	for (lua_Unsigned i = 1; i <= n; i++) {
		if (lua_rawgeti(L, 1, (lua_Integer)i) != LUA_TSTRING)
			config_file_wrong(L, "greeting %d is no text", (int)i);
		const char *text = lua_tolstring(L, -1, &g.length);

		g.text = xmemdup0(text, g.length);
		rules_add_greeting(&config_file_of(L)->config->rules, &g);
		lua_pop(L, 1);
	}
	return 0;
}

/* A type's number by its name ("AAAA", "TYPE65"), 0 for none. */
static uint16_t
config_file_type(lua_State *L, const char *key)
{
	const char *text = config_file_text(L, key);
	int type = text != NULL ? dns_type_parse(text) : 0;

	if (type < 0)
		config_file_wrong(L, "%s '%s' is no DNS type", key, text);
	return (uint16_t)type;
}

/* dns{name=, type=, action=, answer=, ttl=, skip=, count=, nth=} */
static int
config_file_dns(lua_State *L)
{
	static const char *const known[] = { "name", "type", "action",
		"answer", "ttl", "skip", "count", "nth", NULL };
	struct config_file *f = config_file_of(L);
	struct rules_dns d = { 0 };
	char error[200];
	int n;

	config_file_known(L, known);
	const char *name = config_file_text(L, "name");
	const char *action = config_file_text(L, "action");
	const char *data = config_file_text(L, "answer");

	if (name == NULL)
		config_file_wrong(L, "a dns rule needs a name");
	if (action == NULL)
		action = data != NULL ? "answer" : "default";
	n = dns_rules_action(action);
	if (n < 0)
		config_file_wrong(L, "action '%s' is none of answer, nxdomain, "
		    "servfail, refused, nodata, timeout, series, default",
		    action);
	d.rule.action = (enum dns_action)n;
	d.rule.type = config_file_type(L, "type");
	d.rule.skip = (unsigned)config_file_whole(L, "skip", 0, 1000000, 0);
	d.rule.count = (unsigned)config_file_whole(L, "count", 0, 1000000, 0);
	d.rule.nth = (unsigned)config_file_whole(L, "nth", 1, 1000000, 0);
	if (d.rule.action == DNS_RULE_SERIES && d.rule.nth == 0)
		config_file_wrong(L, "a series needs nth: which name lives");
	if (d.rule.action == DNS_RULE_ANSWER && data == NULL)
		config_file_wrong(L, "an answer needs its data: answer = …");
	d.ttl = (uint32_t)config_file_whole(L, "ttl", 0, 0x7fffffff,
	    (lua_Integer)f->config->dns_ttl);
	d.type = d.rule.type != 0 ? d.rule.type : 1;
	d.rule.name = name;
	/* net/dns_rules knows best what is a rule. */
	n = dns_rules_add(dns_rules(f->dns), &d.rule, error, sizeof error);
	if (n >= 0 && data != NULL)
		n = dns_rules_record(dns_rules(f->dns), n, d.type, d.ttl, data,
		    error, sizeof error);
	if (n < 0)
		config_file_wrong(L, "%s", error);
	d.rule.name = xstrdup(name);
	d.data = config_file_copy(data);
	rules_add_dns(&f->config->rules, &d);
	return 0;
}

/* allow_target "192.0.2.0/24" */
static int
config_file_allow(lua_State *L)
{
	const char *text = config_file_argument(L, 1, "a network");

	if (target_allow(&config_file_of(L)->config->targets, text) < 0)
		config_file_wrong(L, "'%s' is no network like 192.0.2.0/24",
		    text);
	return 0;
}

/* profile "gafgyt" */
static int
config_file_profile(lua_State *L)
{
	struct config *c = config_file_of(L)->config;
	const char *name = config_file_argument(L, 1, "a profile's name");

	if (c->profile_count == CONFIG_PROFILES)
		config_file_wrong(L, "more than %d profiles", CONFIG_PROFILES);
	c->profiles[c->profile_count++] = config_keep(c, xstrdup(name));
	return 0;
}

/* What a call's upvalue does, with mistakes told and read over. */
static int
config_file_call(lua_State *L)
{
	int n = lua_gettop(L);

	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	if (lua_pcall(L, n, 0, 0) != LUA_OK)
		config_file_mistake(L, lua_tostring(L, -1));
	return 0;
}

/* __newindex of the environment: a setting. */
static int
config_file_assign(lua_State *L)
{
	struct config_file *f = config_file_of(L);
	const char *key = luaL_checkstring(L, 2), *why;
	char *text;

	if (lua_istable(L, 3) || lua_isfunction(L, 3) || lua_isnil(L, 3)) {
		config_file_mistake(L, lua_pushfstring(L, "%s: a %s is no value "
		    "of a setting (local variables are free)", key,
		    luaL_typename(L, 3)));
		return 0;
	}
	if (lua_isboolean(L, 3))
		why = lua_toboolean(L, 3) ? "1" : "0";
	else
		why = luaL_tolstring(L, 3, NULL);
	text = config_keep(f->config, xasprintf("%s=%s", key, why));
	why = config_assign_text(f->config, text, true);
	if (why != NULL)
		config_file_mistake(L, lua_pushfstring(L, "%s: %s", key, why));
	return 0;
}

/* set(KEY, VALUE): an option for profiles. */
static int
config_file_option(lua_State *L)
{
	struct config_file *f = config_file_of(L);
	const char *key = config_file_argument(L, 1, "the option's key");

	if (!lua_isstring(L, 2) && !lua_isboolean(L, 2))
		config_file_wrong(L, "the option's value is wanted");
	char *text = config_keep(f->config, xasprintf("%s=%s", key,
	    luaL_tolstring(L, 2, NULL)));
	const char *why = config_assign_text(f->config, text, false);

	if (why != NULL)
		config_file_wrong(L, "%s: %s", key, why);
	return 0;
}

static void
config_file_hook(lua_State *L, lua_Debug *ar A_UNUSED)
{
	luaL_error(L, "computes for too long");
}

static const luaL_Reg config_file_calls[] = {
	{ "allow_target", config_file_allow },
	{ "dns", config_file_dns },
	{ "greeting", config_file_greeting },
	{ "option", config_file_option },
	{ "policy", config_file_policy },
	{ "profile", config_file_profile },
	{ NULL, NULL }
};

/* Pushes the world that the file sees. */
static void
config_file_push_env(lua_State *L)
{
	static const char *const base[] = { "ipairs", "pairs", "tostring",
		"tonumber", "string", "table", "math", NULL };

	lua_newtable(L);
	lua_newtable(L); /* what it reads */
	luaL_requiref(L, "_G", luaopen_base, 1);
	luaL_requiref(L, "string", luaopen_string, 1);
	luaL_requiref(L, "table", luaopen_table, 1);
	luaL_requiref(L, "math", luaopen_math, 1);
	lua_pop(L, 4);
	for (const char *const *n = base; *n != NULL; n++) {
		lua_getglobal(L, *n);
		lua_setfield(L, -2, *n);
	}
	for (const luaL_Reg *r = config_file_calls; r->name != NULL; r++) {
		lua_pushcfunction(L, r->func);
		lua_pushcclosure(L, config_file_call, 1);
		lua_setfield(L, -2, r->name);
	}
	lua_newtable(L);
	lua_insert(L, -2);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, config_file_assign);
	lua_setfield(L, -2, "__newindex");
	lua_setmetatable(L, -2);
}

/* The file's body, as a protected call: upvalue-free, path at index 1. */
static int
config_file_run(lua_State *L)
{
	if (luaL_loadfilex(L, lua_tostring(L, 1), "t") != LUA_OK)
		return lua_error(L);
	config_file_push_env(L);
	lua_setupvalue(L, -2, 1);
	lua_sethook(L, config_file_hook, LUA_MASKCOUNT,
	    CONFIG_FILE_INSTRUCTIONS);
	lua_call(L, 0, 0);
	return 0;
}

unsigned
config_file_load(struct config *c, const char *path)
{
	struct config_file f = { .config = c, .path = path };
	static const struct dns_callbacks none = { 0 };
	lua_State *L = luaL_newstate();

	if (L == NULL)
		fatal("no memory for Lua");
	*(struct config_file **)lua_getextraspace(L) = &f;
	f.names = names_new(&c->pool4, &c->pool6);
	f.dns = dns_new(f.names, &none, NULL);
	lua_pushcfunction(L, config_file_run);
	lua_pushstring(L, path);
	if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
		log_error("%s", lua_tostring(L, -1));
		f.mistakes++;
	}
	lua_close(L);
	dns_free(f.dns);
	names_free(f.names);
	return f.mistakes;
}
