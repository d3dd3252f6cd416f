/*
 * The stage: what service.c is for sockets, in small.
 */
#include <netinet/in.h>
#include <sys/queue.h>
#include <sys/time.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "chat/stage.h"
#include "config.h"
#include "net/conn.h"
#include "record/journal.h"
#include "record/run.h"
#include "record/session.h"
#include "script/conn.h"
#include "script/engine.h"
#include "script/profile.h"
#include "script/task.h"

/* One session. */
struct act {
	TAILQ_ENTRY(act) entry;
	struct stage *stage;
	struct session session;
	struct stream stream;
	struct conn *conn;	  /* ours; NULL once closed */
	struct bufferevent *far;  /* the peer's end */
	struct task *task;	  /* NULL once ended */
	const char *reason;
	char *name;
	bool over;
};

struct stage {
	struct event_base *base;
	const struct stage_options *options;
	struct stage_peers peers;
	char dir[64];
	struct run *run;
	struct engine_host host;
	struct engine *engine;
	struct profile *profile;
	TAILQ_HEAD(acts, act) acts;
	json_t *events;
	FILE *journal; /* what was written, to read it again */
	char *line;
	size_t line_size;
};

/* Nothing is left that could add to the session: `close` is written. */
static void
act_end(struct act *a)
{
	if (a->conn != NULL || a->task != NULL || a->over)
		return;
	a->over = true;
	stream_detach(&a->stream);
	session_close(&a->session, a->reason != NULL ? a->reason : "closed");
}

static void
act_finish(struct act *a, const char *reason)
{
	if (a->reason == NULL)
		a->reason = reason;
	task_free(a->task);
	a->task = NULL;
	if (a->conn != NULL)
		conn_close(a->conn);
	act_end(a);
}

static void
act_task_ended(void *arg, const char *error, const char *traceback)
{
	struct act *a = arg;
	const char *ended = a->conn != NULL ? conn_ended(a->conn) : NULL;

	if (error != NULL)
		session_error(&a->session, error, traceback);
	act_finish(a, error != NULL ? "error" :
	    ended != NULL ? ended : "profile closed");
}

static void
act_tap(void *arg, enum conn_way way, const void *bytes, size_t n)
{
	struct act *a = arg;

	if (way == CONN_TO_SERVER)
		session_data(&a->session, SESSION_TO_SERVER, bytes, n, 0);
	else
		session_data(&a->session, SESSION_TO_CLIENT, bytes, n,
		    a->stream.command);
}

static void
act_wake(void *arg)
{
	struct act *a = arg;

	if (a->task != NULL)
		task_wake(a->task);
}

static void
act_closed(void *arg, const char *reason)
{
	struct act *a = arg;

	conn_free(a->conn);
	a->conn = a->stream.conn = NULL;
	if (a->reason == NULL && a->task == NULL)
		a->reason = reason;
	if (a->task != NULL)
		task_wake(a->task);
	else
		act_end(a);
}

/* TLS over a pair isn't played: conn:start_tls waits for its answer. */
static void
act_secured(void *arg, const char *failure A_UNUSED)
{
	act_wake(arg);
}

static const struct conn_callbacks act_callbacks = { .tap = act_tap,
	.readable = act_wake, .drained = act_wake, .closed = act_closed,
	.secured = act_secured };

static void
act_free(struct act *a)
{
	task_free(a->task);
	a->task = NULL;
	conn_free(a->conn);
	a->conn = a->stream.conn = NULL;
	a->reason = a->reason != NULL ? a->reason : "stopped";
	act_end(a);
	bufferevent_free(a->far);
	free(a->name);
	free(a);
}

void
stage_connect(struct stage *s)
{
	struct act *a = xcalloc(1, sizeof *a);
	struct bufferevent *pair[2];

	if (bufferevent_pair_new(s->base, BEV_OPT_DEFER_CALLBACKS, pair) < 0)
		fatal("no memory for a pair");
	a->stage = s;
	a->far = pair[1];
	bufferevent_enable(a->far, EV_READ | EV_WRITE);
	a->name = s->peers.name[0] != '\0' ? xstrdup(s->peers.name) : NULL;
	a->conn = conn_new_over(s->base, pair[0], &act_callbacks, a);
	a->stream.conn = a->conn;
	a->stream.session = &a->session;
	a->stream.name = a->name;
	session_open(&a->session, s->run, IPPROTO_TCP, &s->peers.src,
	    &s->peers.dest, a->name);
	TAILQ_INSERT_TAIL(&s->acts, a, entry);
	session_profile(&a->session, s->profile->name);
	conn_open_tap(a->conn);
	a->task = task_new(s->engine, &a->session, act_task_ended, a);
	profile_push(s->profile, task_lua(a->task), "stream");
	stream_push(task_lua(a->task), &a->stream);
	task_start(a->task, 1);
	s->peers.src.port++;
}

static struct act *
stage_act(const struct stage *s)
{
	return TAILQ_LAST(&s->acts, acts);
}

void
stage_say(struct stage *s, const void *bytes, size_t n)
{
	bufferevent_write(stage_act(s)->far, bytes, n);
}

void
stage_hangup(struct stage *s)
{
	bufferevent_flush(stage_act(s)->far, EV_WRITE, BEV_FINISHED);
}

bool
stage_begun(const struct stage *s)
{
	return stage_act(s) != NULL;
}

bool
stage_over(const struct stage *s)
{
	return stage_act(s) != NULL && stage_act(s)->over;
}

struct evbuffer *
stage_heard(struct stage *s)
{
	return bufferevent_get_input(stage_act(s)->far);
}

struct stage_peers *
stage_peers(struct stage *s)
{
	return &s->peers;
}

int
stage_match(struct stage *s, const void *bytes, size_t n, char **error)
{
	struct profile_dest dest = { s->peers.dest, s->peers.name[0] != '\0' ?
	    s->peers.name : NULL, "tcp" };

	return profile_match(s->profile, bytes, n, &dest, error);
}

/* When the next timer is due; libevent says it on the wall clock. */
struct stage_timer {
	bool found;
	struct timeval at;
};

static int
stage_see_timer(const struct event_base *base A_UNUSED, const struct event *ev,
    void *arg)
{
	struct stage_timer *t = arg;
	struct timeval at;

	if (!event_pending(ev, EV_TIMEOUT, &at))
		return 0;
	if (!t->found || evutil_timercmp(&at, &t->at, <)) {
		t->found = true;
		t->at = at;
	}
	return 0;
}

/* Sets the clock on to the next timer, not beyond until; false at until. */
static bool
stage_skip(struct stage *s, int64_t until)
{
	struct stage_timer next = { .found = false };
	int64_t now = clock_mono(), then = until;

	event_base_foreach_event(s->base, stage_see_timer, &next);
	if (next.found) {
		int64_t wall = (int64_t)next.at.tv_sec * 1000000000 +
		    (int64_t)next.at.tv_usec * 1000;
		int64_t left = wall - clock_wall();

		/* A microsecond more: libevent rounds down. */
		then = now + (left > 0 ? left : 0) + 1000;
	}
	if (then < until) {
		s->options->set_clock(then);
		return true;
	}
	if (now >= until)
		return false;
	s->options->set_clock(until);
	return true;
}

bool
stage_wait(struct stage *s, int64_t until, bool (*done)(void *), void *arg)
{
	for (;;) {
		do {
			event_base_loop(s->base, EVLOOP_NONBLOCK);
		} while (event_base_get_num_events(s->base,
		    EVENT_BASE_COUNT_ACTIVE) > 0);
		if (done != NULL && done(arg))
			return true;
		if (!stage_skip(s, until))
			return false;
	}
}

json_t *
stage_events(struct stage *s)
{
	ssize_t n;

	journal_flush(s->run->journal);
	clearerr(s->journal);
	while ((n = getline(&s->line, &s->line_size, s->journal)) > 0) {
		json_t *event = json_loadb(s->line, (size_t)n,
		    JSON_ALLOW_NUL, NULL);

		if (event == NULL)
			fatal("the journal has a line that is no JSON: %s",
			    s->line);
		json_array_append_new(s->events, event);
	}
	return s->events;
}

static const char *
stage_name_of(void *arg, const struct addr *a)
{
	struct stage *s = arg;

	return addr_same_host(a, &s->peers.dest) && s->peers.name[0] != '\0' ?
	    s->peers.name : NULL;
}

static const char *
stage_option(void *arg, const char *key)
{
	struct stage *s = arg;

	return config_option(s->options->config, key);
}

static void
stage_finished(void *arg, const char *reason)
{
	struct stage *s = arg;

	run_state(s->run, "finished", reason);
}

static void
stage_open_host(struct stage *s)
{
	const struct config *c = s->options->config;

	s->host.run = s->run;
	s->host.targets = &c->targets;
	if (addr_prefix_nth(&c->pool4, 1, &s->host.target4) < 0 ||
	    addr_prefix_nth(&c->pool6, 1, &s->host.target6) < 0)
		fatal("the pools have no room for a target");
	s->host.name_of = stage_name_of;
	s->host.finished = stage_finished;
	s->host.option = stage_option;
	s->host.arg = s;
}

static void
stage_default_peers(struct stage *s)
{
	if (addr_parse(&s->peers.src, "10.13.37.2") < 0 ||
	    addr_parse(&s->peers.dest, "198.18.0.2") < 0)
		fatal("default peers");
	s->peers.src.port = 40000;
	s->peers.dest.port = 23;
}

struct stage *
stage_new(struct event_base *base, const struct stage_options *o, char **error)
{
	struct stage *s = xcalloc(1, sizeof *s);
	const char *tmp = getenv("TMPDIR");
	char path[sizeof s->dir + 16];

	TAILQ_INIT(&s->acts);
	s->base = base;
	s->options = o;
	s->events = json_array();
	stage_default_peers(s);
	snprintf(s->dir, sizeof s->dir, "%.40s/kage-chat.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(s->dir) == NULL) {
		s->dir[0] = '\0';
		*error = xasprintf("can't make a folder for the journal");
		goto fail;
	}
	snprintf(path, sizeof path, "%s/session.jsonl", s->dir);
	if ((s->run = run_open(base, s->dir, &o->config->run)) == NULL ||
	    (s->journal = fopen(path, "re")) == NULL) {
		*error = xasprintf("%s: can't keep a journal", s->dir);
		goto fail;
	}
	stage_open_host(s);
	s->engine = engine_new(base, o->folder, &o->config->engine, &s->host);
	s->profile = profile_load(s->engine, o->profile, error);
	if (s->profile == NULL)
		goto fail;
	if (!s->profile->has_stream) {
		*error = xasprintf("%s: the profile has no stream",
		    o->profile);
		goto fail;
	}
	return s;
fail:
	stage_free(s);
	return NULL;
}

static int
stage_remove(const char *path, const struct stat *st A_UNUSED,
    int type A_UNUSED, struct FTW *ftw A_UNUSED)
{
	return remove(path);
}

void
stage_free(struct stage *s)
{
	struct act *a;

	if (s == NULL)
		return;
	while ((a = TAILQ_FIRST(&s->acts)) != NULL) {
		TAILQ_REMOVE(&s->acts, a, entry);
		act_free(a);
	}
	/* libevent frees what was closed on its next turn. */
	event_base_loop(s->base, EVLOOP_NONBLOCK);
	profile_release(s->profile);
	if (s->engine != NULL)
		engine_free(s->engine);
	if (s->run != NULL)
		run_close(s->run);
	if (s->journal != NULL)
		fclose(s->journal);
	if (s->dir[0] != '\0')
		nftw(s->dir, stage_remove, 8, FTW_DEPTH | FTW_PHYS);
	json_decref(s->events);
	free(s->line);
	free(s);
}
