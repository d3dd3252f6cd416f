/*
 * Which commands' memory is asked for.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "dump.h"
#include "link.h"

/* Dumps of one run: each may take some MiB of the disk. */
#define DUMP_MAX 64

struct dump {
	char *const *patterns;
	uint64_t commands[DUMP_MAX]; /* in the order of their turn */
	size_t count, next;	     /* taken; the one after the one that is on */
	bool on;
};

struct dump *
dump_new(char *const *patterns)
{
	struct dump *d = xcalloc(1, sizeof *d);

	d->patterns = patterns;
	return d;
}

void
dump_free(struct dump *d)
{
	free(d);
}

static bool
dump_matches(const char *pattern, const struct link_command *c)
{
	size_t n = strcspn(c->text, "\r\n");
	char *text, *end;
	uint64_t id = strtoull(pattern, &end, 10);
	bool match;

	if (end != pattern && *end == '\0')
		return id == c->id;
	text = xmemdup0(c->text, n);
	match = fnmatch(pattern, c->name, FNM_CASEFOLD) == 0 ||
	    fnmatch(pattern, text, FNM_CASEFOLD) == 0;
	free(text);
	return match;
}

bool
dump_take(struct dump *d, const struct link_command *c)
{
	bool wanted = false;

	for (size_t i = 0; i < d->count; i++)
		if (d->commands[i] == c->id)
			return false;
	for (char *const *p = d->patterns; *p != NULL && !wanted; p++)
		wanted = dump_matches(*p, c);
	if (!wanted || d->count == DUMP_MAX)
		return false;
	d->commands[d->count++] = c->id;
	return true;
}

uint64_t
dump_begin(struct dump *d)
{
	if (d->on || d->next == d->count)
		return 0;
	d->on = true;
	return d->commands[d->next++];
}

uint64_t
dump_command(const struct dump *d)
{
	return d->on ? d->commands[d->next - 1] : 0;
}

void
dump_end(struct dump *d)
{
	d->on = false;
}
