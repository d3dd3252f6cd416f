/*
 * sleepbot: sleeps for an hour before it does anything, in each of the ways
 * that a program can sleep, and looks at its clock afterwards, as samples do
 * that want to tell a sandbox by its haste. Then it waits for a server as any
 * bot does. It refuses to run outside the lab (common.h).
 */
#include <sys/select.h>
#include <sys/time.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

#define HOUR 3600

static void
bySleep(void)
{
	sleep(HOUR);
}

static void
bySelect(void)
{
	struct timeval t = { HOUR, 0 };

	select(0, NULL, NULL, NULL, &t);
}

static void
byPoll(void)
{
	poll(NULL, 0, HOUR * 1000);
}

static void
byClock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += HOUR;
	clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*wait)(void);
	} ways[] = { { "sleep", bySleep }, { "select", bySelect },
		{ "poll", byPoll }, { "clock_nanosleep", byClock } };
	struct timespec begin;
	struct in_addr ip;

	labGuard("sleepbot");
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		time_t before = time(NULL);
		struct timeval t;

		ways[i].wait();
		gettimeofday(&t, NULL);
		printf("%s: %s\n", ways[i].name,
		    time(NULL) - before >= HOUR && t.tv_sec - before >= HOUR &&
		    time(NULL) - before < HOUR + 60 ? "an hour" : "hasty");
		fflush(stdout);
	}
	/* This clock nobody can set: a sample that looks at it can tell. */
	struct timespec up;

	clock_gettime(CLOCK_MONOTONIC, &up);
	printf("monotonic: %s\n", up.tv_sec - begin.tv_sec < HOUR ? "hasty" :
	    "hours");
	fflush(stdout);
	/* Short ones and waiting for an answer are not hurried. */
	time_t before = time(NULL);
	sleep(1);
	resolveName("sleepbot.example", &ip);
	printf("short: %s\n", time(NULL) - before < 10 ? "short" : "long");
	return 0;
}
