/*
 * loadbot: what the tracer costs. It makes many calls of one kind, for a
 * bounded number or time, and prints what it did. Datagrams go to the lab's
 * own sink and nowhere else.
 *
 *	loadbot mix ROUNDS       a mixed loop of calls
 *	loadbot flood SECONDS    datagrams to one port, as fast as they go (3 s at
 *	                         most), then a file is made and a child
 *	loadbot connects COUNT   TCP connections to one port, one after the other
 */
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

#define SINK "198.18.0.9"

static long long
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static struct sockaddr_in
sink(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };

	if (labTarget(SINK, &a.sin_addr) == -1)
		exit(2);
	return a;
}

/* Half of it what a program asks of itself, half what it does to the world. */
NOINLINE static void
mix(int rounds)
{
	struct sockaddr_in a = sink(9);
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	struct timespec t;
	char b[64] = "";

	for (int i = 0; i < rounds; i++) {
		int fd = open("/dev/zero", O_RDONLY);

		if (read(fd, b, sizeof b) != sizeof b)
			exit(1);
		close(fd);
		sendto(udp, b, sizeof b, 0, (struct sockaddr *)&a, sizeof a);
		for (int k = 0; k < 2; k++) {
			syscall(SYS_getppid);
			syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
		}
	}
	close(udp);
}

NOINLINE static long
flood(int seconds)
{
	struct sockaddr_in a = sink(9);
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	long long end = now() + seconds * 1000000LL;
	char b[64] = "";
	long sent = 0;

	do {
		for (int i = 0; i < 32; i++)
			sent += sendto(udp, b, sizeof b, 0,
			    (struct sockaddr *)&a, sizeof a) == sizeof b;
	} while (now() < end);
	close(udp);
	return sent;
}

NOINLINE static int
connects(int count)
{
	struct sockaddr_in a = sink(7);
	int done = 0;

	for (int i = 0; i < count; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		done += connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
		close(fd);
	}
	return done;
}

/* What it does next is to be seen in full again. */
NOINLINE static void
afterwards(void)
{
	struct timespec t = { 0, 600000000 };
	int fd;

	nanosleep(&t, NULL);
	if ((fd = open("/tmp/afterwards", O_WRONLY | O_CREAT, 0644)) != -1)
		close(fd);
	if (fork() == 0)
		_exit(7);
	wait(NULL);
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "mix";
	int n = argc > 2 ? atoi(argv[2]) : 1;
	long long start;
	long count = n;

	labGuard("loadbot");
	start = now();
	if (strcmp(what, "flood") == 0)
		count = flood(n < 1 || n > 3 ? 3 : n);
	else if (strcmp(what, "connects") == 0)
		count = connects(n < 1 || n > 2000 ? 2000 : n);
	else
		mix(n < 1 || n > 20000 ? 20000 : n);
	printf("%s %ld in %lld us\n", what, count, now() - start);
	fflush(stdout);
	if (strcmp(what, "flood") == 0)
		afterwards();
	return 0;
}
