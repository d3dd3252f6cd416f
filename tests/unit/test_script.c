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
	s->limits = (struct engine_limits){ 1 << 20, 8 << 20, 1000000, 4096,
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
		T(test_memory_is_bounded),
		T(test_a_killed_task_runs_its_close),
		T(test_nothing_dangerous_is_there),
		T(test_closed_conn),
		T(test_peer_that_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
