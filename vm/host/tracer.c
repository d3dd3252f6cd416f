/*
 * From the tracers' streams to events.
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
#include "emulator.h"
#include "events.h"
#include "protocol.h"
#include "straceargs.h"
#include "tracer.h"

/* A line of strace's is shorter; longer ones are not strace's. */
#define TRACER_LINE_MAX (128 << 10)
/* A page with its head. */
#define TRACER_PAGE_MAX (64 << 10)
/* A child waits so long, in lines, for the fork that made it. */
#define TRACER_HELD_MAX 256
#define TRACER_PROCESSES_MAX 20000
#define TRACER_ARGS 64
#define TRACER_RECEIVED 8192
#define TRACER_COMPARED_MAX 20000

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

struct tracer_count {
	char name[32];
	uint64_t count;
	UT_hash_handle hh;
};

/* Every process that was ever the sample's. */
struct tracer_pid {
	int64_t pid;
	UT_hash_handle hh;
};

/* Bytes that wait for the rest of their line or page. */
struct tracer_input {
	uint8_t *data;
	size_t n, size;
	bool skip; /* until the next newline */
};

struct tracer {
	struct events *events;
	const struct guestclock *clock;
	struct probes *probes;
	char *path;
	struct tracer_callbacks cb;
	void *arg;
	struct tracer_input strace, ring;
	struct tracer_process *processes;
	struct tracer_count *counts, *kernel;
	struct tracer_pid *pids;
	struct tracer_input histogram;
	/* The last bytes that the sample received, oldest first. */
	char received[TRACER_RECEIVED];
	size_t received_n;
	unsigned compared;
	bool started, strace_over, ring_over, ring_broken, emulated;
	char exec_error[32];
	uint64_t lost;
};

static void tracer_handle(struct tracer *, struct tracer_process *,
    const char *, size_t);
static void tracer_release(struct tracer *, struct tracer_process *);

struct tracer *
tracer_new(struct events *events, const struct guestclock *clock,
    struct probes *probes, const char *path, const struct tracer_callbacks *cb,
    void *arg)
{
	struct tracer *t = xcalloc(1, sizeof *t);

	t->events = events;
	t->clock = clock;
	t->probes = probes;
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
	struct tracer_process *p, *next_p;
	struct tracer_count *c, *next_c;
	struct tracer_pid *i, *next_i;

	if (t == NULL)
		return;
	HASH_ITER(hh, t->processes, p, next_p)
		tracer_process_free(t, p);
	HASH_ITER(hh, t->counts, c, next_c) {
		HASH_DEL(t->counts, c);
		free(c);
	}
	HASH_ITER(hh, t->kernel, c, next_c) {
		HASH_DEL(t->kernel, c);
		free(c);
	}
	HASH_ITER(hh, t->pids, i, next_i) {
		HASH_DEL(t->pids, i);
		free(i);
	}
	free(t->histogram.data);
	free(t->strace.data);
	free(t->ring.data);
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

/* Remembers that this process is the sample's. */
static void
tracer_remember(struct tracer *t, int64_t pid)
{
	struct tracer_pid *i;

	HASH_FIND(hh, t->pids, &pid, sizeof pid, i);
	if (i != NULL || HASH_COUNT(t->pids) > 100000)
		return;
	i = xcalloc(1, sizeof *i);
	i->pid = pid;
	HASH_ADD(hh, t->pids, pid, sizeof i->pid, i);
}

static void
tracer_count(struct tracer_count **counts, struct text name, uint64_t n)
{
	struct tracer_count *c;
	char key[32] = "";

	if (name.n >= sizeof key)
		return;
	memcpy(key, name.at, name.n);
	HASH_FIND_STR(*counts, key, c);
	if (c == NULL) {
		if (HASH_COUNT(*counts) > 1000)
			return;
		c = xcalloc(1, sizeof *c);
		memcpy(c->name, key, sizeof key);
		HASH_ADD_STR(*counts, name, c);
	}
	c->count += n;
}

static int
tracer_by_name(const struct tracer_count *a, const struct tracer_count *b)
{
	return strcmp(a->name, b->name);
}

void
tracer_stats(struct tracer *t)
{
	struct jsonw *j = events_begin(t->events, clock_wall(), "stats");
	struct tracer_count *c, *next;

	HASH_SORT(t->counts, tracer_by_name);
	HASH_SORT(t->kernel, tracer_by_name);
	jsonw_object(j, "stats");
	jsonw_object(j, "syscalls");
	HASH_ITER(hh, t->counts, c, next)
		jsonw_uint(j, c->name, c->count);
	jsonw_object_end(j);
	if (t->kernel != NULL) {
		jsonw_object(j, "kernel");
		HASH_ITER(hh, t->kernel, c, next)
			jsonw_uint(j, c->name, c->count);
		jsonw_object_end(j);
	}
	jsonw_uint(j, "lost", t->lost);
	jsonw_object_end(j);
	events_end(t->events);
}

/* Begins an event of a process. */
static struct jsonw *
tracer_begin(struct tracer *t, int64_t guest_wall, const char *type,
    int64_t pid)
{
	struct jsonw *j = events_begin(t->events,
	    guestclock_from_wall(t->clock, guest_wall), type);

	jsonw_int(j, "pid", pid);
	return j;
}

static void
tracer_text(struct jsonw *j, const char *key, struct text text)
{
	char base64[40];

	snprintf(base64, sizeof base64, "%s_base64", key);
	jsonw_bytes(j, key, base64, text.at, text.n);
}

/* argv as execve's second argument shows it. */
static void
tracer_argv(struct jsonw *j, struct text list)
{
	struct text args[TRACER_ARGS];
	size_t count;

	jsonw_array(j, "argv");
	if (list.n >= 2 && list.at[0] == '[') {
		list.at++;
		list.n -= 2;
		count = strace_split(list, args, TRACER_ARGS);
		for (size_t i = 0; i < count && i < TRACER_ARGS; i++) {
			uint8_t b[STRACE_STRING];
			bool cut;
			size_t n = strace_string(args[i], b, sizeof b, &cut);
			char *text = xmemdup0(b, n);

			if (args[i].n > 0 && args[i].at[0] == '"')
				jsonw_string(j, NULL, text);
			free(text);
		}
	}
	jsonw_array_end(j);
}

static void
tracer_exec(struct tracer *t, const struct strace_line *l)
{
	struct text args[3] = { { "", 0 }, { "", 0 }, { "", 0 } };
	struct strace_details d;
	struct jsonw *j;

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
		t->cb.started(t->arg, guestclock_from_wall(t->clock, l->time),
		    l->pid);
	}
	if (!l->has_value || l->value != 0)
		return;
	strace_split(l->args, args, 3);
	j = tracer_begin(t, l->time, "process", l->pid);
	jsonw_object(j, "process");
	jsonw_string(j, "action", "exec");
	if (d.has_path)
		jsonw_bytes(j, "path", "path_base64", d.path, d.path_n);
	tracer_argv(j, args[1]);
	jsonw_object_end(j);
	events_end(t->events);
}

/* A new process: told before anything that it does. */
static void
tracer_fork(struct tracer *t, const struct strace_line *l)
{
	int64_t child = strace_translated(l->ret);
	struct tracer_process *p;
	struct jsonw *j;

	if (!l->has_value || l->value <= 0)
		return;
	if (child == -1)
		child = l->value;
	j = tracer_begin(t, l->time, "process", l->pid);
	jsonw_object(j, "process");
	jsonw_string(j, "action", "fork");
	jsonw_int(j, "child", child);
	if (text_find(l->args, "CLONE_THREAD") != -1)
		jsonw_bool(j, "thread", true);
	jsonw_object_end(j);
	events_end(t->events);
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

/* Keeps what the sample received: comparisons with it are worth telling. */
static void
tracer_receive(struct tracer *t, const void *data, size_t n)
{
	size_t room = sizeof t->received - t->received_n;

	if (n > sizeof t->received)
		n = sizeof t->received;
	if (n > room) {
		memmove(t->received, t->received + (n - room),
		    t->received_n - (n - room));
		t->received_n -= n - room;
	}
	memcpy(t->received + t->received_n, data, n);
	t->received_n += n;
}

/* Has the sample received this text, in capitals or not? */
static bool
tracer_received(const struct tracer *t, const char *text, size_t n)
{
	for (size_t i = 0; n >= 2 && n <= t->received_n &&
	     i <= t->received_n - n; i++)
		if (strncasecmp(t->received + i, text, n) == 0)
			return true;
	return false;
}

static void
tracer_socket(struct jsonw *j, const struct strace_socket *s)
{
	char text[ADDR_TEXT_SIZE];

	if (s->proto[0] == '\0')
		return;
	jsonw_object(j, "socket");
	jsonw_string(j, "proto", s->proto);
	if (s->local.family != 0) {
		jsonw_string(j, "src_ip", addr_text(&s->local, text));
		jsonw_uint(j, "src_port", s->local.port);
	}
	if (s->remote.family != 0) {
		jsonw_string(j, "dest_ip", addr_text(&s->remote, text));
		jsonw_uint(j, "dest_port", s->remote.port);
	}
	jsonw_object_end(j);
}

static void
tracer_syscall(struct tracer *t, const struct strace_line *l)
{
	struct strace_details d;
	struct jsonw *j = tracer_begin(t, l->time, "syscall", l->pid);

	strace_details(l, &d);
	jsonw_object(j, "syscall");
	tracer_text(j, "name", l->name);
	if (l->nr >= 0)
		jsonw_int(j, "nr", l->nr);
	tracer_text(j, "args", l->args);
	if (l->has_value)
		jsonw_int(j, "ret", l->value);
	if (l->error.n > 0)
		tracer_text(j, "errno", l->error);
	if (text_find(l->ret, "(INJECTED)") != -1)
		jsonw_bool(j, "injected", true);
	if (l->duration >= 0)
		jsonw_real(j, "duration", l->duration);
	if (d.has_fd)
		jsonw_int(j, "fd", d.fd);
	tracer_socket(j, &d.socket);
	if (d.has_path)
		jsonw_bytes(j, "path", "path_base64", d.path, d.path_n);
	if (d.has_bytes) {
		jsonw_int(j, "length", d.length);
		jsonw_bytes(j, "text", "base64", d.bytes, d.bytes_n);
		if (l->name.at[0] == 'r' && d.socket.proto[0] != '\0')
			tracer_receive(t, d.bytes, d.bytes_n);
	}
	jsonw_object_end(j);
	events_end(t->events);
}

/* One whole call of the sample's, or of the launcher's before it. */
static void
tracer_call(struct tracer *t, const struct strace_line *l)
{
	static const char *const forks[] = { "clone", "clone3", "fork",
		"vfork" };

	if (text_is(l->name, "execve") || text_is(l->name, "execveat"))
		tracer_exec(t, l);
	if (!t->started)
		return;
	tracer_count(&t->counts, l->name, 1);
	tracer_remember(t, l->pid);
	for (size_t i = 0; i < sizeof forks / sizeof *forks; i++)
		if (text_is(l->name, forks[i])) {
			tracer_syscall(t, l);
			tracer_fork(t, l);
			return;
		}
	tracer_syscall(t, l);
}

/* A process is over: what it was in the middle of never returned. */
static void
tracer_gone(struct tracer *t, struct tracer_process *p,
    const struct strace_line *l)
{
	struct jsonw *j;

	if (p->unfinished != NULL) {
		char *line = xasprintf("%s) = ?", p->unfinished);

		free(p->unfinished);
		p->unfinished = NULL;
		tracer_handle(t, p, line, strlen(line));
		free(line);
	}
	if (t->started && !p->ours) {
		j = tracer_begin(t, l->time, "process", l->pid);
		jsonw_object(j, "process");
		jsonw_string(j, "action",
		    l->kind == STRACE_EXITED ? "exit" : "killed");
		if (l->kind == STRACE_EXITED)
			jsonw_int(j, "status", l->value);
		else
			tracer_text(j, "signal", l->name);
		jsonw_object_end(j);
		events_end(t->events);
	}
	tracer_process_free(t, p);
}

static void
tracer_signal(struct tracer *t, const struct strace_line *l)
{
	struct jsonw *j = tracer_begin(t, l->time, "process", l->pid);

	jsonw_object(j, "process");
	jsonw_string(j, "action", "signal");
	tracer_text(j, "signal", l->name);
	tracer_text(j, "info", l->args);
	jsonw_object_end(j);
	events_end(t->events);
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
			tracer_signal(t, &l);
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
tracer_line(struct tracer *t, const char *line, size_t n)
{
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
		t->lost += l.kind != STRACE_OTHER;
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

static void
tracer_append(struct tracer_input *in, const void *data, size_t n)
{
	if (in->size - in->n < n) {
		in->size = in->n + n + 4096;
		in->data = xreallocarray(in->data, in->size, 1);
	}
	memcpy(in->data + in->n, data, n);
	in->n += n;
}

static void
tracer_consume(struct tracer_input *in, size_t n)
{
	memmove(in->data, in->data + n, in->n - n);
	in->n -= n;
}

void
tracer_strace(struct tracer *t, const void *data, size_t n)
{
	struct tracer_input *in = &t->strace;
	size_t at = 0;

	if (n == 0)
		return;
	tracer_append(in, data, n);
	for (;;) {
		const uint8_t *start = in->data + at;
		const uint8_t *end = memchr(start, '\n', in->n - at);

		if (end == NULL)
			break;
		if (!in->skip)
			tracer_line(t, (const char *)start,
			    (size_t)(end - start));
		in->skip = false;
		at = (size_t)(end - in->data) + 1;
	}
	tracer_consume(in, at);
	if (in->n > TRACER_LINE_MAX) {
		in->n = 0;
		in->skip = true;
		t->lost++;
	}
}

/* Is it text that a person would take for text? A word that is no pointer
 * to any reads as a few odd bytes. */
static bool
tracer_printable(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((text[i] < ' ' && text[i] != '\n' && text[i] != '\r' &&
			text[i] != '\t') || text[i] > '~')
			return false;
	return n > 1;
}

/*
 * "{ id: sys_brk                    [ 45], common_pid:        87 } hitcount:
 * 5", one a line; other lines are the histogram's own.
 */
static void
tracer_histogram(struct tracer *t, const char *line)
{
	struct tracer_pid *i;
	unsigned long long n;
	char name[32];
	long long pid64;
	int64_t pid;

	if (sscanf(line, "{ id: sys_%31[a-z0-9_] [ %*d], common_pid: %lld } "
		"hitcount: %llu", name, &pid64, &n) != 3)
		return;
	pid = pid64;
	HASH_FIND(hh, t->pids, &pid, sizeof pid, i);
	if (i != NULL)
		tracer_count(&t->kernel, (struct text) { name, strlen(name) },
		    n);
}

void
tracer_counts(struct tracer *t, const char *data, size_t n)
{
	struct tracer_input *in = &t->histogram;
	size_t at = 0;

	/* Under an emulator the kernel counts the emulator's calls too. */
	if (n == 0 || t->emulated)
		return;
	tracer_append(in, data, n);
	for (;;) {
		char *start = (char *)in->data + at;
		char *end = memchr(start, '\n', in->n - at);

		if (end == NULL)
			break;
		*end = '\0';
		tracer_histogram(t, start);
		at = (size_t)(end - (char *)in->data) + 1;
	}
	tracer_consume(in, at);
	if (in->n > TRACER_LINE_MAX)
		in->n = 0;
}

/* The arguments of a function's entry. */
static void
tracer_entry_args(struct tracer *t, struct jsonw *j, const struct probe *b,
    const struct tracebuf_event *e)
{
	const struct tracebuf_order *o = &t->probes->order;
	int64_t count = 0;

	jsonw_array(j, "args");
	for (size_t i = 0; i < b->entry.count; i++) {
		const struct tracebuf_field *f = &b->entry.fields[i];
		const char *text;
		int64_t v;
		size_t n;

		if (strncmp(f->name, "common_", 7) == 0 ||
		    strncmp(f->name, "__probe", 7) == 0)
			continue;
		if (!f->text) {
			if (tracebuf_number(o, e, f, &v) == -1)
				continue;
			if (strcmp(f->name, "argc") == 0)
				count = v;
			jsonw_int(j, NULL, v);
			continue;
		}
		/* Words beyond argc are what an earlier command left. */
		if (b->kind == PROBE_ARGV && count-- <= 0)
			continue;
		text = tracebuf_text(o, e, f, &n);
		if (text == NULL) {
			if (b->kind == PROBE_ARGV)
				jsonw_null(j, NULL);
			continue;
		}
		if (b->kind == PROBE_NUMBERS && !tracer_printable(text, n))
			continue;
		char *copy = xmemdup0(text, n);
		jsonw_string(j, NULL, copy);
		free(copy);
	}
	jsonw_array_end(j);
}

/* Two texts are compared: told if one of them came from outside. */
static void
tracer_compare(struct tracer *t, const struct probe *b,
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
		    &t->probes->order, e, f[i], &n[i])) == NULL)
			return;
	if (!tracer_received(t, text[0], n[0]) &&
	    !tracer_received(t, text[1], n[1]))
		return;
	if (t->compared++ >= TRACER_COMPARED_MAX)
		return;
	j = events_begin(t->events, guestclock_from_mono(t->clock, e->time),
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
	events_end(t->events);
}

static void
tracer_hit(void *arg, const struct tracebuf_event *e)
{
	struct tracer *t = arg;
	const struct tracebuf_field *f;
	const struct probe *b;
	struct jsonw *j;
	bool back, has_ret;
	int64_t v;

	if (t->probes == NULL ||
	    (b = probes_find(t->probes, e->id, &back)) == NULL)
		return;
	if (b->kind == PROBE_COMPARE) {
		tracer_compare(t, b, e);
		return;
	}
	j = events_begin(t->events, guestclock_from_mono(t->clock, e->time),
	    "function");
	jsonw_int(j, "pid", e->pid);
	jsonw_object(j, "function");
	jsonw_string(j, "name", b->name);
	jsonw_string(j, "action", back ? "return" : "entry");
	if (!back)
		tracer_entry_args(t, j, b, e);
	has_ret = back &&
	    (f = tracebuf_field(&b->back, "ret")) != NULL &&
	    tracebuf_number(&t->probes->order, e, f, &v) == 0;
	if (has_ret)
		jsonw_int(j, "ret", v);
	/* What was received: as long as the function says, and no more. */
	if (back && has_ret && v > 0 &&
	    (f = tracebuf_field(&b->back, "buf")) != NULL) {
		size_t n;
		const char *text = tracebuf_text(&t->probes->order, e, f, &n);

		if (text != NULL && n > (size_t)v)
			n = (size_t)v;
		if (text != NULL) {
			jsonw_bytes(j, "text", "base64", text, n);
			tracer_receive(t, text, n);
		}
	}
	jsonw_object_end(j);
	events_end(t->events);
}

void
tracer_ring(struct tracer *t, const void *data, size_t n)
{
	struct tracer_input *in = &t->ring;
	size_t at = 0;

	if (t->ring_broken || t->ring_over)
		return;
	if (n == 0)
		return;
	tracer_append(in, data, n);
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
		else if (t->probes != NULL)
			lost = tracebuf_page(&t->probes->order, p + 4, k,
			    tracer_hit, t);
		t->lost += lost > 0 ? (uint64_t)lost : lost < 0;
	}
	tracer_consume(in, at);
	if (t->ring_over && tracer_complete(t))
		t->cb.ended(t->arg);
}

void
tracer_flush(struct tracer *t)
{
	struct tracer_process *p, *next;

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
