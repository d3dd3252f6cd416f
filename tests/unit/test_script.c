/*
 * Profiles over a bufferevent pair: the responder's own conn, session and
 * task, with a test in the client's place and no sockets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>

#include "base/xmalloc.h"
#include "net/conn.h"
#include "record/journal.h"
#include "record/run.h"
#include "record/session.h"
#include "script/conn.h"
#include "script/engine.h"
#include "script/profile.h"
#include "script/target.h"
#include "script/task.h"

struct scene {
	char dir[64], path[96];
	struct event_base *base;
	struct run *run;
	struct engine_limits limits;
	struct engine_host host;
	struct target_rules targets;
	struct engine *engine;
	struct profile *profile;
	struct session session;
	struct stream stream;
	struct conn *conn;
	struct task *task;
	struct bufferevent *client;
	char *error, *traceback;
	bool ended;
};

static const char *
scene_name_of(void *arg, const struct addr *a)
{
	(void)arg;
	(void)a;
	return "c2.example";
}

static const char *
scene_option(void *arg, const char *key)
{
	(void)arg;
	return strcmp(key, "only") == 0 ? "one,two" : NULL;
}

static int
scene_setup(void **state)
{
	struct scene *s = xcalloc(1, sizeof *s);
	struct run_limits caps = { 1000000, 1000000, 100000, 100000 };

	strcpy(s->dir, "/tmp/kage-script.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	s->base = event_base_new();
	s->run = run_open(s->base, s->dir, &caps);
	assert_non_null(s->run);
	s->limits = (struct engine_limits){ 1 << 20, 8 << 20, 10000000, 4096,
		5 };
	assert_int_equal(target_allow(&s->targets, "198.18.0.0/15"), 0);
	s->host.run = s->run;
	s->host.targets = &s->targets;
	assert_int_equal(addr_parse(&s->host.target4, "198.18.0.1"), 0);
	assert_int_equal(addr_parse(&s->host.target6, "2001:2::1"), 0);
	s->host.name_of = scene_name_of;
	s->host.option = scene_option;
	s->engine = engine_new(s->base, "lua-profiles", &s->limits, &s->host);
	*state = s;
	return 0;
}

static void
scene_tap(void *arg, enum conn_way way, const void *bytes, size_t n)
{
	struct scene *s = arg;

	session_data(&s->session, way == CONN_TO_SERVER ? SESSION_TO_SERVER :
	    SESSION_TO_CLIENT, bytes, n, s->stream.command);
}

static void
scene_wake(void *arg)
{
	struct scene *s = arg;

	if (!s->ended)
		task_wake(s->task);
}

static void
scene_closed(void *arg, const char *reason)
{
	struct scene *s = arg;

	(void)reason;
	conn_free(s->conn);
	s->conn = s->stream.conn = NULL;
	if (!s->ended)
		task_wake(s->task);
}

static void
scene_ended(void *arg, const char *error, const char *traceback)
{
	struct scene *s = arg;

	s->ended = true;
	s->error = error != NULL ? xstrdup(error) : NULL;
	s->traceback = traceback != NULL ? xstrdup(traceback) : NULL;
}

static const struct conn_callbacks scene_callbacks = { .tap = scene_tap,
	.readable = scene_wake, .drained = scene_wake,
	.closed = scene_closed };

/* Runs the body of a profile's stream function. */
static void
scene_play(struct scene *s, const char *body)
{
	struct bufferevent *pair[2];
	struct addr src, dest;
	char *error = NULL;
	FILE *f;

	snprintf(s->path, sizeof s->path, "%s/profile.lua", s->dir);
	f = fopen(s->path, "w");
	assert_non_null(f);
	fprintf(f, "return { name = 'test', kind = 'service', "
	    "stream = function(conn) %s end }", body);
	fclose(f);
	s->profile = profile_load(s->engine, s->path, &error);
	if (s->profile == NULL)
		fail_msg("%s", error);
	assert_int_equal(bufferevent_pair_new(s->base, 0, pair), 0);
	s->client = pair[0];
	bufferevent_enable(s->client, EV_READ | EV_WRITE);
	assert_int_equal(addr_parse(&src, "10.13.37.2"), 0);
	assert_int_equal(addr_parse(&dest, "198.18.0.2"), 0);
	session_open(&s->session, s->run, IPPROTO_TCP, &src, &dest, NULL);
	s->conn = conn_new_over(s->base, pair[1], &scene_callbacks, s);
	conn_open_tap(s->conn);
	s->stream.conn = s->conn;
	s->stream.session = &s->session;
	s->task = task_new(s->engine, &s->session, scene_ended, s);
	profile_push(s->profile, task_lua(s->task), "stream");
	stream_push(task_lua(s->task), &s->stream);
	task_start(s->task, 1);
}

/* Lets the loop turn until the client has the text, or a second is over. */
static void
scene_expect(struct scene *s, const char *text)
{
	struct evbuffer *in = bufferevent_get_input(s->client);
	size_t n = strlen(text);

	for (int i = 0; i < 1000 && evbuffer_get_length(in) < n; i++) {
		event_base_loop(s->base, EVLOOP_NONBLOCK);
		if (evbuffer_get_length(in) < n)
			usleep(1000);
	}
	char *got = xmemdup0(evbuffer_pullup(in, -1), evbuffer_get_length(in));

	assert_string_equal(got, text);
	free(got);
	evbuffer_drain(in, n);
}

static void
scene_say(struct scene *s, const char *text)
{
	bufferevent_write(s->client, text, strlen(text));
	for (int i = 0; i < 4; i++)
		event_base_loop(s->base, EVLOOP_NONBLOCK);
}

static void
scene_until_ended(struct scene *s)
{
	for (int i = 0; i < 3000 && !s->ended; i++) {
		event_base_loop(s->base, EVLOOP_NONBLOCK);
		if (!s->ended)
			usleep(1000);
	}
	assert_true(s->ended);
}

static int
scene_teardown(void **state)
{
	struct scene *s = *state;
	char *command;

	task_free(s->task);
	stream_detach(&s->stream);
	conn_free(s->conn);
	if (s->client != NULL) {
		bufferevent_free(s->client);
		session_close(&s->session, "test");
	}
	profile_release(s->profile);
	engine_free(s->engine);
	run_close(s->run);
	/* libevent lets go of a pair on the next turn. */
	event_base_loop(s->base, EVLOOP_NONBLOCK);
	event_base_free(s->base);
	command = xasprintf("rm -r '%s'", s->dir);
	assert_int_equal(system(command), 0);
	free(command);
	free(s->error);
	free(s->traceback);
	free(s);
	return 0;
}

static void
test_lines_in_pieces(void **state)
{
	struct scene *s = *state;

	scene_play(s, "conn:send(conn:recv_line() .. '|' .. conn:recv_line() "
	    ".. '|' .. conn:recv_bytes(3) .. '|' .. conn:recv_until('--'))");
	scene_say(s, "o");
	scene_say(s, "ne\r");
	scene_say(s, "\ntwo\nabc");
	scene_say(s, "rest-");
	scene_say(s, "-");
	scene_expect(s, "one|two|abc|rest");
	scene_until_ended(s);
	assert_null(s->error);
}

static void
test_timeout_keeps_what_came(void **state)
{
	struct scene *s = *state;

	scene_play(s, "conn:set_timeout(0.02) "
	    "local line, err, partial = conn:recv_line() "
	    "conn:send(tostring(line) .. err .. partial .. '\\n') "
	    "conn:set_timeout(5) conn:send(conn:recv_line())");
	scene_say(s, "half");
	scene_expect(s, "niltimeouthalf\n");
	scene_say(s, " whole\n");
	scene_expect(s, "half whole");
}

static void
test_too_long(void **state)
{
	struct scene *s = *state;

	scene_play(s, "local a, err, partial = conn:recv_until('X', 4) "
	    "conn:send(tostring(a) .. err .. partial .. conn:recv_any())");
	scene_say(s, "abcdef");
	scene_expect(s, "niltoolongabcdef");
}

static void
test_sleep_and_options(void **state)
{
	struct scene *s = *state;

	scene_play(s, "local t = responder.now() responder.sleep(0.03) "
	    "conn:send((responder.now() - t >= 0.03 and 'slept ' or 'not ') .. "
	    "responder.option('only') .. tostring(responder.option('none')) .. "
	    "#responder.random(7) .. lab.target() .. lab.target(6) .. "
	    "lab.name_of('198.18.0.2'))");
	scene_expect(s, "slept one,twonil7198.18.0.12001:2::1c2.example");
}

static void
test_error_has_a_traceback(void **state)
{
	struct scene *s = *state;

	scene_play(s, "local function inner() error('broken') end inner()");
	scene_until_ended(s);
	assert_non_null(strstr(s->error, "broken"));
	assert_non_null(strstr(s->traceback, "inner"));
}

static void
test_endless_loops_end(void **state)
{
	struct scene *s = *state;

	scene_play(s, "while true do pcall(function() while true do end end) "
	    "end");
	scene_until_ended(s);
	assert_string_equal(s->error, "too many instructions without waiting");
}

/* Lua steps back by one instruction where a hook yields, here by a line. */
static void
test_the_line_of_an_endless_loop(void **state)
{
	struct scene *s = *state;

	scene_play(s, "local x = 1\nwhile true do end");
	scene_until_ended(s);
	assert_non_null(strstr(s->traceback, "profile.lua:2: in "));
}

/* Plays the body, which must be ended with this error, and in time. */
static void
scene_dooms(struct scene *s, const char *body, const char *error)
{
	scene_play(s, body);
	scene_until_ended(s);
	if (s->error == NULL || strstr(s->error, error) == NULL)
		fail_msg("%s: %s", body, s->error != NULL ? s->error : "fine");
}

#define ENDLESS "('a'):rep(1e4), ('a*'):rep(12) .. 'b'"
#define FOR_EVER(call) "while true do pcall(" call ") end"

static void
test_patterns_end(void **state)
{
	scene_dooms(*state, "pcall(string.find, ('a'):rep(1e5), "
	    "('a*'):rep(40) .. 'b')", "a pattern takes too long to match");
}

static void
test_patterns_end_in_every_call(void **state)
{
	scene_dooms(*state, "local s, p = " ENDLESS " "
	    "for _, f in ipairs{string.match, string.find} do "
	    "pcall(f, s, p) end conn:send('still here')",
	    "a pattern takes too long");
}

static void
test_gmatch_ends(void **state)
{
	scene_dooms(*state, FOR_EVER("function() "
	    "for _ in string.gmatch(" ENDLESS ") do end end"),
	    "a pattern takes too long");
}

static void
test_gsub_ends(void **state)
{
	scene_dooms(*state, FOR_EVER("function() "
	    "return (('a'):rep(1e4):gsub(('a-'):rep(12) .. 'b', '')) end"),
	    "a pattern takes too long");
}

/* Each is quick, all together are not. */
static void
test_many_searches_are_booked(void **state)
{
	scene_dooms(*state, "local s = ('a'):rep(1e3) while true do "
	    "pcall(string.find, s, 'a-b') end", "too many instructions");
}

/* Long calls within few instructions: the clock sees them. */
static void
test_long_calls_end(void **state)
{
	scene_dooms(*state, "local s = ('x'):rep(5e5) "
	    "while true do pcall(utf8.len, s) end",
	    "too many instructions");
}

static void
test_giants_are_refused(void **state)
{
	struct scene *s = *state;

	scene_play(s, "local long = setmetatable({}, "
	    "{ __len = function() return 1 << 40 end, __index = type }) "
	    "local itself = {} for i = 1, 60 do itself[i] = itself end "
	    "conn:note('itself', itself) "
	    "local function no(f, ...) assert(not pcall(f, ...)) end "
	    "no(string.rep, 'x', 1 << 40) no(string.rep, 'x', 1e7) "
	    "assert(('').rep('', 1 << 60) == '') "
	    "no(string.format, '%99999d', 1) no(string.format, '%1.100f', 1) "
	    "no(table.concat, long, ('x'):rep(1e5)) no(table.insert, long, 1, 1) "
	    "no(table.remove, long, 1) no(table.sort, long, rawequal) "
	    "no(table.move, long, 1, 1 << 50, 2) no(table.unpack, long) "
	    "no(utf8.char, 1 << 40) no(string.find, 'x', '[') "
	    "assert(load == nil and string.dump == nil and coroutine == nil) "
	    "assert(table.concat({ 1, 2 }, '-') == '1-2') "
	    "conn:send('lives')");
	scene_until_ended(s);
	if (s->error != NULL)
		fail_msg("%s", s->error);
	scene_expect(s, "lives");
}

/* Neither in a sort, nor in a replacement, nor in what closes a variable. */
static void
test_no_place_to_hide(void **state)
{
	scene_dooms(*state, "local t = {} for i = 1, 50 do t[i] = i end "
	    "while true do pcall(table.sort, t, function() "
	    "while true do end end) end", "too many instructions");
}

static void
test_no_place_to_hide_in_gsub(void **state)
{
	scene_dooms(*state, FOR_EVER("string.gsub, 'x', 'x', "
	    "function() while true do end end"), "too many instructions");
}

static void
test_no_place_to_hide_in_metamethods(void **state)
{
	scene_dooms(*state, "local t = setmetatable({}, { __index = "
	    "function() while true do end end, __close = function() "
	    "while true do end end }) while true do pcall(function() "
	    "local c <close> = t return t.x end) end",
	    "too many instructions");
}

/* Nor in what xpcall calls after an error, of theirs or of the hook. */
static void
test_no_place_to_hide_in_a_handler(void **state)
{
	scene_dooms(*state, "local function loop() while true do end end "
	    "xpcall(error, loop) xpcall(loop, loop)",
	    "too many instructions");
}

static void
test_xpcall(void **state)
{
	struct scene *s = *state;

	scene_play(s, "local function say(...) "
	    "local t = { ... } for i = 1, select('#', ...) do "
	    "t[i] = tostring(t[i]) end conn:send(table.concat(t, ',') .. ';') "
	    "end "
	    "local function oh(e) return 'oh ' .. tostring(e) end "
	    "say(xpcall(function(...) responder.sleep(0.01) return ... end, "
	    "oh, 1, nil, 3)) "
	    "say(xpcall(function() responder.sleep(0.01) error('x', 0) end, "
	    "oh)) say(xpcall(error, oh)) say(xpcall(error, error, 'again')) "
	    "say(pcall(xpcall, error))");
	scene_expect(s, "true,1,nil,3;false,oh x;false,oh nil;false,again;"
	    "false,bad argument #2 to '?' (function expected, got no "
	    "value);");
}

/* Others have their turn meanwhile: here the loop itself. */
static void
test_runaways_take_turns(void **state)
{
	struct scene *s = *state;
	unsigned turns = 0;

	scene_play(s, "while true do end");
	for (; !s->ended && turns < 1000; turns++)
		event_base_loop(s->base, EVLOOP_ONCE);
	assert_true(s->ended);
	assert_true(turns >= 2);
}

static void
test_bytecode_is_refused(void **state)
{
	struct scene *s = *state;
	char *error = NULL, path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/code.lua", s->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("\x1bLuaT", f);
	fclose(f);
	assert_null(profile_load(s->engine, path, &error));
	assert_non_null(strstr(error, "binary"));
	free(error);
}

static void
test_memory_is_bounded(void **state)
{
	struct scene *s = *state;

	scene_play(s, "local t = {} while true do "
	    "pcall(function() t[#t + 1] = ('x'):rep(100000) .. #t end) end");
	scene_until_ended(s);
	assert_string_equal(s->error, "too much memory");
	assert_true(engine_memory(s->engine) < 4 << 20);
}

static void
test_a_killed_task_runs_its_close(void **state)
{
	struct scene *s = *state;

	scene_play(s, "local guard <close> = setmetatable({}, { __close = "
	    "function() conn:note('closed') while true do end end }) "
	    "conn:recv_line()");
	task_free(s->task);
	s->task = NULL;
	s->ended = true;
}

static void
test_nothing_dangerous_is_there(void **state)
{
	struct scene *s = *state;

	scene_play(s, "local seen = {} for _, name in ipairs{'io', 'os', "
	    "'debug', 'load', 'loadstring', 'dofile', 'collectgarbage', "
	    "'coroutine', 'package'} do if _ENV[name] then "
	    "seen[#seen + 1] = name end end "
	    "conn:send('found:' .. table.concat(seen, ',') .. "
	    "tostring(string.dump) .. tostring(getmetatable('')) .. "
	    "tostring(pcall(setmetatable, {}, { __gc = print })))");
	scene_expect(s, "found:nilfalsefalse");
}

static void
test_closed_conn(void **state)
{
	struct scene *s = *state;

	scene_play(s, "conn:close() local ok, err = conn:send('x') "
	    "assert(ok == nil and err == 'closed') "
	    "ok, err = conn:recv_line() assert(ok == nil and err == 'closed') "
	    "ok, err = conn:command('x') assert(ok == nil and err == 'closed')");
	scene_until_ended(s);
	assert_null(s->error);
}

static void
test_peer_that_takes_nothing(void **state)
{
	struct scene *s = *state;

	scene_play(s, "conn:set_timeout(0.05) local sent, err "
	    "repeat sent, err = conn:send(('x'):rep(65536)) until not sent "
	    "assert(err == 'timeout')");
	bufferevent_disable(s->client, EV_READ);
	bufferevent_setwatermark(s->client, EV_READ, 0, 1);
	scene_until_ended(s);
	if (s->error != NULL)
		fail_msg("%s", s->error);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		T(test_lines_in_pieces),
		T(test_timeout_keeps_what_came),
		T(test_too_long),
		T(test_sleep_and_options),
		T(test_error_has_a_traceback),
		T(test_endless_loops_end),
		T(test_the_line_of_an_endless_loop),
		T(test_patterns_end),
		T(test_patterns_end_in_every_call),
		T(test_gmatch_ends),
		T(test_gsub_ends),
		T(test_many_searches_are_booked),
		T(test_long_calls_end),
		T(test_giants_are_refused),
		T(test_no_place_to_hide),
		T(test_no_place_to_hide_in_gsub),
		T(test_no_place_to_hide_in_metamethods),
		T(test_no_place_to_hide_in_a_handler),
		T(test_xpcall),
		T(test_runaways_take_turns),
		T(test_bytecode_is_refused),
		T(test_memory_is_bounded),
		T(test_a_killed_task_runs_its_close),
		T(test_nothing_dangerous_is_there),
		T(test_closed_conn),
		T(test_peer_that_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
