/*
 * The stage: what service.c is for sockets, in small, and the test clock.
 */
#include <netinet/in.h>
#include <sys/time.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "chat/act.h"
#include "chat/parcels.h"
#include "chat/stage.h"
#include "config.h"
#include "record/journal.h"
#include "record/run.h"
#include "script/engine.h"
#include "script/profile.h"

struct stage {
	struct event_base *base;
	const struct stage_options *options;
	struct stage_peers peers;
	char dir[1024], ca[1032];
	struct run *run;
	struct engine_host host;
	struct engine *engine;
	struct profile *profile;
	struct scene scene;
	struct act **acts; /* the latest last */
	size_t act_count;
	struct parcels *parcels; /* NULL: the profile takes no datagrams */
	json_t *events;
	FILE *journal; /* what was written, to read it again */
	char *line;
	size_t line_size;
};

/* The latest session, or NULL. */
static struct act *
stage_act(const struct stage *s)
{
	return s->act_count > 0 ? s->acts[s->act_count - 1] : NULL;
}

/* A new session, which nobody plays yet. */
static struct act *
stage_open_act(struct stage *s)
{
	s->acts = xreallocarray(s->acts, s->act_count + 1, sizeof(struct act *));
	s->acts[s->act_count++] = act_new(&s->scene, &s->peers.src,
	    &s->peers.dest, s->peers.name[0] != '\0' ? s->peers.name : NULL);
	s->peers.src.port++;
	return stage_act(s);
}

void
stage_connect(struct stage *s)
{
	act_play(stage_open_act(s));
}

char *
stage_start_tls(struct stage *s, const char *name)
{
	bool fresh = stage_act(s) == NULL || act_over(stage_act(s));

	return act_start_tls(fresh ? stage_open_act(s) : stage_act(s), name,
	    fresh);
}

bool
stage_secured(const struct stage *s)
{
	return stage_act(s) != NULL && act_secured(stage_act(s));
}

struct parcels *
stage_parcels(struct stage *s)
{
	return s->parcels;
}

bool
stage_streams(const struct stage *s)
{
	return s->profile->has_stream;
}

void
stage_say(struct stage *s, const void *bytes, size_t n)
{
	act_say(stage_act(s), bytes, n);
}

void
stage_hangup(struct stage *s)
{
	act_hangup(stage_act(s));
}

bool
stage_begun(const struct stage *s)
{
	return stage_act(s) != NULL;
}

bool
stage_over(const struct stage *s)
{
	return stage_act(s) != NULL && act_over(stage_act(s));
}

struct evbuffer *
stage_heard(struct stage *s)
{
	return act_heard(stage_act(s));
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

	s->base = base;
	s->options = o;
	s->events = json_array();
	stage_default_peers(s);
	snprintf(s->dir, sizeof s->dir, "%.1000s/kage-chat.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(s->dir) == NULL) {
		s->dir[0] = '\0';
		*error = xasprintf("can't make a folder for the journal");
		goto fail;
	}
	snprintf(path, sizeof path, "%s/session.jsonl", s->dir);
	snprintf(s->ca, sizeof s->ca, "%s/ca", s->dir);
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
	s->scene = (struct scene){ .base = base, .run = s->run,
	    .engine = s->engine, .profile = s->profile, .folder = s->ca };
	if (s->profile->has_datagram)
		s->parcels = parcels_new(s->run, s->engine, s->profile);
	else if (!s->profile->has_stream) {
		*error = xasprintf("%s: the profile has neither stream nor "
		    "datagram", o->profile);
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
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->act_count; i++)
		act_free(s->acts[i]);
	free(s->acts);
	/* libevent frees what was closed on its next turn. */
	event_base_loop(s->base, EVLOOP_NONBLOCK);
	parcels_free(s->parcels);
	scene_clear(&s->scene);
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
