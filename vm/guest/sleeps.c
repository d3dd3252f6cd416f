/*
 * Long sleeps, cut short: a seccomp filter on the sample hands calls that only
 * wait (nothing but time can end them) to PID 1. One that wants longer than
 * allowed ends after so long, and the guest's wall clock is set ahead by the
 * rest before it returns: the sample finds that its time has passed. Waiting
 * for the network is left alone.
 *
 * Not moved: the monotonic clock, which nobody may set, and alarms.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define SLEEPS_MAX 64 /* at the same time; more are left as they are */
/* Of one run: the host keeps every move of the clock. */
#define SLEEPS_MOVES_MAX 1000
#define NS 1000000000ll

/* How a call says how long. */
enum sleeps_form {
	SLEEPS_SPEC, /* a struct timespec of longs, at the pointer */
	SLEEPS_SPEC64, /* the same with 64 bits each */
	SLEEPS_VAL, /* a struct timeval of longs */
	SLEEPS_MS, /* milliseconds, in the argument itself */
};

static const struct sleeps_call {
	int nr;
	int nothing; /* the argument that must be 0: no descriptors; or -1 */
	int time;    /* the argument that says how long */
	int clock;   /* clock and flags are arguments 0 and 1 */
	enum sleeps_form form;
} sleeps_calls[] = {
#ifdef __NR_nanosleep
	{ __NR_nanosleep, -1, 0, 0, SLEEPS_SPEC },
#endif
#ifdef __NR_clock_nanosleep
	{ __NR_clock_nanosleep, -1, 2, 1, SLEEPS_SPEC },
#endif
#ifdef __NR_clock_nanosleep_time64
	{ __NR_clock_nanosleep_time64, -1, 2, 1, SLEEPS_SPEC64 },
#endif
#ifdef __NR__newselect
	{ __NR__newselect, 0, 4, 0, SLEEPS_VAL },
#elif defined(__NR_select) /* elsewhere that is an older call */
	{ __NR_select, 0, 4, 0, SLEEPS_VAL },
#endif
#ifdef __NR_pselect6
	{ __NR_pselect6, 0, 4, 0, SLEEPS_SPEC },
#endif
#ifdef __NR_pselect6_time64
	{ __NR_pselect6_time64, 0, 4, 0, SLEEPS_SPEC64 },
#endif
#ifdef __NR_poll
	{ __NR_poll, 1, 2, 0, SLEEPS_MS },
#endif
#ifdef __NR_ppoll
	{ __NR_ppoll, 1, 2, 0, SLEEPS_SPEC },
#endif
#ifdef __NR_ppoll_time64
	{ __NR_ppoll_time64, 1, 2, 0, SLEEPS_SPEC64 },
#endif
};
#define SLEEPS_CALLS (sizeof sleeps_calls / sizeof *sleeps_calls)

struct sleeper {
	uint64_t id;
	uint32_t pid;
	int64_t due;    /* monotonic */
	int64_t target; /* wall time that it wants to see */
	int64_t wanted;
};

static int64_t sleeps_limit; /* ns; 0: sleeps are left alone */
static int64_t sleeps_moved; /* so far */
static int sleeps_socket = -1, sleeps_listener = -1;
static struct sleeper sleepers[SLEEPS_MAX];
static int sleeper_count, sleeps_moves;

void
sleeps_begin(long limit_ms, int socket)
{
	sleeps_limit = (int64_t)limit_ms * 1000000;
	sleeps_socket = socket;
}

/* --- in the process that becomes the sample -------------------------------- */

static int
sleeps_filter(void)
{
	struct sock_filter f[SLEEPS_CALLS * 5 + 2];
	struct sock_fprog program = { 0, f };
	unsigned short n = 0;

	f[n++] = (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < SLEEPS_CALLS; i++) {
		const struct sleeps_call *c = &sleeps_calls[i];
		size_t argument = offsetof(struct seccomp_data, args) +
		    8 * (size_t)(c->nothing == -1 ? 0 : c->nothing);

		f[n++] = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ |
		    BPF_K, (uint32_t)c->nr, 0, c->nothing == -1 ? 1 : 4);
		if (c->nothing != -1) {
			/* The lower half is enough for a count. */
			f[n++] = (struct sock_filter) BPF_STMT(BPF_LD | BPF_W |
			    BPF_ABS, (uint32_t)argument);
			f[n++] = (struct sock_filter) BPF_JUMP(BPF_JMP |
			    BPF_JEQ | BPF_K, 0, 1, 0);
			f[n++] = (struct sock_filter) BPF_STMT(BPF_RET |
			    BPF_K, SECCOMP_RET_ALLOW);
		}
		f[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K,
		    SECCOMP_RET_USER_NOTIF);
	}
	f[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_ALLOW);
	program.len = n;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

void
sleeps_enter(int socket)
{
	char byte = 0;
	struct iovec piece = { &byte, 1 };
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	int fd = sleeps_filter();

	if (fd == -1) {
		perror("labinit: seccomp");
		return;
	}
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	if (sendmsg(socket, &message, 0) == -1)
		perror("labinit: sleeps");
	close(fd);
}

/* --- in PID 1 --------------------------------------------------------------- */

int
sleeps_fd(void)
{
	return sleeps_listener != -1 ? sleeps_listener : sleeps_socket;
}

/* The process has its filter, and this is where it is heard. */
static void
sleeps_take_listener(void)
{
	char byte;
	struct iovec piece = { &byte, 1 };
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof control };
	ssize_t n = recvmsg(sleeps_socket, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n <= 0 ? NULL : CMSG_FIRSTHDR(&message);

	if (c != NULL && c->cmsg_type == SCM_RIGHTS)
		memcpy(&sleeps_listener, CMSG_DATA(c), sizeof sleeps_listener);
	else
		channel_log("sleeps can't be cut short: no filter");
	close(sleeps_socket);
	sleeps_socket = -1;
}

/* Reads two numbers of so many bytes each from a process; 0 or -1. */
static int
sleeps_peek(uint32_t pid, uint64_t address, size_t size, int64_t out[2])
{
	unsigned char b[16];
	char path[64];
	int fd, r = -1;

	snprintf(path, sizeof path, "/proc/%u/mem", (unsigned)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1 && address != 0 &&
	    pread(fd, b, 2 * size, (off_t)address) == (ssize_t)(2 * size)) {
		for (int i = 0; i < 2; i++) {
			int32_t word;

			if (size == 4)
				memcpy(&word, b + 4 * i, 4);
			if (size == 4)
				out[i] = word;
			else
				memcpy(&out[i], b + 8 * i, 8);
		}
		r = 0;
	}
	if (fd != -1)
		close(fd);
	return r;
}

/* How long a call wants to wait, ns; -1 if that can't be told. */
static int64_t
sleeps_wanted(const struct seccomp_notif *q)
{
	const struct sleeps_call *c = sleeps_calls;
	const __u64 *args = q->data.args;
	int64_t t[2], ns;

	while (c < sleeps_calls + SLEEPS_CALLS && c->nr != q->data.nr)
		c++;
	if (c == sleeps_calls + SLEEPS_CALLS)
		return -1;
	if (c->form == SLEEPS_MS)
		return (int64_t)(int32_t)args[c->time] * 1000000;
	if (sleeps_peek(q->pid, args[c->time], c->form == SLEEPS_SPEC64 ? 8 :
		sizeof(long), t) == -1 || t[0] < 0 || t[0] > 4000000000 ||
	    t[1] < 0 || t[1] >= NS)
		return -1;
	ns = t[0] * NS + t[1] * (c->form == SLEEPS_VAL ? 1000 : 1);
	if (c->clock && (args[1] & TIMER_ABSTIME))
		ns -= args[0] == CLOCK_REALTIME ?
		    guest_now(CLOCK_REALTIME) :
		    guest_now(CLOCK_MONOTONIC) + sleeps_moved;
	return ns;
}

/* Lets a call go on as the kernel does it, or ends it with success. */
static void
sleeps_answer(uint64_t id, uint32_t flags)
{
	struct seccomp_notif_resp r = { .id = id, .flags = flags };

	ioctl(sleeps_listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
}

/* A call waits. */
static void
sleeps_notice(void)
{
	struct seccomp_notif q;
	struct sleeper *s;
	int64_t wanted;

	memset(&q, 0, sizeof q);
	if (ioctl(sleeps_listener, SECCOMP_IOCTL_NOTIF_RECV, &q) == -1)
		return;
	wanted = sleeps_wanted(&q);
	if (wanted <= sleeps_limit || sleeper_count == SLEEPS_MAX ||
	    sleeps_moves >= SLEEPS_MOVES_MAX) {
		sleeps_answer(q.id, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
		return;
	}
	s = &sleepers[sleeper_count++];
	*s = (struct sleeper) { q.id, q.pid,
		guest_now(CLOCK_MONOTONIC) + sleeps_limit,
		guest_now(CLOCK_REALTIME) + wanted, wanted };
}

/* Sets the clock ahead, at once and exactly; says so before it is seen. */
static void
sleeps_move(const struct sleeper *s, int64_t ns)
{
	struct timex t = { .modes = ADJ_SETOFFSET | ADJ_NANO };
	unsigned char b[36];
	int64_t before = guest_now(CLOCK_REALTIME);

	t.time.tv_sec = (time_t)(ns / NS);
	t.time.tv_usec = (suseconds_t)(ns % NS);
	if (adjtimex(&t) == -1) {
		channel_log("the clock can't be moved: %s", strerror(errno));
		sleeps_moves = SLEEPS_MOVES_MAX;
		return;
	}
	sleeps_moved += ns;
	if (++sleeps_moves == SLEEPS_MOVES_MAX)
		channel_log("%d sleeps were cut short: no more are",
		    SLEEPS_MOVES_MAX);
	put32(b, s->pid);
	put64(b + 4, (uint64_t)s->wanted);
	put64(b + 12, (uint64_t)sleeps_limit);
	put64(b + 20, (uint64_t)before);
	put64(b + 28, (uint64_t)ns);
	channel_send(FRAME_SKIPPED, b, sizeof b);
}

/* Ends what has waited for so long as it may. */
static void
sleeps_wake(void)
{
	int64_t now = guest_now(CLOCK_MONOTONIC);

	for (int i = 0; i < sleeper_count;) {
		struct sleeper s = sleepers[i];
		int64_t left;

		if (s.due > now) {
			i++;
			continue;
		}
		sleepers[i] = sleepers[--sleeper_count];
		/* A signal may have ended it. */
		if (ioctl(sleeps_listener, SECCOMP_IOCTL_NOTIF_ID_VALID,
			&s.id) == -1)
			continue;
		/* Another's sleep may have moved the clock so far already. */
		left = s.target - guest_now(CLOCK_REALTIME);
		if (left > 0)
			sleeps_move(&s, left);
		sleeps_answer(s.id, 0);
	}
}

void
sleeps_event(short events)
{
	if (sleeps_listener == -1) {
		sleeps_take_listener();
	} else if (events & POLLIN) {
		sleeps_notice();
	} else if (events != 0) {
		/* Nobody with the filter lives any more. */
		close(sleeps_listener);
		sleeps_listener = -1;
		sleeper_count = 0;
	}
}

int
sleeps_timeout(void)
{
	int64_t now = guest_now(CLOCK_MONOTONIC), first = INT64_MAX;

	sleeps_wake();
	for (int i = 0; i < sleeper_count; i++)
		if (sleepers[i].due < first)
			first = sleepers[i].due;
	if (first == INT64_MAX)
		return -1;
	return first <= now ? 0 : (int)((first - now) / 1000000) + 1;
}
