/*
 * Reads dialogues and plays them. A step is a word with its handler, in one
 * table; time passes on the test clock.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "base/clock.h"
#include "base/xmalloc.h"
#include "chat/dialogue.h"
#include "chat/expect.h"
#include "chat/stage.h"

/* How long a step waits for what it wants, seconds of the test clock. */
#define DIALOGUE_PATIENCE 120
#define DIALOGUE_SETTINGS 32

struct step;

struct step_kind {
	const char *word;
	/* NULL, or what is wrong, which the caller frees. */
	char *(*play)(struct stage *, const struct step *);
	bool talks; /* needs a session: connects if there is none */
};

struct step {
	const struct step_kind *kind;
	unsigned line;
	char *text; /* what stands behind the word */
};

struct dialogue {
	char *path, *profile;
	char *settings[DIALOGUE_SETTINGS + 1];
	size_t setting_count;
	struct step *steps;
	size_t count, played;
};

/* What a step that waits looks for. */
struct wanted {
	struct stage *stage;
	const char *bytes;
	size_t n;
};

static int64_t
dialogue_later(double seconds)
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
	stage_wait(s, dialogue_later(DIALOGUE_PATIENCE), wanted_length, &w);
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
	stage_wait(s, dialogue_later(DIALOGUE_PATIENCE), wanted_text, &w);
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
	stage_wait(s, dialogue_later(seconds), NULL, NULL);
	return NULL;
}

static char *
step_quiet(struct stage *s, const struct step *step)
{
	double seconds = step_seconds(step);
	struct wanted w = { .stage = s, .n = 1 };

	if (seconds < 0)
		return xstrdup("seconds are wanted");
	stage_wait(s, dialogue_later(seconds), wanted_length, &w);
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

	if (!stage_wait(s, dialogue_later(DIALOGUE_PATIENCE), wanted_end, &w))
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
	{ "match", step_match, false },
	{ "dest", step_dest, false },
	{ "peer", step_peer, false },
	{ "event", step_event, false },
	{ "no-event", step_no_event, false },
	{ "events", step_events, false },
};

/* Takes one line apart; NULL, or what is wrong with it. */
static const char *
dialogue_parse(struct dialogue *d, char *line, unsigned number)
{
	size_t n = strcspn(line, " ");
	char *rest = line + n + strspn(line + n, " ");

	if (line[n] != '\0')
		line[n] = '\0';
	if (strcmp(line, "profile") == 0) {
		free(d->profile);
		d->profile = xstrdup(rest);
		return NULL;
	}
	if (strcmp(line, "set") == 0) {
		if (d->setting_count == DIALOGUE_SETTINGS)
			return "too many settings";
		d->settings[d->setting_count++] = xstrdup(rest);
		return NULL;
	}
	for (size_t i = 0; i < sizeof step_kinds / sizeof *step_kinds; i++) {
		if (strcmp(step_kinds[i].word, line) != 0)
			continue;
		d->steps = xreallocarray(d->steps, d->count + 1,
		    sizeof *d->steps);
		d->steps[d->count++] = (struct step){ &step_kinds[i], number,
			xstrdup(rest) };
		return NULL;
	}
	return "no such step";
}

struct dialogue *
dialogue_read(const char *path, char **error)
{
	FILE *f = fopen(path, "re");
	struct dialogue *d;
	const char *wrong = NULL;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (f == NULL) {
		*error = xasprintf("%s: %s", path, strerror(errno));
		return NULL;
	}
	d = xcalloc(1, sizeof *d);
	d->path = xstrdup(path);
	for (unsigned number = 1; wrong == NULL &&
	    (n = getline(&line, &size, f)) > 0; number++) {
		while (n > 0 && strchr("\n\r ", line[n - 1]) != NULL)
			line[--n] = '\0';
		char *start = line + strspn(line, " \t");
		if (*start == '\0' || *start == '#')
			continue;
		if ((wrong = dialogue_parse(d, start, number)) != NULL)
			*error = xasprintf("%s:%u: %s: %s", path, number,
			    wrong, start);
	}
	free(line);
	fclose(f);
	if (wrong != NULL) {
		dialogue_free(d);
		return NULL;
	}
	return d;
}

void
dialogue_free(struct dialogue *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->count; i++)
		free(d->steps[i].text);
	for (size_t i = 0; i < d->setting_count; i++)
		free(d->settings[i]);
	free(d->steps);
	free(d->profile);
	free(d->path);
	free(d);
}

const char *
dialogue_profile(const struct dialogue *d)
{
	return d->profile;
}

const char *
dialogue_setting(const struct dialogue *d, size_t n)
{
	return n < d->setting_count ? d->settings[n] : NULL;
}

size_t
dialogue_steps(const struct dialogue *d)
{
	return d->played;
}

char *
dialogue_play(struct dialogue *d, struct stage *s)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct step *step = &d->steps[i];

		if (step->kind->talks && !stage_begun(s))
			stage_connect(s);
		char *wrong = step->kind->play(s, step);
		if (wrong != NULL) {
			char *text = xasprintf("%s:%u: %s: %s", d->path,
			    step->line, step->kind->word, wrong);
			free(wrong);
			return text;
		}
		d->played++;
	}
	return NULL;
}
