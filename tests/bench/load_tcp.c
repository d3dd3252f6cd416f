/*
 * TCP: many short sessions at once, many that say nothing, and the time from
 * a client's first words to the answer.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

/* Sessions that are over by then are counted; the rest has failed. */
#define LOAD_GRACE 10.0
#define LOAD_EVENTS 256
#define LOAD_OPENING 256

struct load_session {
	int fd;
	bool said, answered;
};

struct load_set {
	const struct load *load;
	int epoll;
	struct load_session *sessions;
	unsigned open;
	uint64_t started, done, errors;
};

/* A socket that is on its way there, or -1. */
static int
load_connect(const struct load *l, uint64_t n, int flags)
{
	struct sockaddr_in to = load_target(l, n);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
load_start(struct load_set *set, struct load_session *s)
{
	struct epoll_event e = { EPOLLOUT, { .ptr = s } };

	*s = (struct load_session){
		load_connect(set->load, set->started++, SOCK_NONBLOCK), false,
		false };
	if (s->fd < 0) {
		set->errors++;
		return;
	}
	set->open++;
	epoll_ctl(set->epoll, EPOLL_CTL_ADD, s->fd, &e);
}

static void
load_end(struct load_set *set, struct load_session *s, bool good)
{
	close(s->fd);
	s->fd = -1;
	set->open--;
	if (good)
		set->done++;
	else
		set->errors++;
}

/* Connected: says its text, and waits for the answer. */
static void
load_say(struct load_set *set, struct load_session *s)
{
	struct epoll_event e = { EPOLLIN, { .ptr = s } };
	size_t n = strlen(set->load->text);

	if (send(s->fd, set->load->text, n, MSG_NOSIGNAL) != (ssize_t)n) {
		load_end(set, s, false);
		return;
	}
	s->said = true;
	epoll_ctl(set->epoll, EPOLL_CTL_MOD, s->fd, &e);
}

/* True once the session is over. */
static bool
load_turn(struct load_set *set, struct load_session *s)
{
	char bytes[4096];
	ssize_t n;

	if (!s->said) {
		load_say(set, s);
		return s->fd < 0;
	}
	while ((n = recv(s->fd, bytes, sizeof bytes, 0)) > 0)
		s->answered = true;
	if (n < 0 && errno == EAGAIN)
		return false;
	load_end(set, s, n == 0 && s->answered);
	return true;
}

int
load_sessions(const struct load *l)
{
	struct epoll_event events[LOAD_EVENTS];
	struct load_set set = { .load = l, .epoll = epoll_create1(0) };
	double start = load_now(), end = start + l->seconds, now = start;

	set.sessions = calloc(l->concurrency, sizeof *set.sessions);
	if (set.epoll < 0 || set.sessions == NULL)
		return 1;
	for (unsigned i = 0; i < l->concurrency; i++)
		load_start(&set, &set.sessions[i]);
	while (set.open > 0 && now < end + LOAD_GRACE) {
		int n = epoll_wait(set.epoll, events, LOAD_EVENTS, 100);

		now = load_now();
		for (int i = 0; i < n; i++) {
			struct load_session *s = events[i].data.ptr;

			if (load_turn(&set, s) && now < end)
				load_start(&set, s);
		}
	}
	printf("done=%llu errors=%llu seconds=%.3f rate=%.1f\n",
	    (unsigned long long)set.done,
	    (unsigned long long)set.errors + set.open, now - start,
	    (double)set.done / (now - start));
	free(set.sessions);
	close(set.epoll);
	return 0;
}

/* Waits until fds[first..last] are connected; the number that are not. */
static unsigned
load_await(const int *fds, unsigned first, unsigned last)
{
	unsigned failed = 0;

	for (unsigned i = first; i < last; i++) {
		struct pollfd p = { fds[i], POLLOUT, 0 };
		int error = 0;
		socklen_t size = sizeof error;

		if (fds[i] < 0 || poll(&p, 1, 5000) != 1 ||
		    getsockopt(fds[i], SOL_SOCKET, SO_ERROR, &error, &size) < 0 ||
		    error != 0)
			failed++;
	}
	return failed;
}

/* Connections that were closed by the other side since. */
static unsigned
load_count_lost(const int *fds, unsigned n)
{
	unsigned lost = 0;
	char byte;

	for (unsigned i = 0; i < n; i++) {
		ssize_t got = recv(fds[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT);

		if (got == 0 || (got < 0 && errno != EAGAIN))
			lost++;
	}
	return lost;
}

int
load_idle(const struct load *l)
{
	int *fds = calloc(l->count, sizeof *fds);
	unsigned done = 0, errors = 0;
	double start = load_now();
	char byte;

	if (fds == NULL)
		return 1;
	while (done < l->count) {
		unsigned first = done, last = l->count - done > LOAD_OPENING ?
		    done + LOAD_OPENING : l->count;

		for (; done < last; done++)
			fds[done] = load_connect(l, done, SOCK_NONBLOCK);
		errors += load_await(fds, first, last);
	}
	printf("open=%u errors=%u seconds=%.3f\n", l->count - errors, errors,
	    load_now() - start);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	printf("lost=%u\n", load_count_lost(fds, l->count));
	free(fds);
	return 0;
}

int
load_hello(const struct load *l)
{
	double *times = calloc(l->count, sizeof *times);
	struct timeval patience = { 5, 0 };
	size_t good = 0;
	char bytes[4096];

	if (times == NULL)
		return 1;
	for (unsigned i = 0; i < l->count; i++) {
		int fd = load_connect(l, i, 0);
		double start = load_now();

		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		    sizeof patience);
		if (send(fd, l->text, strlen(l->text), MSG_NOSIGNAL) > 0 &&
		    recv(fd, bytes, sizeof bytes, 0) > 0)
			times[good++] = load_now() - start;
		close(fd);
	}
	load_print_times(times, good, l->count - good);
	free(times);
	return 0;
}
