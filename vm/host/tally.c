/*
 * How often each system call was made.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No memory is fatal everywhere here. */
#define uthash_fatal(msg) fatal("%s", msg)
#include <uthash.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "events.h"
#include "pending.h"
#include "tally.h"

#define TALLY_LINE_MAX (128 << 10)
#define TALLY_NAMES_MAX 1000
#define TALLY_PIDS_MAX 100000
#define TALLY_APART_MAX 100
#define TALLY_NUMBERS 6000 /* MIPS counts its calls from 4000 and 5000 */

struct tally_count {
	char name[32];
	uint64_t count;
	UT_hash_handle hh;
};

/* Every process that was ever the sample's. */
struct tally_pid {
	int64_t pid;
	bool apart;
	struct tally_count *kernel; /* of it alone, if apart */
	UT_hash_handle hh;
};


struct tally {
	struct tally_count *shown, *kernel;
	char *names[TALLY_NUMBERS]; /* by number, as the tracer calls them */
	struct tally_pid *pids;
	struct pending histogram;
	unsigned apart; /* processes */
	uint64_t lost;
};

struct tally *
tally_new(void)
{
	return xcalloc(1, sizeof(struct tally));
}

static void
tally_counts_free(struct tally_count **counts)
{
	struct tally_count *c, *next;

	HASH_ITER(hh, *counts, c, next) {
		HASH_DEL(*counts, c);
		free(c);
	}
}

void
tally_free(struct tally *t)
{
	struct tally_pid *i, *next;

	if (t == NULL)
		return;
	tally_counts_free(&t->shown);
	tally_counts_free(&t->kernel);
	HASH_ITER(hh, t->pids, i, next) {
		HASH_DEL(t->pids, i);
		tally_counts_free(&i->kernel);
		free(i);
	}
	pending_free(&t->histogram);
	for (size_t n = 0; n < TALLY_NUMBERS; n++)
		free(t->names[n]);
	free(t);
}

void
tally_process(struct tally *t, int64_t pid)
{
	struct tally_pid *i;

	HASH_FIND(hh, t->pids, &pid, sizeof pid, i);
	if (i != NULL || HASH_COUNT(t->pids) > TALLY_PIDS_MAX)
		return;
	i = xcalloc(1, sizeof *i);
	i->pid = pid;
	HASH_ADD(hh, t->pids, pid, sizeof i->pid, i);
}

static void
tally_add(struct tally_count **counts, struct text name, uint64_t n)
{
	struct tally_count *c;
	char key[32] = "";

	if (name.n >= sizeof key)
		return;
	memcpy(key, name.at, name.n);
	HASH_FIND_STR(*counts, key, c);
	if (c == NULL) {
		if (HASH_COUNT(*counts) > TALLY_NAMES_MAX)
			return;
		c = xcalloc(1, sizeof *c);
		memcpy(c->name, key, sizeof key);
		HASH_ADD_STR(*counts, name, c);
	}
	c->count += n;
}

void
tally_call(struct tally *t, struct text name, int64_t nr, int64_t pid)
{
	tally_add(&t->shown, name, 1);
	tally_process(t, pid);
	if (nr >= 0 && nr < TALLY_NUMBERS && t->names[nr] == NULL)
		t->names[nr] = xmemdup0(name.at, name.n);
}

bool
tally_has(const struct tally *t, int64_t pid)
{
	struct tally_pid *i;

	HASH_FIND(hh, t->pids, &pid, sizeof pid, i);
	return i != NULL;
}

void
tally_apart(struct tally *t, int64_t pid)
{
	struct tally_pid *i;

	tally_process(t, pid);
	HASH_FIND(hh, t->pids, &pid, sizeof pid, i);
	if (i != NULL && t->apart < TALLY_APART_MAX && !i->apart) {
		i->apart = true;
		t->apart++;
	}
}

/*
 * The kernel names a call by the function behind it; here it is called as
 * strace calls it: as it was shown, or else by what is known of such functions.
 */
static const char *
tally_name(const struct tally *t, char *kernel, unsigned nr)
{
	static const struct {
		const char *kernel;
		unsigned nr; /* of i386 and ARM, or 0 for all */
		const char *name;
	} known[] = {
		{ "getrlimit", 191, "ugetrlimit" }, { "llseek", 0, "_llseek" },
		{ "mmap_pgoff", 0, "mmap2" }, { "newfstat", 0, "fstat" },
		{ "newlstat", 0, "lstat" }, { "newstat", 0, "stat" },
		{ "newuname", 0, "uname" }, { "select", 142, "_newselect" },
		{ "umount", 0, "umount2" },
	};
	char *end = strstr(kernel, "_time32");
	/* One call that carries many: strace shows those that it carries. */
	bool carrier = strcmp(kernel, "socketcall") == 0 ||
	    strcmp(kernel, "ipc") == 0;

	if (!carrier && nr < TALLY_NUMBERS && t->names[nr] != NULL)
		return t->names[nr];
	if (end != NULL)
		*end = '\0';
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(kernel, known[i].kernel) == 0 &&
		    (known[i].nr == 0 || known[i].nr == nr))
			return known[i].name;
	return kernel;
}

void
tally_lose(struct tally *t, uint64_t n)
{
	t->lost += n;
}

/*
 * "{ id: sys_brk                    [ 45], common_pid:        87 } hitcount:
 * 5", one a line; other lines are the histogram's own.
 */
static void
tally_line(void *arg, const char *line, size_t n)
{
	struct tally *t = arg;
	unsigned long long count;
	struct tally_pid *i;
	char *text, name[32];
	const char *called;
	long long pid64;
	unsigned nr;
	int64_t pid;
	int fields;

	text = xmemdup0(line, n);
	fields = sscanf(text, "{ id: sys_%31[a-z0-9_] [ %u], common_pid: "
	    "%lld } hitcount: %llu", name, &nr, &pid64, &count);
	free(text);
	if (fields != 4)
		return;
	pid = pid64;
	HASH_FIND(hh, t->pids, &pid, sizeof pid, i);
	if (i == NULL)
		return;
	called = tally_name(t, name, nr);
	tally_add(&t->kernel, (struct text) { called, strlen(called) }, count);
	if (i->apart)
		tally_add(&i->kernel,
		    (struct text) { called, strlen(called) }, count);
}

void
tally_kernel(struct tally *t, const char *data, size_t n)
{
	pending_append(&t->histogram, data, n);
	pending_lines(&t->histogram, TALLY_LINE_MAX, tally_line, t);
}

static int
tally_by_name(const struct tally_count *a, const struct tally_count *b)
{
	return strcmp(a->name, b->name);
}

static void
tally_counts(struct jsonw *j, const char *key, struct tally_count **counts)
{
	struct tally_count *c, *next;

	HASH_SORT(*counts, tally_by_name);
	jsonw_object(j, key);
	HASH_ITER(hh, *counts, c, next)
		jsonw_uint(j, c->name, c->count);
	jsonw_object_end(j);
}

/* The kernel's counts of the processes that were not shown in full. */
static void
tally_processes(struct tally *t, struct jsonw *j)
{
	struct tally_pid *i, *next;
	char key[24];

	if (t->apart == 0 || t->kernel == NULL)
		return;
	jsonw_object(j, "processes");
	HASH_ITER(hh, t->pids, i, next) {
		if (i->kernel == NULL)
			continue;
		snprintf(key, sizeof key, "%lld", (long long)i->pid);
		tally_counts(j, key, &i->kernel);
	}
	jsonw_object_end(j);
}

void
tally_write(struct tally *t, struct events *events)
{
	struct jsonw *j = events_begin(events, clock_wall(), "stats");

	jsonw_object(j, "stats");
	tally_counts(j, "syscalls", &t->shown);
	if (t->kernel != NULL)
		tally_counts(j, "kernel", &t->kernel);
	tally_processes(t, j);
	jsonw_uint(j, "lost", t->lost);
	jsonw_object_end(j);
	events_end(events);
}
