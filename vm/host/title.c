/*
 * What a process calls itself.
 */
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/xmalloc.h"
#include "events.h"
#include "guestclock.h"
#include "title.h"

#define TITLE_HEAD 12
/* Words beyond this are not told. */
#define TITLE_WORDS 64

int
title_parse(struct title *t, const struct ctlframe *f)
{
	const char *text = (const char *)f->payload + TITLE_HEAD, *end;

	if (f->type != FRAME_TITLE || f->length < TITLE_HEAD + 1)
		return -1;
	end = memchr(text, '\0', f->length - TITLE_HEAD);
	if (end == NULL)
		return -1;
	t->pid = ctlframe_get32(f->payload);
	t->time = (int64_t)ctlframe_get64(f->payload + 4);
	t->name = text;
	t->words = end + 1;
	t->words_n = f->length - TITLE_HEAD - (size_t)(t->words - text);
	return t->pid > 0 && t->time >= 0 ? 0 : -1;
}

void
title_write(const struct title *t, const struct callevent *out)
{
	const char *p = t->words, *end = p + t->words_n;
	bool cut = t->words_n >= TITLE_WORDS_MAX;
	struct jsonw *j = events_begin(out->events,
	    guestclock_from_wall(out->clock, t->time), "process");

	/* What was written over with zeros: no words behind the last. */
	while (end > p && end[-1] == '\0')
		end--;
	jsonw_int(j, "pid", t->pid);
	jsonw_object(j, "process");
	jsonw_string(j, "action", "title");
	jsonw_string(j, "name", t->name);
	jsonw_array(j, "argv");
	for (size_t i = 0; i < TITLE_WORDS && p < end; i++) {
		size_t n = strnlen(p, (size_t)(end - p));
		char *word = xmemdup0(p, n);

		jsonw_string(j, NULL, word);
		free(word);
		p += n + 1;
	}
	jsonw_array_end(j);
	if (cut || p < end)
		jsonw_bool(j, "truncated", true);
	jsonw_object_end(j);
	events_end(out->events);
}
