/*
 * stepper: makes strace step down by itself. strace runs the sample under a
 * seccomp filter that can't be taken off again; but a tracer may suspend it,
 * thread by thread (PTRACE_O_SUSPEND_SECCOMP, ptrace(2)), and goes on to hear
 * of forks, programs, signals and ends. Only the tracer itself may do that, so
 * this is loaded into strace and stands before two functions of libc's: wait4,
 * by which strace learns of a stop, and ptrace, by which it ends one.
 *
 * On MIPS strace has no filter but at the level full: elsewhere too many of the
 * calls are let through. There every call stops the sample, unless it goes on by
 * PTRACE_CONT: then that is done in place of it.
 *
 * What it does is told in lines on STEPPER_FD (protocol.h).
 */
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "callclass.h"
#include "preload.h"
#include "protocol.h"

/* Threads beyond this are not watched: they stay as they are. */
#define STEPPER_MAX 512
/* What was measured is judged so often, nanoseconds. */
#define STEPPER_WINDOW 125000000
/* strace slows the sample if it works for so large a part of that time. */
#define STEPPER_BUSY 20 /* percent */
/* A thread has its part in it with so many calls in a window, */
#define STEPPER_CALLS 3
/* in so many windows in a row, and so many calls in all of these, where they
 * send or are plain, */
#define STEPPER_STREAK 2
#define STEPPER_RUN 24
/* and so many where they are anything else: that is to be seen for longer. */
#define STEPPER_PATIENCE 16
/* A thread that receives with one call of so many reads its commands letter by
 * letter: whose bytes it had is never hidden. */
#define STEPPER_RECEIVES 3
/* An emulator begins with so many at the most: they are nobody's burst. */
#define STEPPER_EMULATOR 700
/* A thread that steps down is looked at so often, nanoseconds. */
#define STEPPER_LOOK 40000000
/* Asleep at so many looks in a row: its burst is over; more each time. */
#define STEPPER_CALM 1
#define STEPPER_CALM_MAX 8
/* What it does is told after so many. */
#define STEPPER_TELL 5
#define STEPPER_SIGNAL SIGUSR2
/* Not in glibc's header. */
#define STEPPER_SUSPEND_SECCOMP (1 << 21)
/* strace asks for registers only, and not which call it is, filter or none. */
#if defined(__mips__) && _MIPS_SIM == _ABIO32
#define STEPPER_REGISTERS 1
#else
#define STEPPER_REGISTERS 0
#endif

enum stepper_level { STEPPER_FULL, STEPPER_OBSERVE, STEPPER_FLOOD };
static const char *const stepper_names[] = { "full", "observe", "flood" };

struct stepper_thread {
	pid_t tid; /* 0: free */
	enum stepper_level level;
	int suspend;	 /* its filter is to be suspended when it goes on */
	int suspended;	 /* it is */
	int interrupted; /* it was asked to stop, for us alone */
	int starting;	 /* an emulator: so many calls are its own at most */
	int inside;	 /* a system call; known without a filter only */
	int entering;	 /* strace has been told of a call, which begins now */
	uint64_t nr, first; /* it, and its first argument */
	enum callclass class;
	int grave;	 /* it was one that may change more than itself */
	unsigned calls, packets, receives, plain; /* in this window */
	unsigned busy, run; /* windows in a row, and calls in them */
	unsigned calm, calm_wanted; /* looks in a row */
	unsigned long long ran; /* as of the last look */
	unsigned long long told; /* of that, nanoseconds */
	unsigned looks;	 /* since */
};

static struct stepper_thread stepper_threads[STEPPER_MAX];
static int stepper_top, stepper_lowered, stepper_alive, stepper_kept;
static enum stepper_level stepper_start;
static uintptr_t stepper_options;
static int64_t stepper_window, stepper_returned, stepper_worked;
static volatile sig_atomic_t stepper_woken;
static timer_t stepper_timer;
static long (*stepper_ptrace)(int, ...);
static pid_t (*stepper_wait4)(pid_t, int *, int, struct rusage *);

static int64_t
stepper_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct stepper_thread *
stepper_find(pid_t tid)
{
	for (int i = 0; i < stepper_top; i++)
		if (stepper_threads[i].tid == tid)
			return &stepper_threads[i];
	return NULL;
}

/* A line: what, the thread, the wall clock's time, and more. */
__attribute__((format(printf, 3, 4))) static void
stepper_say(const char *what, pid_t tid, const char *fmt, ...)
{
	int64_t now = stepper_now(CLOCK_REALTIME);
	char line[200];
	va_list ap;
	int n;

	n = snprintf(line, 100, "%s %d %lld.%09d ", what, tid,
	    (long long)(now / 1000000000), (int)(now % 1000000000));
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
	va_end(ap);
	line[n++] = '\n';
	if (write(STEPPER_FD, line, (size_t)n) != n) {
		/* Nobody listens: strace goes on all the same. */
	}
}

/* Wakes wait4 from time to time while any thread is below its level. */
static void
stepper_lower(int by)
{
	struct itimerspec off = { { 0, 0 }, { 0, 0 } };
	struct itimerspec on = { { 0, STEPPER_LOOK }, { 0, STEPPER_LOOK } };

	stepper_lowered += by;
	/* What isn't seen may close a descriptor. */
	names_forget();
	names_begin(stepper_lowered == 0 && stepper_start < STEPPER_FLOOD);
	if (stepper_lowered == (by > 0))
		timer_settime(stepper_timer, 0, stepper_lowered ? &on : &off,
		    NULL);
}

static void
stepper_change(struct stepper_thread *t, enum stepper_level level,
    int64_t rate, const char *reason)
{
	int was = t->level > stepper_start || t->suspend;

	stepper_say("level", t->tid, "%s %s %lld %s", stepper_names[t->level],
	    stepper_names[level], (long long)rate, reason);
	t->suspend = level == STEPPER_FLOOD &&
	    (stepper_start < STEPPER_FLOOD || !t->suspend);
	t->level = level;
	t->told = t->looks = 0;
	t->calm = t->busy = 0;
	stepper_lower((t->level > stepper_start || t->suspend) - was);
}

static int
stepper_filtered(void)
{
	return (stepper_options & PTRACE_O_TRACESECCOMP) != 0;
}

/* Puts the filter of a thread that stands still out of force, or in again. */
static void
stepper_apply(struct stepper_thread *t)
{
	uintptr_t options = stepper_options |
	    (t->suspend ? STEPPER_SUSPEND_SECCOMP : 0);

	if (!stepper_filtered()) {
		t->suspended = t->suspend;
		return;
	}
	if (t->suspended != t->suspend &&
	    stepper_ptrace(PTRACE_SETOPTIONS, t->tid, NULL, options) == 0)
		t->suspended = t->suspend;
}

/* Takes a thread back to where it began. */
static void
stepper_raise(struct stepper_thread *t, const char *reason)
{
	if (t->suspend || t->level > stepper_start)
		stepper_change(t, stepper_start, 0, reason);
	t->suspend = 0;
	stepper_apply(t);
}

/* A thread that is new: its maker may have handed its own state down. */
static struct stepper_thread *
stepper_add(pid_t tid)
{
	struct stepper_thread *t = stepper_find(0);

	if (t == NULL && stepper_top < STEPPER_MAX)
		t = &stepper_threads[stepper_top++];
	if (t == NULL)
		return NULL;
	stepper_alive++;
	*t = (struct stepper_thread) { .tid = tid, .level = stepper_start,
		.suspended = stepper_lowered > 0 && stepper_filtered(),
		.calm_wanted = STEPPER_CALM };
	return t;
}

static void
stepper_gone(struct stepper_thread *t)
{
	if (t->level > stepper_start || t->suspend)
		stepper_lower(-1);
	t->tid = 0;
	stepper_alive--;
	names_forget();
}

/* The window is over: has strace worked too much of it, and who for? */
static void
stepper_judge(struct stepper_thread *t, int busy, int64_t length)
{
	int64_t rate = (int64_t)t->calls * 1000000000 / length;

	t->busy = busy && t->calls >= STEPPER_CALLS ? t->busy + 1 : 0;
	t->run = t->busy > 0 ? t->run + t->calls : 0;
	/* Who asked for flood has waited enough after one. */
	if (t->busy >= (stepper_start == STEPPER_FLOOD ? 1 : STEPPER_STREAK) &&
	    t->run >= STEPPER_RUN && !t->suspend) {
		if (t->packets * 2 >= t->calls)
			stepper_change(t, STEPPER_FLOOD, rate, "packets");
		else if (t->level == STEPPER_FULL && t->plain * 2 >= t->calls)
			stepper_change(t, STEPPER_OBSERVE, rate, "calls");
		else if (t->busy >= STEPPER_PATIENCE &&
		    t->receives * STEPPER_RECEIVES < t->calls)
			stepper_change(t, STEPPER_FLOOD, rate, "calls");
	} else if (t->level > stepper_start && !t->suspend &&
	    t->calls <= STEPPER_CALLS) {
		stepper_raise(t, "calm");
	}
	t->calls = t->packets = t->receives = t->plain = 0;
}

static void
stepper_measure(int64_t now)
{
	int64_t length = now - stepper_window;
	int busy = stepper_worked > length * STEPPER_BUSY / 100;

	if (length < STEPPER_WINDOW || stepper_kept)
		return;
	for (int i = 0; i < stepper_top; i++)
		if (stepper_threads[i].tid != 0)
			stepper_judge(&stepper_threads[i], busy, length);
	stepper_window = now;
	stepper_worked = 0;
}

/* Reads a small file of /proc/TID. */
static int
stepper_read(pid_t tid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, text, size - 1);
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return n > 0 ? 0 : -1;
}

/* Has it slept since the last look? */
static int
stepper_asleep(struct stepper_thread *t)
{
	unsigned long long ran, user, system;
	char text[512], exact[64], state;
	const char *end;

	/* proc(5): state, ten more, then the time in ticks of 10 ms. */
	if (stepper_read(t->tid, "stat", text, sizeof text) == -1 ||
	    (end = strrchr(text, ')')) == NULL ||
	    sscanf(end + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
		"%llu %llu", &state, &user, &system) != 3)
		return 0;
	ran = (user + system) * 10000000;
	/* Better, where the kernel keeps it. */
	if (stepper_read(t->tid, "schedstat", exact, sizeof exact) == 0)
		ran = strtoull(exact, NULL, 10);
	if (state != 'S' || ran != t->ran) {
		t->ran = ran;
		return 0;
	}
	return 1;
}

/*
 * Whose burst is over? A thread can be given its filter back only when it
 * stands still, so it is asked to.
 */
static void
stepper_look(void)
{
	for (int i = 0; i < stepper_top; i++) {
		struct stepper_thread *t = &stepper_threads[i];

		if (t->tid == 0 || !t->suspended || t->interrupted)
			continue;
		t->calm = stepper_asleep(t) ? t->calm + 1 : 0;
		if (t->told == 0)
			t->told = t->ran;
		if (++t->looks >= STEPPER_TELL && t->ran > t->told) {
			stepper_say("busy", t->tid, "%llu",
			    t->ran - t->told);
			t->told = t->ran;
			t->looks = 0;
		}
		if (t->calm >= t->calm_wanted &&
		    stepper_ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL) == 0)
			t->interrupted = 1;
	}
}

/*
 * A call that such a stop has broken off would fail where a signal may break
 * it off (recv with a time limit, epoll_wait): it is begun again instead.
 * Elsewhere the kernel has decided that before the stop.
 */
static void
stepper_restart(pid_t tid)
{
#if defined(__i386__) || defined(__x86_64__)
	struct user_regs_struct r;
	struct iovec v = { &r, sizeof r };

	if (stepper_ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &v) != 0)
		return;
#ifdef __i386__
	if (r.orig_eax == -1 || r.eax != -EINTR)
		return;
	r.eax = -514; /* ERESTARTNOHAND */
#else
	if (r.orig_rax == ~0ull || (long)r.rax != -EINTR)
		return;
	r.rax = (unsigned long long)-514;
#endif
	stepper_ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &v);
#else
	(void)tid;
#endif
}

/* Counts a call that begins. */
static void
stepper_call(struct stepper_thread *t, uint64_t nr, uint64_t first)
{
	t->class = callclass(nr, first);
	if (t->class == CALL_PACKET || t->class == CALL_RECEIVE)
		t->starting = 0;
	if (t->starting > 0) {
		t->starting--;
		return;
	}
	t->calls++;
	t->packets += t->class == CALL_PACKET;
	t->receives += t->class == CALL_RECEIVE;
	t->plain += t->class == CALL_PLAIN;
}

/*
 * A call begins: the machine may not survive it, and it may change what
 * descriptors stand for.
 */
static void
stepper_enter(struct stepper_thread *t)
{
	t->entering = 0;
	t->grave = t->class == CALL_OTHER || (t->class == CALL_PACKET &&
	    callclass_writes(t->nr) && !names_tame(t->tid, (int)t->first));
	if (t->grave) {
		lines_out();
		names_forget();
	} else if (t->nr == SYS_close) {
		names_closed((int)t->first);
	}
}

/* It has ended. */
static void
stepper_leave(struct stepper_thread *t)
{
	if (t->nr == SYS_uname)
		uname_told(t->tid, t->first);
	if (t->grave)
		names_forget();
	else if (t->nr == SYS_close)
		names_closed((int)t->first);
}

/* A call begins or ends, and strace won't ask which it is. */
static void
stepper_unasked(struct stepper_thread *t, int event)
{
	/* A filter stops it where it begins, else all stops are alike. */
	t->inside = stepper_filtered() ? event == PTRACE_EVENT_SECCOMP :
	    !t->inside;
	if (!t->inside) {
		stepper_leave(t);
		return;
	}
	t->entering = 1;
	t->class = CALL_OTHER;
#ifdef __mips__
	uint64_t r[38]; /* asm/ptrace.h: number and first argument in 2, 4 */

	if (stepper_ptrace(PTRACE_GETREGS, t->tid, NULL, r) == 0) {
		t->nr = (uint32_t)r[2];
		t->first = r[4];
		stepper_call(t, t->nr, t->first);
	}
#endif
}

/*
 * Is the call that begins a plain one? It is counted here where nobody has
 * asked for it yet.
 */
static int
stepper_plain(struct stepper_thread *t)
{
	struct __ptrace_syscall_info info;

	if (STEPPER_REGISTERS)
		return t->class == CALL_PLAIN;
	if (stepper_ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof info,
		&info) <= 0 ||
	    callclass(info.seccomp.nr, info.seccomp.args[0]) != CALL_PLAIN)
		return 0;
	t->calls++;
	t->plain++;
	return 1;
}

/* A stop. Returns 0 if strace is to know nothing of it. */
static int
stepper_stop(pid_t tid, int status)
{
	struct stepper_thread *t = stepper_find(tid);
	int event = status >> 16;

	if (t == NULL && (t = stepper_add(tid)) == NULL)
		return 1;
	if (event == PTRACE_EVENT_STOP && WSTOPSIG(status) == SIGTRAP &&
	    t->interrupted) {
		t->interrupted = 0;
		if (t->calm_wanted < STEPPER_CALM_MAX)
			t->calm_wanted *= 2;
		stepper_restart(tid);
		stepper_raise(t, "calm");
		stepper_ptrace(stepper_filtered() ? PTRACE_CONT :
		    PTRACE_SYSCALL, tid, NULL, NULL);
		return 0;
	}
	if (event == PTRACE_EVENT_EXEC && access(EMULATOR_LINES, F_OK) == 0)
		t->starting = STEPPER_EMULATOR;
	if (WSTOPSIG(status) == (SIGTRAP | 0x80) ?
	    !stepper_filtered() || STEPPER_REGISTERS :
	    event == PTRACE_EVENT_SECCOMP && STEPPER_REGISTERS)
		stepper_unasked(t, event);
	if (event == PTRACE_EVENT_EXEC && stepper_filtered()) {
		stepper_raise(t, "exec");
	} else if (event == PTRACE_EVENT_EXEC && t->suspended) {
		/* Not in the middle of the call: strace would take its end
		 * for the beginning of another. */
		stepper_ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
		t->interrupted = 1;
	} else if (t->suspended && (event == PTRACE_EVENT_FORK ||
	    event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE)) {
		unsigned long child = 0;

		stepper_ptrace(PTRACE_GETEVENTMSG, tid, NULL, &child);
		stepper_say("fork", tid, "%lu%s", child,
		    event == PTRACE_EVENT_CLONE ? " thread" : "");
	} else if (event == PTRACE_EVENT_SECCOMP &&
	    t->level == STEPPER_OBSERVE && stepper_start == STEPPER_FULL &&
	    stepper_plain(t)) {
		t->inside = t->entering = 0;
		stepper_ptrace(PTRACE_CONT, tid, NULL, NULL);
		return 0;
	}
	return 1;
}

pid_t
wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
	int64_t now = stepper_now(CLOCK_MONOTONIC);
	static int asked;
	struct stepper_thread *t;
	pid_t r;

	if (!asked++) {
		/* It waits for stops; they need not be signalled, too. */
		struct sigaction act = { .sa_handler = SIG_DFL,
			.sa_flags = SA_NOCLDSTOP };

		sigaction(SIGCHLD, &act, NULL);
	}
	/* It looks whether another waits too: there is no other. */
	if ((options & WNOHANG) != 0 && pid == -1 && stepper_alive == 1)
		return 0;
	if ((options & WNOHANG) == 0)
		stepper_worked += now - stepper_returned;
	for (;;) {
		stepper_measure(now);
		if ((options & WNOHANG) == 0)
			lines_wait(now);
		r = stepper_wait4(pid, status, options, usage);
		lines_waited();
		if ((options & WNOHANG) == 0)
			stepper_returned = now =
			    stepper_now(CLOCK_MONOTONIC);
		if (r == -1 && errno == EINTR && stepper_woken) {
			stepper_woken = 0;
			stepper_look();
			continue;
		}
		if (r > 0 && WIFSTOPPED(*status) && !stepper_stop(r, *status))
			continue;
		break;
	}
	if (r > 0 && !WIFSTOPPED(*status) && (t = stepper_find(r)) != NULL)
		stepper_gone(t);
	return r;
}

/* strace asks which call it is: what it learns is counted. */
static void
stepper_count(pid_t tid, const struct __ptrace_syscall_info *info)
{
	struct stepper_thread *t = stepper_find(tid);

	if (t == NULL || !stepper_filtered())
		return;
	if (info->op == PTRACE_SYSCALL_INFO_SECCOMP ||
	    info->op == PTRACE_SYSCALL_INFO_ENTRY) {
		t->entering = 1;
		t->nr = info->entry.nr;
		t->first = info->entry.args[0];
		stepper_call(t, t->nr, t->first);
	} else if (info->op == PTRACE_SYSCALL_INFO_EXIT) {
		stepper_leave(t);
	}
}

long ptrace(enum __ptrace_request, ...);

long
ptrace(enum __ptrace_request request, ...)
{
	struct stepper_thread *t;
	void *address, *data;
	va_list ap;
	pid_t pid;
	long r;

	va_start(ap, request);
	pid = va_arg(ap, pid_t);
	address = va_arg(ap, void *);
	data = va_arg(ap, void *);
	va_end(ap);
	if (request == PTRACE_SEIZE || request == PTRACE_SETOPTIONS)
		stepper_options = (uintptr_t)data;
	t = request == PTRACE_CONT || request == PTRACE_SYSCALL ?
	    stepper_find(pid) : NULL;
	if (t != NULL && t->entering)
		stepper_enter(t);
	if (t != NULL && request == PTRACE_CONT)
		stepper_apply(t);
	if (t != NULL && !stepper_filtered() && !t->inside) {
		stepper_apply(t);
		if (t->suspended && !t->interrupted)
			request = PTRACE_CONT;
	}
	r = stepper_ptrace((int)request, pid, address, data);
	if (request == PTRACE_GET_SYSCALL_INFO && r > 0)
		stepper_count(pid, data);
	return r;
}

static void
stepper_wake(int s)
{
	(void)s;
	stepper_woken = 1;
}

/*
 * STEPPER_LEVEL says where it starts, and after a comma whether it is to keep
 * that; the sample inherits nothing of it.
 */
__attribute__((constructor)) static void
stepper_begin(void)
{
	struct sigaction act = { .sa_handler = stepper_wake };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = STEPPER_SIGNAL };
	const char *level = getenv("STEPPER_LEVEL");
	size_t n = level == NULL ? 0 : strcspn(level, ",");

	for (int i = 0; n > 0 && i <= STEPPER_FLOOD; i++)
		if (strlen(stepper_names[i]) == n &&
		    memcmp(level, stepper_names[i], n) == 0)
			stepper_start = (enum stepper_level)i;
	stepper_kept = n > 0 && strcmp(level + n, ",keep") == 0;
	unsetenv("LD_PRELOAD");
	unsetenv("STEPPER_LEVEL");
	*(void **)&stepper_ptrace = dlsym(RTLD_NEXT, "ptrace");
	*(void **)&stepper_wait4 = dlsym(RTLD_NEXT, "wait4");
	if (stepper_ptrace == NULL || stepper_wait4 == NULL)
		_exit(127);
	fcntl(STEPPER_FD, F_SETFD, FD_CLOEXEC);
	sigaction(STEPPER_SIGNAL, &act, NULL);
	timer_create(CLOCK_MONOTONIC, &event, &stepper_timer);
	stepper_window = stepper_returned = stepper_now(CLOCK_MONOTONIC);
	lines_begin();
	stamps_begin();
	names_begin(stepper_start < STEPPER_FLOOD);
	filter_begin(stepper_start == STEPPER_FLOOD);
}
