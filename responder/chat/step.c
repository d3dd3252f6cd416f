/*
 * What the steps do: a word with its handler, in one table; time passes on
 * the test clock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "base/clock.h"
#include "base/xmalloc.h"
#include "chat/dialogue.h"
#include "chat/expect.h"
#include "chat/parcels.h"
#include "chat/stage.h"
#include "chat/step.h"

/* How long a step waits for what it wants, seconds of the test clock. */
#define STEP_PATIENCE 120

struct step_kind {
	const char *word;
	/* NULL, or what is wrong, which the caller frees. */
	char *(*play)(struct stage *, const struct step *);
	bool talks; /* needs a session: connects if there is none */
};

/* What a step that waits looks for. */
struct wanted {
	struct stage *stage;
	const char *bytes;
	size_t n;
};

static int64_t
step_later(double seconds)
{
	return clock_mono() + (int64_t)(seconds * 1e9);
}

/* So many bytes have come, or none will. */
static bool
wanted_length(void *arg)
{
	const struct wanted *w = arg;

	return evbuffer_get_length(stage_heard(w->stage)) >= w->n ||
	    stage_over(w->stage);
}

static bool
wanted_text(void *arg)
{
	const struct wanted *w = arg;

	return evbuffer_search(stage_heard(w->stage), w->bytes, w->n,
	    NULL).pos >= 0 || stage_over(w->stage);
}

static bool
wanted_end(void *arg)
{
	const struct wanted *w = arg;

	return stage_over(w->stage);
}

/* "wanted X, got Y" with what was heard. */
static char *
step_differs(struct stage *s, const char *want, size_t n, const char *how)
{
	struct evbuffer *heard = stage_heard(s);
	size_t length = evbuffer_get_length(heard);
	char *wanted = dialogue_quote(want, n);
	char *got = dialogue_quote(evbuffer_pullup(heard, -1),
	    length < 400 ? length : 400);
	char *text = xasprintf("%s %s, and it said %s%s", how, wanted, got,
	    stage_over(s) ? " and closed" : "");

	free(wanted);
	free(got);
	return text;
}

/* Parses a step's only argument. */
static char *
step_bytes(const struct step *step, size_t *n)
{
	const char *rest;
	char *bytes = dialogue_bytes(step->text, n, &rest);

	if (bytes != NULL && *rest != '\0') {
		free(bytes);
		return NULL;
	}
	return bytes;
}

static char *
step_say(struct stage *s, const struct step *step)
{
	size_t n;
	char *bytes = step_bytes(step, &n);

	if (bytes == NULL)
		return xstrdup("a \"text\" or hex 00 01 is wanted");
	stage_say(s, bytes, n);
	free(bytes);
	return NULL;
}

static char *
step_hear(struct stage *s, const struct step *step)
{
	struct wanted w = { .stage = s };
	char *bytes = step_bytes(step, &w.n), *wrong = NULL;
	struct evbuffer *heard = stage_heard(s);

	if (bytes == NULL)
		return xstrdup("a \"text\" or hex 00 01 is wanted");
	stage_wait(s, step_later(STEP_PATIENCE), wanted_length, &w);
	if (evbuffer_get_length(heard) < w.n ||
	    memcmp(evbuffer_pullup(heard, (ev_ssize_t)w.n), bytes, w.n) != 0)
		wrong = step_differs(s, bytes, w.n, "it should say");
	else
		evbuffer_drain(heard, w.n);
	free(bytes);
	return wrong;
}

static char *
step_find(struct stage *s, const struct step *step)
{
	struct wanted w = { .stage = s };
	char *bytes = step_bytes(step, &w.n), *wrong = NULL;

	if (bytes == NULL)
		return xstrdup("a \"text\" or hex 00 01 is wanted");
	w.bytes = bytes;
	stage_wait(s, step_later(STEP_PATIENCE), wanted_text, &w);
	struct evbuffer_ptr at = evbuffer_search(stage_heard(s), bytes, w.n,
	    NULL);
	if (at.pos < 0)
		wrong = step_differs(s, bytes, w.n, "somewhere it should say");
	else
		evbuffer_drain(stage_heard(s), (size_t)at.pos + w.n);
	free(bytes);
	return wrong;
}

/* A number of seconds; -1 for anything else. */
static double
step_seconds(const struct step *step)
{
	char *end;
	double seconds = strtod(step->text, &end);

	return end == step->text || *end != '\0' ? -1 : seconds;
}

static char *
step_wait(struct stage *s, const struct step *step)
{
	double seconds = step_seconds(step);

	if (seconds < 0)
		return xstrdup("seconds are wanted");
	stage_wait(s, step_later(seconds), NULL, NULL);
	return NULL;
}

static char *
step_quiet(struct stage *s, const struct step *step)
{
	double seconds = step_seconds(step);
	struct wanted w = { .stage = s, .n = 1 };

	if (seconds < 0)
		return xstrdup("seconds are wanted");
	stage_wait(s, step_later(seconds), wanted_length, &w);
	if (evbuffer_get_length(stage_heard(s)) > 0)
		return step_differs(s, "", 0, "it should say nothing, not even");
	return NULL;
}

static char *
step_drain(struct stage *s, const struct step *step A_UNUSED)
{
	evbuffer_drain(stage_heard(s), evbuffer_get_length(stage_heard(s)));
	return NULL;
}

static char *
step_connect(struct stage *s, const struct step *step A_UNUSED)
{
	stage_connect(s);
	return NULL;
}

static bool
wanted_tls(void *arg)
{
	const struct wanted *w = arg;

	return stage_secured(w->stage) || stage_over(w->stage);
}

/* tls [NAME]: on a new connection, or in the one that there is. */
static char *
step_tls(struct stage *s, const struct step *step)
{
	struct wanted w = { .stage = s };
	char *wrong = stage_start_tls(s, *step->text != '\0' ? step->text :
	    NULL);

	if (wrong != NULL)
		return wrong;
	stage_wait(s, step_later(STEP_PATIENCE), wanted_tls, &w);
	return stage_secured(s) ? NULL :
	    xstrdup("there should be TLS now, and there is none");
}

static char *
step_datagram(struct stage *s, const struct step *step)
{
	struct stage_peers *p = stage_peers(s);
	size_t n;
	char *bytes = step_bytes(step, &n);

	if (bytes == NULL)
		return xstrdup("a \"text\" or hex 00 01 is wanted");
	if (stage_parcels(s) == NULL) {
		free(bytes);
		return xstrdup("the profile takes no datagrams");
	}
	parcels_send(stage_parcels(s), &p->src, &p->dest,
	    p->name[0] != '\0' ? p->name : NULL, bytes, n);
	free(bytes);
	return NULL;
}

static bool
wanted_answer(void *arg)
{
	const struct wanted *w = arg;
	const void *bytes;
	size_t n;

	return stage_parcels(w->stage) != NULL &&
	    parcels_answer(stage_parcels(w->stage), &bytes, &n);
}

/* Compares a whole datagram. */
static char *
step_answer(struct stage *s, const struct step *step)
{
	struct wanted w = { .stage = s };
	char *bytes = step_bytes(step, &w.n), *wrong = NULL;
	const void *got;
	size_t n;

	if (bytes == NULL)
		return xstrdup("a \"text\" or hex 00 01 is wanted");
	if (!stage_wait(s, step_later(STEP_PATIENCE), wanted_answer,
	    &w)) {
		free(bytes);
		return xstrdup("no datagram came");
	}
	parcels_answer(stage_parcels(s), &got, &n);
	if (n != w.n || memcmp(got, bytes, n) != 0) {
		char *said = dialogue_quote(got, n);
		char *want = dialogue_quote(bytes, w.n);

		wrong = xasprintf("it should answer %s, and it answered %s",
		    want, said);
		free(said);
		free(want);
	}
	parcels_take(stage_parcels(s));
	free(bytes);
	return wrong;
}

static char *
step_no_answer(struct stage *s, const struct step *step)
{
	double seconds = step_seconds(step);
	struct wanted w = { .stage = s };

	if (seconds < 0)
		return xstrdup("seconds are wanted");
	if (stage_wait(s, step_later(seconds), wanted_answer, &w))
		return xstrdup("it should not answer, and it did");
	return NULL;
}

static char *
step_hangup(struct stage *s, const struct step *step A_UNUSED)
{
	stage_wait(s, clock_mono() + 1000000, NULL, NULL);
	stage_hangup(s);
	return NULL;
}

static char *
step_closed(struct stage *s, const struct step *step A_UNUSED)
{
	struct wanted w = { .stage = s };

	if (!stage_wait(s, step_later(STEP_PATIENCE), wanted_end, &w))
		return xstrdup("the session should have ended");
	return NULL;
}

static char *
step_match(struct stage *s, const struct step *step)
{
	const char *rest;
	char *error = NULL, *bytes;
	int low, high, at, score;
	size_t n;

	if (sscanf(step->text, "%d %d %n", &low, &high, &at) != 2 ||
	    (bytes = dialogue_bytes(step->text + at, &n, &rest)) == NULL)
		return xstrdup("match LOW HIGH \"text\" is wanted");
	score = stage_match(s, bytes, n, &error);
	free(bytes);
	if (error != NULL)
		return error;
	score = score < 0 ? 0 : score; /* "never" */
	if (score < low || score > high)
		return xasprintf("match should give %d to %d, and gives %d",
		    low, high, score);
	return NULL;
}

/* dest ADDRESS:PORT [NAME] */
static char *
step_dest(struct stage *s, const struct step *step)
{
	struct stage_peers *p = stage_peers(s);
	char host[64];
	unsigned port;
	int got = sscanf(step->text, "%63[0-9a-fA-F.:]:%u %255s", host, &port,
	    p->name);

	if (got < 1)
		return xstrdup("dest ADDRESS:PORT [NAME] is wanted");
	char *colon = strrchr(host, ':');
	if (colon == NULL || addr_parse(&p->dest, (*colon = '\0', host)) < 0)
		return xstrdup("dest ADDRESS:PORT [NAME] is wanted");
	p->dest.port = (uint16_t)atoi(colon + 1);
	p->name[0] = '\0';
	sscanf(step->text, "%*s %255s", p->name);
	return NULL;
}

static char *
step_peer(struct stage *s, const struct step *step)
{
	if (addr_parse(&stage_peers(s)->src, step->text) < 0)
		return xstrdup("peer ADDRESS is wanted");
	stage_peers(s)->src.port = 40000;
	return NULL;
}

static char *
step_expect_count(struct stage *s, const char *text, long low, long high)
{
	char *wrong = NULL, *list;
	long count = expect_count(stage_events(s), text, &wrong);

	if (wrong != NULL || (count >= low && count <= high))
		return wrong;
	list = expect_list(stage_events(s), text);
	wrong = xasprintf("%ld such events in the journal; of the type:%s",
	    count, *list != '\0' ? list : " none");
	free(list);
	return wrong;
}

static char *
step_event(struct stage *s, const struct step *step)
{
	return step_expect_count(s, step->text, 1, 1000000);
}

static char *
step_no_event(struct stage *s, const struct step *step)
{
	return step_expect_count(s, step->text, 0, 0);
}

static char *
step_events(struct stage *s, const struct step *step)
{
	char *type;
	long count = strtol(step->text, &type, 10);

	if (type == step->text || *type != ' ')
		return xstrdup("events COUNT TYPE [KEY=VALUE]... is wanted");
	return step_expect_count(s, type + 1, count, count);
}

static const struct step_kind step_kinds[] = {
	{ ">", step_say, true },
	{ "<", step_hear, true },
	{ "<*", step_find, true },
	{ "quiet", step_quiet, true },
	{ "wait", step_wait, true },
	{ "drain", step_drain, true },
	{ "hangup", step_hangup, true },
	{ "closed", step_closed, true },
	{ "connect", step_connect, false },
	{ "tls", step_tls, false },
	{ "datagram", step_datagram, false },
	{ "answer", step_answer, false },
	{ "no-answer", step_no_answer, false },
	{ "match", step_match, false },
	{ "dest", step_dest, false },
	{ "peer", step_peer, false },
	{ "event", step_event, false },
	{ "no-event", step_no_event, false },
	{ "events", step_events, false },
};

const struct step_kind *
step_kind_find(const char *word)
{
	for (size_t i = 0; i < sizeof step_kinds / sizeof *step_kinds; i++)
		if (strcmp(step_kinds[i].word, word) == 0)
			return &step_kinds[i];
	return NULL;
}

const char *
step_word(const struct step *step)
{
	return step->kind->word;
}

char *
step_play(struct stage *s, const struct step *step)
{
	bool connects = step->kind->talks && !stage_begun(s);

	if ((connects || step->kind->play == step_connect) &&
	    !stage_streams(s))
		return xstrdup("the profile takes no connections");
	if (connects)
		stage_connect(s);
	return step->kind->play(s, step);
}
