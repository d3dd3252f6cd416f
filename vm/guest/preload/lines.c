/*
 * strace writes each line in two parts, and a part that goes out by itself
 * costs an exit from the virtual machine. Here they are gathered for a few
 * milliseconds: while the sample is quiet each line still leaves at once, and
 * stepper.c lets everything out before a call that the machine may not survive.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "preload.h"

/* Nothing waits for longer, nanoseconds. */
#define LINES_LATE 8000000
#define LINES_SIGNAL SIGUSR1

static FILE *lines_file; /* strace's output */
static char lines_buffer[16384];
static int lines_held;	 /* something is in it */
static int64_t lines_last; /* when it was emptied */
static volatile sig_atomic_t lines_waits, lines_armed;
static timer_t lines_timer;
static int (*lines_fflush)(FILE *);

static int64_t
lines_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
lines_empty(int64_t now)
{
	lines_held = 0;
	lines_last = now;
	lines_fflush(lines_file);
}

void
lines_out(void)
{
	if (lines_held)
		lines_empty(lines_now());
}

int
fflush(FILE *f)
{
	if (f == NULL || f == stdout || f == stderr || lines_fflush == NULL ||
	    (lines_file != NULL && f != lines_file))
		return lines_fflush == NULL ? 0 : lines_fflush(f);
	if (lines_file == NULL) {
		lines_fflush(f);
		setvbuf(f, lines_buffer, _IOFBF, sizeof lines_buffer);
		lines_file = f;
		return 0;
	}
	lines_held = 1;
	return 0;
}

void
lines_wait(int64_t now)
{
	int64_t left = LINES_LATE - (now - lines_last);

	if (lines_held && left <= 0) {
		lines_empty(now);
	} else if (lines_held && !lines_armed) {
		struct itimerspec t = { { 0, 0 }, { 0, left } };

		lines_armed = timer_settime(lines_timer, 0, &t, NULL) == 0;
		if (!lines_armed)
			lines_empty(now);
	}
	lines_waits = 1;
}

void
lines_waited(void)
{
	lines_waits = 0;
}

/*
 * Too late a line. While strace waits it is in none of stdio's functions; else
 * it comes to wait soon, and finds that the time is over.
 */
static void
lines_late(int s)
{
	int saved = errno;

	(void)s;
	lines_armed = 0;
	if (lines_waits)
		lines_out();
	errno = saved;
}

void
lines_begin(void)
{
	/* No call of strace's is broken off by it. */
	struct sigaction act = { .sa_handler = lines_late,
		.sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = LINES_SIGNAL };

	*(void **)&lines_fflush = dlsym(RTLD_NEXT, "fflush");
	if (lines_fflush == NULL)
		_exit(127);
	sigaction(LINES_SIGNAL, &act, NULL);
	timer_create(CLOCK_MONOTONIC, &event, &lines_timer);
}
