/*
 * From the tracers' streams to events: whose lines are whose. What an event
 * looks like is left to callevent.c and hits.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No memory is fatal everywhere here. */
#define uthash_fatal(msg) fatal("%s", msg)
#include <uthash.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "callevent.h"
#include "emulator.h"
#include "hits.h"
#include "pending.h"
#include "protocol.h"
#include "received.h"
#include "sockets.h"
#include "step.h"
#include "tally.h"
#include "title.h"
#include "tracer.h"

/* A line of strace's is shorter; longer ones are not strace's. */
#define TRACER_LINE_MAX (128 << 10)
/* A page with its head. */
#define TRACER_PAGE_MAX (64 << 10)
/* A child waits so long, in lines, for the fork that made it. */
#define TRACER_HELD_MAX 256
#define TRACER_PROCESSES_MAX 20000

struct tracer_line {
	char *text;
	struct tracer_line *next;
};

struct tracer_process {
	int64_t pid;
	char *unfinished; /* a call's first half, or NULL */
	struct tracer_line *held, **held_end;
	unsigned held_count;
	bool known;  /* its fork has been told, or it is the sample itself */
	bool ours;   /* launcher or emulator: nothing of it is shown */
	struct emulator emulator;
	UT_hash_handle hh;
};

struct tracer {
	struct callevent out;
	struct hits *hits;
	struct tally *tally;
	struct sockets *sockets;
	struct received received;
	char *path;
	struct tracer_callbacks cb;
	void *arg;
	struct pending strace, ring, steps;
	struct tracer_process *processes;
	bool started, strace_over, ring_over, ring_broken, emulated;
	char exec_error[32];
};

static void tracer_handle(struct tracer *, struct tracer_process *,
    const char *, size_t);
static void tracer_release(struct tracer *, struct tracer_process *);

static bool
tracer_owns(void *arg, int64_t pid)
{
	return tally_has(arg, pid);
}

struct tracer *
tracer_new(struct events *events, const struct guestclock *clock,
    struct probes *probes, const char *path, const struct tracer_callbacks *cb,
    void *arg)
{
	struct tracer *t = xcalloc(1, sizeof *t);

	t->out = (struct callevent) { events, clock };
	t->hits = hits_new(events, clock, probes, &t->received, cb->enough,
	    arg);
	t->tally = tally_new();
	t->sockets = sockets_new(events, tracer_owns, t->tally);
	t->path = xstrdup(path);
	t->cb = *cb;
	t->arg = arg;
	return t;
}

void
tracer_emulated(struct tracer *t)
{
	t->emulated = true;
}

static void
tracer_process_free(struct tracer *t, struct tracer_process *p)
{
	HASH_DEL(t->processes, p);
	while (p->held != NULL) {
		struct tracer_line *next = p->held->next;

		free(p->held->text);
		free(p->held);
		p->held = next;
	}
	free(p->unfinished);
	free(p);
}

void
tracer_free(struct tracer *t)
{
	struct tracer_process *p, *next;

	if (t == NULL)
		return;
	HASH_ITER(hh, t->processes, p, next)
		tracer_process_free(t, p);
	hits_free(t->hits);
	sockets_free(t->sockets);
	tally_free(t->tally);
	pending_free(&t->strace);
	pending_free(&t->ring);
	pending_free(&t->steps);
	free(t->path);
	free(t);
}

/* The process of that number; a new one is not known yet. NULL: too many. */
static struct tracer_process *
tracer_process(struct tracer *t, int64_t pid)
{
	struct tracer_process *p;

	HASH_FIND(hh, t->processes, &pid, sizeof pid, p);
	if (p != NULL)
		return p;
	if (HASH_COUNT(t->processes) >= TRACER_PROCESSES_MAX)
		return NULL;
	p = xcalloc(1, sizeof *p);
	p->pid = pid;
	p->held_end = &p->held;
	HASH_ADD(hh, t->processes, pid, sizeof p->pid, p);
	return p;
}

void
tracer_stats(struct tracer *t)
{
	tally_write(t->tally, t->out.events);
}

static void
tracer_exec(struct tracer *t, const struct strace_line *l)
{
	struct strace_details d;

	strace_details(l, &d);
	if (!t->started) {
		/* The launcher becomes the sample, or fails to. */
		if (!d.has_path || d.path_n != strlen(t->path) ||
		    memcmp(d.path, t->path, d.path_n) != 0)
			return;
		if (!l->has_value || l->value != 0) {
			snprintf(t->exec_error, sizeof t->exec_error, "%.*s",
			    (int)(l->error.n < 31 ? l->error.n : 31),
			    l->error.n > 0 ? l->error.at : "?");
			return;
		}
		t->started = true;
		struct tracer_process *p, *next;
		HASH_ITER(hh, t->processes, p, next)
			p->ours = p->pid != l->pid;
		tracer_process(t, l->pid)->known = true;
		t->cb.started(t->arg,
		    guestclock_from_wall(t->out.clock, l->time), l->pid);
	}
	if (l->has_value && l->value == 0)
		callevent_exec(&t->out, l, &d);
}

/* A new process: told before anything that it does. */
static void
tracer_fork(struct tracer *t, const struct strace_line *l)
{
	int64_t child = strace_translated(l->ret);
	struct tracer_process *p;

	if (!l->has_value || l->value <= 0)
		return;
	if (child == -1)
		child = l->value;
	tally_process(t->tally, child);
	callevent_fork(&t->out, l, child);
	if ((p = tracer_process(t, child)) == NULL)
		return;
	if (t->emulated && text_find(l->args, "CLONE_THREAD") == -1)
		emulator_begin(&p->emulator, EMULATOR_FORK);
	tracer_release(t, p);
}

/* A call of the emulator's own; a thread that it starts is its own too. */
static void
tracer_emulator(struct tracer *t, const struct strace_line *l)
{
	int64_t child = strace_translated(l->ret);
	struct tracer_process *p;

	if (!text_is(l->name, "clone3") || !l->has_value || l->value <= 0)
		return;
	if ((p = tracer_process(t, child == -1 ? l->value : child)) == NULL)
		return;
	p->ours = true;
	tracer_release(t, p);
}

/* One whole call of the sample's, or of the launcher's before it. */
static void
tracer_call(struct tracer *t, const struct strace_line *l)
{
	static const char *const forks[] = { "clone", "clone3", "fork",
		"vfork" };
	struct strace_details d;

	if (text_is(l->name, "execve") || text_is(l->name, "execveat"))
		tracer_exec(t, l);
	if (!t->started)
		return;
	tally_call(t->tally, l->name, l->nr, l->pid);
	strace_details(l, &d);
	callevent_syscall(&t->out, l, &d);
	if (d.has_bytes && l->name.at[0] == 'r' && d.socket.proto[0] != '\0')
		received_add(&t->received, d.bytes, d.bytes_n);
	for (size_t i = 0; i < sizeof forks / sizeof *forks; i++)
		if (text_is(l->name, forks[i]))
			tracer_fork(t, l);
}

/* A process is over: what it was in the middle of never returned. */
static void
tracer_gone(struct tracer *t, struct tracer_process *p,
    const struct strace_line *l)
{
	if (p->unfinished != NULL) {
		char *line = xasprintf("%s) = ?", p->unfinished);

		free(p->unfinished);
		p->unfinished = NULL;
		tracer_handle(t, p, line, strlen(line));
		free(line);
	}
	if (t->started && !p->ours)
		callevent_end(&t->out, l);
	tracer_process_free(t, p);
}

/* A line of a process whose turn it is. */
static void
tracer_handle(struct tracer *t, struct tracer_process *p, const char *line,
    size_t n)
{
	struct strace_line l;
	char *whole;

	strace_parse(&l, line, n);
	switch (l.kind) {
	case STRACE_CALL:
		if (p->ours)
			break;
		if (emulator_owns(&p->emulator, &l)) {
			tracer_emulator(t, &l);
			break;
		}
		tracer_call(t, &l);
		if (t->emulated && t->started && text_is(l.name, "execve") &&
		    l.has_value && l.value == 0)
			emulator_begin(&p->emulator, EMULATOR_EXEC);
		break;
	case STRACE_UNFINISHED:
		free(p->unfinished);
		p->unfinished = xmemdup0(line,
		    (size_t)(l.args.at + l.args.n - line));
		break;
	case STRACE_RESUMED:
		if (p->unfinished == NULL)
			break;
		whole = xasprintf("%s%.*s", p->unfinished, (int)l.args.n,
		    l.args.at);
		free(p->unfinished);
		p->unfinished = NULL;
		tracer_handle(t, p, whole, strlen(whole));
		free(whole);
		break;
	case STRACE_SIGNAL:
		if (t->started && !p->ours)
			callevent_signal(&t->out, &l);
		break;
	case STRACE_EXITED:
	case STRACE_KILLED:
		tracer_gone(t, p, &l);
		break;
	case STRACE_OTHER:
		break;
	}
}

/* Puts a line aside until its process is known; then it comes again. */
static void
tracer_hold(struct tracer_process *p, const char *line, size_t n)
{
	struct tracer_line *h = xcalloc(1, sizeof *h);

	h->text = xmemdup0(line, n);
	*p->held_end = h;
	p->held_end = &h->next;
	p->held_count++;
}

/* Nobody said where a process came from: its lines come out as they are. */
static void
tracer_release(struct tracer *t, struct tracer_process *p)
{
	struct tracer_line *held = p->held;

	p->held = NULL;
	p->held_end = &p->held;
	p->known = true;
	while (held != NULL) {
		struct tracer_line *next = held->next;
		int64_t pid = p->pid;

		tracer_handle(t, p, held->text, strlen(held->text));
		free(held->text);
		free(held);
		held = next;
		/* Its last line may have ended it. */
		HASH_FIND(hh, t->processes, &pid, sizeof pid, p);
		if (p == NULL && held != NULL)
			p = tracer_process(t, pid);
	}
}

static void
tracer_line(void *arg, const char *line, size_t n)
{
	struct tracer *t = arg;
	struct tracer_process *p;
	struct strace_line l;

	if (n == sizeof STREAM_END - 1 && memcmp(line, STREAM_END, n) == 0) {
		tracer_flush(t);
		t->strace_over = true;
		if (tracer_complete(t))
			t->cb.ended(t->arg);
		return;
	}
	strace_parse(&l, line, n);
	if (l.kind == STRACE_OTHER || (p = tracer_process(t, l.pid)) == NULL) {
		tally_lose(t->tally, l.kind != STRACE_OTHER);
		return;
	}
	if (t->started && !p->known && !p->ours) {
		tracer_hold(p, line, n);
		if (p->held_count >= TRACER_HELD_MAX)
			tracer_release(t, p);
		return;
	}
	tracer_handle(t, p, line, n);
}

void
tracer_strace(struct tracer *t, const void *data, size_t n)
{
	pending_append(&t->strace, data, n);
	if (!pending_lines(&t->strace, TRACER_LINE_MAX, tracer_line, t))
		tally_lose(t->tally, 1);
}

/* A process that was made while its maker was not shown. */
static void
tracer_stepped_fork(struct tracer *t, const struct step *s)
{
	struct tracer_process *p = tracer_process(t, s->child);
	struct strace_line l = { .pid = s->pid, .time = s->time };

	if (s->thread)
		l.args = (struct text) { "CLONE_THREAD", 12 };
	tally_process(t->tally, s->child);
	callevent_fork(&t->out, &l, s->child);
	if (p != NULL)
		tracer_release(t, p);
}

static void
tracer_step(void *arg, const char *line, size_t n)
{
	struct tracer *t = arg;
	struct tracer_process *p;
	struct step s;

	if (!t->started || step_parse(&s, line, n) == -1)
		return;
	HASH_FIND(hh, t->processes, &s.pid, sizeof s.pid, p);
	if (p != NULL && p->ours)
		return;
	if (s.kind == STEP_FORK)
		tracer_stepped_fork(t, &s);
	else
		step_write(&s, &t->out);
	if (s.kind == STEP_LEVEL)
		tally_apart(t->tally, s.pid);
}

void
tracer_title(struct tracer *t, const struct ctlframe *f)
{
	struct tracer_process *p;
	struct title title;

	if (!t->started || title_parse(&title, f) == -1)
		return;
	HASH_FIND(hh, t->processes, &title.pid, sizeof title.pid, p);
	if (p == NULL || !p->ours)
		title_write(&title, &t->out);
}

void
tracer_sockets(struct tracer *t, const char *data, size_t n)
{
	sockets_take(t->sockets, data, n);
}

void
tracer_steps(struct tracer *t, const char *data, size_t n)
{
	pending_append(&t->steps, data, n);
	pending_lines(&t->steps, TRACER_LINE_MAX, tracer_step, t);
}

void
tracer_counts(struct tracer *t, const char *data, size_t n)
{
	/* Under an emulator the kernel counts the emulator's calls too. */
	if (!t->emulated)
		tally_kernel(t->tally, data, n);
}

void
tracer_ring(struct tracer *t, const void *data, size_t n)
{
	struct pending *in = &t->ring;
	size_t at = 0;

	if (t->ring_broken || t->ring_over)
		return;
	pending_append(in, data, n);
	while (in->n - at >= 4) {
		const uint8_t *p = in->data + at;
		size_t k = (size_t)p[0] << 24 | (size_t)p[1] << 16 |
		    (size_t)p[2] << 8 | p[3];
		int64_t lost = 0;

		if (k > TRACER_PAGE_MAX) {
			log_warn("the probes' stream is broken: no more of it");
			t->ring_broken = t->ring_over = true;
			break;
		}
		if (in->n - at - 4 < k)
			break;
		at += 4 + k;
		if (k == 0)
			t->ring_over = true;
		else
			lost = hits_page(t->hits, p + 4, k);
		tally_lose(t->tally, lost > 0 ? (uint64_t)lost : lost < 0);
	}
	pending_consume(in, at);
	if (t->ring_over && tracer_complete(t))
		t->cb.ended(t->arg);
}

void
tracer_flush(struct tracer *t)
{
	struct tracer_process *p, *next;

	sockets_write(t->sockets);
	hits_flush(t->hits);
	/* Each step may free any process: begin again after it. */
again:
	HASH_ITER(hh, t->processes, p, next) {
		if (p->held != NULL) {
			tracer_release(t, p);
			goto again;
		}
		if (p->unfinished != NULL) {
			char *line = xasprintf("%s) = ?", p->unfinished);

			free(p->unfinished);
			p->unfinished = NULL;
			tracer_handle(t, p, line, strlen(line));
			free(line);
			goto again;
		}
	}
}

bool
tracer_complete(const struct tracer *t)
{
	return t->strace_over && t->ring_over;
}

const char *
tracer_exec_error(const struct tracer *t)
{
	return t->exec_error[0] == '\0' ? NULL : t->exec_error;
}
