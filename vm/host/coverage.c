/*
 * `coverage` events.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#define uthash_fatal(msg) fatal("%s", msg)
#include <uthash.h>

#include "base/xmalloc.h"
#include "coverage.h"
#include "events.h"

#define COVERAGE_PROCESSES_MAX 5000

/* One stay of one process in one function. */
struct coverage_stay {
	struct coverage_key {
		int64_t pid;
		uint64_t cover;
	} key;
	int64_t first, last;
	bool entered; /* through its beginning, in this process */
	uint32_t *hits;
	UT_hash_handle hh;
};

struct coverage {
	struct events *events;
	const struct guestclock *clock;
	const struct probes *probes;
	struct coverage_stay *stays;
	bool *told; /* which functions have been described */
};

struct coverage *
coverage_new(struct events *events, const struct guestclock *clock,
    const struct probes *probes)
{
	struct coverage *c = xcalloc(1, sizeof *c);

	*c = (struct coverage) { .events = events, .clock = clock,
		.probes = probes };
	c->told = xcalloc(probes->cover_count + 1, sizeof *c->told);
	return c;
}

static void
coverage_address(struct jsonw *j, const char *key, uint64_t address)
{
	char text[24];

	snprintf(text, sizeof text, "0x%llx", (unsigned long long)address);
	jsonw_string(j, key, text);
}

/* Begins an event about a function, its object open. */
static struct jsonw *
coverage_begin(struct coverage *c, const struct probes_cover *cover,
    int64_t time, int64_t pid, const char *state)
{
	struct jsonw *j = events_begin(c->events,
	    guestclock_from_mono(c->clock, time), "coverage");

	if (pid > 0)
		jsonw_int(j, "pid", pid);
	jsonw_object(j, "coverage");
	jsonw_string(j, "state", state);
	jsonw_string(j, "function", cover->name);
	return j;
}

static void
coverage_end(struct coverage *c, struct jsonw *j)
{
	jsonw_object_end(j);
	events_end(c->events);
}

/* What its blocks are: once, before the first count. */
static void
coverage_describe(struct coverage *c, size_t which, int64_t time)
{
	const struct probes_cover *cover = &c->probes->covers[which];
	const struct blocks *b = &cover->blocks;
	struct jsonw *j;

	if (c->told[which])
		return;
	c->told[which] = true;
	j = coverage_begin(c, cover, time, 0, "blocks");
	coverage_address(j, "start", b->start);
	coverage_address(j, "end", b->end);
	jsonw_array(j, "blocks");
	for (size_t i = 0; i < b->count; i++) {
		jsonw_object(j, NULL);
		coverage_address(j, "at", b->list[i].address);
		if (b->list[i].calls[0] != NULL) {
			jsonw_array(j, "calls");
			for (size_t k = 0; k < BLOCKS_CALLS &&
			     b->list[i].calls[k] != NULL; k++)
				jsonw_string(j, NULL, b->list[i].calls[k]);
			jsonw_array_end(j);
		}
		jsonw_object_end(j);
	}
	jsonw_array_end(j);
	jsonw_uint(j, "unknown_jumps", b->indirect);
	jsonw_array(j, "unknown_at");
	for (unsigned i = 0; i < b->indirect && i < BLOCKS_UNKNOWN; i++)
		coverage_address(j, NULL, b->unknown[i]);
	jsonw_array_end(j);
	jsonw_uint(j, "guessed_tables", b->guessed);
	jsonw_uint(j, "jumps_outside", b->outside);
	jsonw_uint(j, "left_out", b->left_out);
	coverage_end(c, j);
}

static void
coverage_tell(struct coverage *c, struct coverage_stay *s)
{
	const struct probes_cover *cover = &c->probes->covers[s->key.cover];
	struct jsonw *j = coverage_begin(c, cover, s->first, s->key.pid,
	    "hits");

	jsonw_bool(j, "entered", s->entered);
	jsonw_real(j, "duration", (double)(s->last - s->first) / 1e9);
	/* [block's number, how often] */
	jsonw_array(j, "hits");
	for (size_t i = 0; i < cover->blocks.count; i++) {
		if (s->hits[i] == 0)
			continue;
		jsonw_array(j, NULL);
		jsonw_uint(j, NULL, i);
		jsonw_uint(j, NULL, s->hits[i]);
		jsonw_array_end(j);
	}
	jsonw_array_end(j);
	coverage_end(c, j);
	HASH_DEL(c->stays, s);
	free(s->hits);
	free(s);
}

static struct coverage_stay *
coverage_find(struct coverage *c, int64_t pid, size_t cover)
{
	struct coverage_key key;
	struct coverage_stay *s;

	memset(&key, 0, sizeof key);
	key.pid = pid;
	key.cover = cover;
	HASH_FIND(hh, c->stays, &key, sizeof key, s);
	return s;
}

void
coverage_hit(struct coverage *c, const struct probe *b, int64_t pid,
    int64_t time)
{
	const struct blocks *blocks = &c->probes->covers[b->cover].blocks;
	bool entry = blocks->list[b->block].address == blocks->start;
	struct coverage_stay *s = coverage_find(c, pid, b->cover);

	coverage_describe(c, b->cover, time);
	if (s != NULL && entry) {
		coverage_tell(c, s);
		s = NULL;
	}
	if (s == NULL) {
		if (HASH_COUNT(c->stays) >= COVERAGE_PROCESSES_MAX)
			coverage_tell(c, c->stays);
		s = xcalloc(1, sizeof *s);
		s->key.pid = pid;
		s->key.cover = b->cover;
		s->first = time;
		s->entered = entry;
		s->hits = xcalloc(blocks->count, sizeof *s->hits);
		HASH_ADD(hh, c->stays, key, sizeof s->key, s);
	}
	s->last = time;
	s->hits[b->block]++;
}

void
coverage_return(struct coverage *c, uint64_t address, int64_t pid)
{
	for (size_t i = 0; i < c->probes->cover_count; i++) {
		struct coverage_stay *s;

		if (c->probes->covers[i].blocks.start == address &&
		    (s = coverage_find(c, pid, i)) != NULL)
			coverage_tell(c, s);
	}
}

void
coverage_flush(struct coverage *c)
{
	while (c->stays != NULL)
		coverage_tell(c, c->stays);
}

void
coverage_free(struct coverage *c)
{
	struct coverage_stay *s, *next;

	if (c == NULL)
		return;
	HASH_ITER(hh, c->stays, s, next) {
		HASH_DEL(c->stays, s);
		free(s->hits);
		free(s);
	}
	free(c->told);
	free(c);
}
