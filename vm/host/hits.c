/*
 * `function` events from the kernel's probe hits.
 */
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "base/xmalloc.h"
#include "coverage.h"
#include "events.h"
#include "hits.h"

#define HITS_COMPARED_MAX 20000
/* A function of the sample's that was called so often without anything that
 * was received will hardly be given it later. */
#define HITS_TAKERS_MAX 500
/* A block that ran so often is a loop. */
#define HITS_BLOCK_MAX 20000
/* So much of two texts is kept to tell a loop by. */
#define HITS_TEXT 64

struct hits {
	struct events *events;
	const struct guestclock *clock;
	const struct probes *probes;
	struct received *received;
	struct coverage *coverage;
	hits_enough_cb *enough;
	void *arg;
	unsigned compared;
	/* The comparison before this one. */
	struct hits_texts {
		int64_t pid;
		const struct probe *probe;
		size_t n[2];
		char text[2][HITS_TEXT];
	} last;
};

struct hits *
hits_new(struct events *events, const struct guestclock *clock,
    const struct probes *probes, struct received *received,
    hits_enough_cb *enough, void *arg)
{
	struct hits *h = xcalloc(1, sizeof *h);

	*h = (struct hits) { .events = events, .clock = clock,
		.probes = probes, .received = received, .enough = enough,
		.arg = arg };
	if (probes != NULL && probes->cover_count > 0)
		h->coverage = coverage_new(events, clock, probes);
	return h;
}

void
hits_free(struct hits *h)
{
	if (h == NULL)
		return;
	coverage_free(h->coverage);
	free(h);
}

/*
 * Is this the last comparison, a letter further on? Where a function's loop
 * leads back to its first instruction, each turn of it looks like a call.
 */
static bool
hits_goes_on(struct hits *h, const struct probe *b, int64_t pid,
    const char *const *text, const size_t *n)
{
	struct hits_texts *l = &h->last;
	bool on = l->pid == pid && l->probe == b;

	for (int i = 0; i < 2; i++) {
		size_t k = n[i] < HITS_TEXT ? n[i] : HITS_TEXT;

		on = on && l->n[i] == n[i] + 1 &&
		    memcmp(l->text[i] + 1, text[i],
			k < HITS_TEXT - 1 ? k : HITS_TEXT - 1) == 0;
	}
	l->pid = pid;
	l->probe = b;
	for (int i = 0; i < 2; i++) {
		l->n[i] = n[i];
		memcpy(l->text[i], text[i], n[i] < HITS_TEXT ? n[i] :
		    HITS_TEXT);
	}
	return on;
}

/* Two texts are compared: told if one of them came from outside. */
static void
hits_compare(struct hits *h, const struct probe *b,
    const struct tracebuf_event *e)
{
	const struct tracebuf_field *f[2] = {
		tracebuf_field(&b->entry, "s0"), tracebuf_field(&b->entry, "s1")
	};
	const char *text[2];
	size_t n[2];
	struct jsonw *j;

	for (int i = 0; i < 2; i++)
		if (f[i] == NULL || (text[i] = tracebuf_text(
		    &h->probes->order, e, f[i], &n[i])) == NULL)
			return;
	if (hits_goes_on(h, b, e->pid, text, n) ||
	    (!received_has(h->received, text[0], n[0]) &&
		!received_has(h->received, text[1], n[1])))
		return;
	if (h->compared++ >= HITS_COMPARED_MAX)
		return;
	j = events_begin(h->events, guestclock_from_mono(h->clock, e->time),
	    "function");
	jsonw_int(j, "pid", e->pid);
	jsonw_object(j, "function");
	jsonw_string(j, "name", b->name);
	jsonw_string(j, "action", "compare");
	jsonw_array(j, "args");
	for (int i = 0; i < 2; i++) {
		char *copy = xmemdup0(text[i], n[i]);

		jsonw_string(j, NULL, copy);
		free(copy);
	}
	jsonw_array_end(j);
	jsonw_object_end(j);
	events_end(h->events);
}

/* A probe that was hit again; when it is enough, the guest hears of it. */
static void
hits_count(struct hits *h, struct probe *b, unsigned most)
{
	if (++b->hits < most || b->over)
		return;
	b->over = true;
	if (h->enough != NULL)
		h->enough(h->arg, b->event);
}

static void
hits_hit(void *arg, const struct tracebuf_event *event)
{
	struct tracebuf_event copy = *event, *e = &copy;
	struct hits *h = arg;
	struct arguments args;
	const struct tracebuf_field *f;
	struct probe *b;
	struct jsonw *j;
	bool back, has_ret, takes;
	int64_t v;

	if (h->probes == NULL ||
	    (b = probes_find(h->probes, e, &back)) == NULL)
		return;
	if (b->kind == PROBE_COMPARE) {
		hits_compare(h, b, e);
		return;
	}
	if (b->kind == PROBE_BLOCK) {
		coverage_hit(h->coverage, b, e->pid, e->time);
		hits_count(h, b, HITS_BLOCK_MAX);
		return;
	}
	args = (struct arguments) { b, &h->probes->order, e, h->received };
	takes = !back && arguments_received(&args);
	if (b->takers_only && !takes) {
		hits_count(h, b, HITS_TAKERS_MAX);
		return;
	}
	j = events_begin(h->events, guestclock_from_mono(h->clock, e->time),
	    "function");
	jsonw_int(j, "pid", e->pid);
	jsonw_object(j, "function");
	jsonw_string(j, "name", b->name);
	jsonw_string(j, "action", back ? "return" : "entry");
	/* How many arguments a function of its own takes is not known. */
	if (!back && b->entry_only && !takes) {
		jsonw_array(j, "args");
		jsonw_array_end(j);
	} else if (!back) {
		arguments_write(&args, j);
	}
	if (takes)
		jsonw_bool(j, "takes_received", true);
	has_ret = back &&
	    (f = tracebuf_field(&b->back, "ret")) != NULL &&
	    tracebuf_number(&h->probes->order, e, f, &v) == 0;
	if (has_ret)
		jsonw_int(j, "ret", v);
	/* What was received: as long as the function says, and no more. */
	if (back && has_ret && v > 0 &&
	    (f = tracebuf_field(&b->back, "buf")) != NULL) {
		size_t n;
		const char *text = tracebuf_text(&h->probes->order, e, f, &n);

		if (text != NULL && n > (size_t)v)
			n = (size_t)v;
		if (text != NULL) {
			jsonw_bytes(j, "text", "base64", text, n);
			received_add(h->received, text, n);
		}
	}
	jsonw_object_end(j);
	events_end(h->events);
	if (back && h->coverage != NULL)
		coverage_return(h->coverage, b->address, e->pid);
}

void
hits_flush(struct hits *h)
{
	if (h->coverage != NULL)
		coverage_flush(h->coverage);
}

int64_t
hits_page(struct hits *h, const uint8_t *page, size_t n)
{
	if (h->probes == NULL)
		return 0;
	return tracebuf_page(&h->probes->order, page, n, hits_hit, h);
}
