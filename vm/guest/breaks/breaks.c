/*
 * Breakpoints in Thumb code, where the kernel's uprobes do not go. A process
 * has one tracer, and the sample's is strace: so this library is loaded into
 * strace (LD_PRELOAD), stands between it and wait4 and ptrace, and keeps the
 * stops at breakpoints of ours to itself. strace never hears of them.
 *
 *	wait4 → a stop at one of our addresses: arguments are read and written
 *	to the kernel's trace ring (trace_marker_raw), beside the uprobes' hits;
 *	the instruction is put back and, one step further on, the breakpoint
 *	again; the process goes on as strace last had it go on.
 *
 * What is wanted stands in BREAKS_FILE (breaks.h), written before the sample
 * starts; without it this library does nothing. 32-bit ARM only.
 */
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../breaks.h"

#define SPOTS_MAX 4096
#define TASKS_MAX 512
#define RETURNS_MAX 32
#define BREAK_THUMB 0xde01 /* arch/arm/kernel/ptrace.c: thumb_break_hook */
#define HIT_MAX 3000	   /* of a stay: a text of a page would not fit */
#define TEXT_MAX 256
#define CPSR_THUMB 0x20

enum { REG_LR = 14, REG_PC = 15, REG_SP = 13, REG_CPSR = 16, REGS = 18 };

/* An address that can have a breakpoint. */
struct spot {
	uint32_t address;  /* as in the file; the load base is added */
	uint16_t code;	   /* what stands there; valid once known */
	int known;
	uint32_t next[2];  /* where the instruction leads; 0: not known */
	int first;	   /* of its wishes, -1: a spot for steps and returns */
};

/* What is to be told of a spot: breaks.h. */
struct wish {
	int next, index, flags;
	unsigned hits, most;
	char fetch[160];
};

struct task {
	pid_t pid;
	long go_on;   /* how strace last let it go on */
	int lifted;   /* the spot whose breakpoint comes back, or -1 */
	uint32_t base; /* load address minus the file's */
	struct {
		int spot;
		int wish;
		uint32_t sp, buffer;
	} returns[RETURNS_MAX];
	int depth;
};

static struct spot spots[SPOTS_MAX];
static struct wish *wishes;
static struct task tasks[TASKS_MAX];
static int spot_count, wish_count, loaded, marker = -1;
static uint32_t entry_point;
static char sample[300];
static dev_t sample_dev;
static ino_t sample_ino;

static pid_t (*real_wait4)(pid_t, int *, int, struct rusage *);
static long (*real_ptrace)(long, ...);

static struct task *
task_find(pid_t pid, int make)
{
	struct task *unused = NULL;

	for (int i = 0; i < TASKS_MAX; i++) {
		if (tasks[i].pid == pid)
			return &tasks[i];
		if (tasks[i].pid == 0 && unused == NULL)
			unused = &tasks[i];
	}
	if (!make || unused == NULL)
		return NULL;
	memset(unused, 0, sizeof *unused);
	unused->pid = pid;
	unused->go_on = PTRACE_CONT;
	unused->lifted = -1;
	return unused;
}

static int
spot_find(uint32_t address, int make)
{
	for (int i = 0; i < spot_count; i++)
		if (spots[i].address == address)
			return i;
	if (!make || spot_count == SPOTS_MAX)
		return -1;
	spots[spot_count] = (struct spot) { .address = address, .first = -1 };
	return spot_count++;
}

/* --- the sample's memory --------------------------------------------------- */

static int
memory(pid_t pid, int write_it, uint32_t address, void *b, size_t n)
{
	char path[64];
	int fd;
	ssize_t k;

	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	fd = open(path, (write_it ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd == -1)
		return -1;
	k = write_it ? pwrite64(fd, b, n, address) :
	    pread64(fd, b, n, address);
	close(fd);
	return (int)k;
}

/* Puts the breakpoint of a spot into a process's memory. */
static void
spot_set(const struct task *t, int i)
{
	uint16_t trap = BREAK_THUMB;
	struct spot *s = &spots[i];

	if (!s->known) {
		if (memory(t->pid, 0, s->address + t->base, &s->code, 2) != 2)
			return;
		s->known = 1;
	}
	memory(t->pid, 1, s->address + t->base, &trap, 2);
}

static void
spot_clear(const struct task *t, int i)
{
	if (spots[i].known)
		memory(t->pid, 1, spots[i].address + t->base, &spots[i].code,
		    2);
}

/* Is a wish of this spot still to be told? */
static int
spot_wanted(int i)
{
	for (int w = spots[i].first; w != -1; w = wishes[w].next)
		if (wishes[w].hits < wishes[w].most)
			return 1;
	return 0;
}

static int
spot_returns(const struct task *t, int i)
{
	for (int k = 0; k < t->depth; k++)
		if (t->returns[k].spot == i)
			return 1;
	return 0;
}

/* The breakpoint that was lifted to let its instruction run comes back. */
static void
task_put_back(struct task *t)
{
	int i = t->lifted;

	t->lifted = -1;
	if (i == -1)
		return;
	for (int k = 0; k < 2; k++) {
		int step = spot_find(spots[i].next[k], 0);

		if (step != -1 && !spot_wanted(step) && !spot_returns(t, step))
			spot_clear(t, step);
	}
	if (spot_wanted(i) || spot_returns(t, i))
		spot_set(t, i);
}

/* --- what is told ------------------------------------------------------------ */

struct hit {
	uint32_t words[HIT_MAX / 4];
	size_t n, text; /* bytes of the head and fields; where texts go */
};

static int
text_at(const struct task *t, uint32_t address, char *b)
{
	size_t n = 0;

	/* Up to a page's end at a time: what lies behind may not be there. */
	while (n < TEXT_MAX - 1) {
		size_t k = 4096 - ((address + n) & 4095);
		int got;

		if (k > TEXT_MAX - 1 - n)
			k = TEXT_MAX - 1 - n;
		got = memory(t->pid, 0, address + (uint32_t)n, b + n, k);
		if (got <= 0)
			break;
		for (int i = 0; i < got; i++, n++)
			if (b[n] == '\0')
				return (int)n;
		if ((size_t)got < k)
			break;
	}
	if (n == 0)
		return -1;
	b[n] = '\0';
	return (int)n;
}

/* Appends a text: its field says where it stands, and how long it is. */
static void
hit_text(struct hit *h, size_t field, const struct task *t, uint32_t address)
{
	char b[TEXT_MAX];
	int n = text_at(t, address, b);

	h->words[field] = 0;
	if (n < 0 || h->text + (size_t)n + 1 > sizeof h->words)
		return;
	memcpy((char *)h->words + h->text, b, (size_t)n + 1);
	h->words[field] = (uint32_t)(h->text - BREAKS_HEAD) |
	    (uint32_t)(n + 1) << 16;
	h->text += (size_t)n + 1;
}

/* Fetches what a wish asks for: n0 s1 p1+4, see breaks.h. */
static void
hit_fetch(struct hit *h, const struct task *t, const char *fetch,
    const uint32_t *args)
{
	size_t field = BREAKS_HEAD / 4, count = 0;

	for (const char *c = fetch; *c != '\0'; c++)
		count += *c == ',';
	h->text = (field + count) * 4;
	while (*fetch != '\0') {
		unsigned reg = 0, offset = 0;
		uint32_t at;
		char kind = *fetch;

		sscanf(fetch + 1, "%u+%u", &reg, &offset);
		at = args[reg & 3];
		if (kind == 'n')
			h->words[field] = at;
		else if (kind == 's')
			hit_text(h, field, t, at);
		else if (memory(t->pid, 0, at + offset, &at, 4) == 4)
			hit_text(h, field, t, at);
		else
			h->words[field] = 0;
		field++;
		fetch += strcspn(fetch, ",") + 1;
	}
}

static void
hit_send(struct hit *h, const struct task *t, int index, int back)
{
	h->words[0] = BREAKS_MAGIC;
	h->words[1] = (uint32_t)index;
	h->words[2] = (uint32_t)back;
	h->words[3] = (uint32_t)t->pid;
	if (marker == -1)
		marker = open("/sys/kernel/tracing/trace_marker_raw",
		    O_WRONLY | O_CLOEXEC);
	if (write(marker, h->words, h->text) == -1 && errno == EBADF)
		marker = -1;
}

static void
tell_entry(struct task *t, int w, const uint32_t *regs)
{
	struct wish *x = &wishes[w];
	struct hit h = { .n = 0 };
	uint32_t back = regs[REG_LR];
	int i;

	hit_fetch(&h, t, x->fetch, regs);
	hit_send(&h, t, x->index, 0);
	/* Into code that is not Thumb no breakpoint of ours goes. */
	if ((x->flags & BREAKS_RETURN) == 0 || (back & 1) == 0 ||
	    t->depth == RETURNS_MAX ||
	    (i = spot_find((back & ~1u) - t->base, 1)) == -1)
		return;
	t->returns[t->depth].spot = i;
	t->returns[t->depth].wish = w;
	t->returns[t->depth].sp = regs[REG_SP];
	t->returns[t->depth++].buffer = regs[1];
	spot_set(t, i);
}

/* Tells the returns that end at this spot. */
static void
tell_returns(struct task *t, int spot, const uint32_t *regs)
{
	while (t->depth > 0 && t->returns[t->depth - 1].sp <= regs[REG_SP]) {
		struct hit h = { .n = 0 };
		struct wish *x = &wishes[t->returns[t->depth - 1].wish];
		uint32_t args[4] = { regs[0],
			t->returns[t->depth - 1].buffer };
		int same = t->returns[t->depth - 1].spot == spot;

		t->depth--;
		/* One that was left by longjmp has no return. */
		if (!same)
			continue;
		hit_fetch(&h, t, (x->flags & BREAKS_BUFFER) != 0 ? "n0,s1," :
		    "n0,", args);
		hit_send(&h, t, x->index, 1);
	}
}

/* --- stops --------------------------------------------------------------------- */

/* Reads BREAKS_FILE, once it is there: the tracer may start before. */
static void
load(void)
{
	char line[512];
	FILE *f;

	if (loaded)
		return;
	if ((f = fopen(BREAKS_FILE, "re")) == NULL)
		return;
	loaded = 1;
	while (fgets(line, sizeof line, f) != NULL) {
		struct wish w = { .next = -1 };
		unsigned address, next[2];
		int i;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "f %x %299s", &entry_point, sample) == 2)
			continue;
		if (sscanf(line, "t %d %x %x %x %d %u %159s", &w.index,
			&address, &next[0], &next[1], &w.flags, &w.most,
			w.fetch) < 6 || (i = spot_find(address, 1)) == -1)
			continue;
		spots[i].next[0] = next[0];
		spots[i].next[1] = next[1];
		w.next = spots[i].first;
		wishes = realloc(wishes, (size_t)(wish_count + 1) *
		    sizeof *wishes);
		if (wishes == NULL)
			_exit(1);
		spots[i].first = wish_count;
		wishes[wish_count++] = w;
	}
	fclose(f);
}

/* Is it the sample's file that runs now, whatever it is called meanwhile? */
static int
is_sample(pid_t pid)
{
	struct stat st, own;
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	if (stat(path, &st) == -1)
		return 0;
	if (sample_ino == 0 && stat(sample, &own) == 0) {
		sample_dev = own.st_dev;
		sample_ino = own.st_ino;
	}
	return st.st_dev == sample_dev && st.st_ino == sample_ino;
}

/* Where it was loaded, seen from the addresses in its file. */
static uint32_t
load_base(pid_t pid)
{
	uint32_t auxv[64];
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/auxv", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return 0;
	n = read(fd, auxv, sizeof auxv);
	close(fd);
	for (ssize_t i = 0; i + 2 <= n / 4; i += 2)
		if (auxv[i] == 9) /* AT_ENTRY */
			return auxv[i + 1] - entry_point;
	return 0;
}

static void
stop_exec(pid_t pid)
{
	struct task *t;

	load();
	if (wish_count == 0 || (t = task_find(pid, 1)) == NULL)
		return;
	t->depth = 0;
	t->lifted = -1;
	t->base = load_base(pid);
	if (!is_sample(pid))
		return;
	for (int i = 0; i < spot_count; i++)
		if (spot_wanted(i))
			spot_set(t, i);
}

/* A child begins with its parent's memory, and with what waits in it. */
static void
stop_fork(pid_t parent)
{
	struct task *t = task_find(parent, 0), *c;
	unsigned long child = 0;
	long go_on;

	if (wish_count == 0 || t == NULL || real_ptrace(PTRACE_GETEVENTMSG,
	    (long)parent, 0l, &child) == -1 ||
	    (c = task_find((pid_t)child, 1)) == NULL)
		return;
	go_on = c->go_on;
	*c = *t;
	c->pid = (pid_t)child;
	c->go_on = go_on;
}

/* A SIGTRAP: 1 if it is one of our breakpoints. */
static int
stop_trap(pid_t pid)
{
	uint32_t regs[REGS];
	struct task *t;
	int i;

	if (wish_count == 0 || real_ptrace(PTRACE_GETREGS, (long)pid, 0l,
	    regs) == -1 || (t = task_find(pid, 1)) == NULL)
		return 0;
	i = spot_find((regs[REG_PC] & ~1u) - t->base, 0);
	if (i == -1 || !spots[i].known)
		return 0;
	task_put_back(t);
	tell_returns(t, i, regs);
	for (int w = spots[i].first; w != -1; w = wishes[w].next)
		if (wishes[w].hits++ < wishes[w].most)
			tell_entry(t, w, regs);
	spot_clear(t, i);
	if (!spot_wanted(i) && !spot_returns(t, i))
		return 1;
	/* It comes back one step on; or, where that is not known, with the
	 * next stop of any kind. */
	t->lifted = i;
	for (int k = 0; k < 2; k++) {
		int step = spots[i].next[k] == 0 ? -1 :
		    spot_find(spots[i].next[k], 1);

		if (step != -1 && step != i)
			spot_set(t, step);
	}
	return 1;
}

/* What stopped, and whether that is ours alone: then it goes on. */
static int
stop(pid_t pid, int status)
{
	struct task *t;

	if (!WIFSTOPPED(status)) {
		if ((t = task_find(pid, 0)) != NULL)
			t->pid = 0;
		return 0;
	}
	switch (status >> 16) {
	case PTRACE_EVENT_EXEC:
		stop_exec(pid);
		return 0;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		stop_fork(pid);
		return 0;
	case 0:
		break;
	default:
		return 0;
	}
	if (WSTOPSIG(status) == SIGTRAP && stop_trap(pid)) {
		real_ptrace(task_find(pid, 1)->go_on, (long)pid, 0l, 0l);
		return 1;
	}
	t = wish_count > 0 ? task_find(pid, 0) : NULL;
	if (t != NULL && t->lifted != -1)
		task_put_back(t);
	return 0;
}

pid_t
wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
	pid_t got;
	int st = 0;

	if (real_wait4 == NULL)
		*(void **)&real_wait4 = dlsym(RTLD_NEXT, "wait4");
	if (real_ptrace == NULL)
		*(void **)&real_ptrace = dlsym(RTLD_NEXT, "ptrace");
	do {
		got = real_wait4(pid, &st, options, usage);
	} while (got > 0 && stop(got, st));
	if (status != NULL)
		*status = st;
	return got;
}

long
ptrace(enum __ptrace_request request, ...)
{
	struct task *t;
	va_list ap;
	long pid, address, data;

	va_start(ap, request);
	pid = va_arg(ap, long);
	address = va_arg(ap, long);
	data = va_arg(ap, long);
	va_end(ap);
	if (real_ptrace == NULL)
		*(void **)&real_ptrace = dlsym(RTLD_NEXT, "ptrace");
	if (((long)request == PTRACE_SYSCALL || (long)request == PTRACE_CONT) &&
	    (t = task_find((pid_t)pid, 1)) != NULL)
		t->go_on = (long)request;
	return real_ptrace((long)request, pid, address, data);
}
