/*
 * One question is a socket that we opened; what arrives from its address is
 * ours. The answer is the token that all questions share.
 */
#include <sys/random.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "net/listener.h"
#include "selftest.h"

#define SELFTEST_TOKEN 16

struct selftest_question {
	struct selftest *test;
	struct event *event;
	struct addr local, to;
	int fd, type;
	bool answered;
};

struct selftest {
	struct selftest_question *questions;
	size_t count;
	struct event *timer;
	selftest_cb *done;
	void *arg;
	uint8_t token[SELFTEST_TOKEN];
};

static const struct timeval selftest_patience = { 2, 0 };
static const struct timeval selftest_now = { 0, 0 };

/* Time is up, or all have answered: says how it went. */
static void
selftest_timer(evutil_socket_t fd A_UNUSED, short what A_UNUSED, void *arg)
{
	struct selftest *st = arg;
	char text[ADDR_TEXT_SIZE], failed[128];

	for (size_t i = 0; i < st->count; i++) {
		const struct selftest_question *q = &st->questions[i];

		if (q->answered)
			continue;
		snprintf(failed, sizeof failed, "%s at %s port %u does not "
		    "answer", q->type == SOCK_STREAM ? "TCP" : "UDP",
		    addr_text(&q->to, text), q->to.port);
		st->done(st->arg, failed);
		return;
	}
	st->done(st->arg, NULL);
}

/* All answered: no more waiting. */
static void
selftest_look(struct selftest *st)
{
	for (size_t i = 0; i < st->count; i++) {
		if (!st->questions[i].answered)
			return;
	}
	evtimer_add(st->timer, &selftest_now);
}

static void
selftest_readable(evutil_socket_t fd, short what A_UNUSED, void *arg)
{
	struct selftest_question *q = arg;
	struct selftest *st = q->test;
	uint8_t answer[SELFTEST_TOKEN];

	if (recv(fd, answer, sizeof answer, 0) == sizeof answer &&
	    memcmp(answer, st->token, sizeof answer) == 0)
		q->answered = true;
	event_del(q->event);
	selftest_look(st);
}

/* Opens one question; one that can't be sent fails when time is up. */
static void
selftest_ask(struct selftest *st, struct event_base *base,
    struct selftest_question *q)
{
	struct sockaddr_storage ss;
	socklen_t n = addr_to_sockaddr(&q->to, &ss);

	q->test = st;
	q->fd = socket(q->to.family, q->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (q->fd < 0)
		return;
	if (connect(q->fd, (struct sockaddr *)&ss, n) < 0 &&
	    errno != EINPROGRESS) {
		/* A namespace without a loopback: nobody can ask from here. */
		q->answered = errno == ENETUNREACH || errno == EADDRNOTAVAIL;
		return;
	}
	n = sizeof ss;
	if (getsockname(q->fd, (struct sockaddr *)&ss, &n) < 0 ||
	    addr_from_sockaddr(&q->local, (struct sockaddr *)&ss) < 0)
		return;
	q->event = event_new(base, q->fd, EV_READ | EV_PERSIST,
	    selftest_readable, q);
	if (q->event == NULL)
		fatal("no memory for events");
	event_add(q->event, NULL);
	if (q->type == SOCK_DGRAM &&
	    send(q->fd, st->token, sizeof st->token, MSG_NOSIGNAL) < 0)
		log_debug("self-test: %s", strerror(errno));
}

/* Where a listener can be reached from here. */
static struct addr
selftest_reach(const struct addr *listening)
{
	static const uint8_t any[16];
	struct addr to = *listening;

	if (memcmp(to.bytes, any, addr_size(&to)) != 0)
		return to;
	if (to.family == AF_INET) {
		to.bytes[0] = 127;
		to.bytes[3] = 1;
	} else {
		to.bytes[15] = 1;
	}
	return to;
}

struct selftest *
selftest_new(struct event_base *base, const struct addr *addrs, size_t n,
    selftest_cb *done, void *arg)
{
	struct selftest *st = xcalloc(1, sizeof *st);

	st->done = done;
	st->arg = arg;
	st->count = 2 * n;
	st->questions = xcalloc(st->count, sizeof *st->questions);
	for (size_t i = 0; i < st->count; i++)
		st->questions[i].fd = -1;
	if (getrandom(st->token, sizeof st->token, 0) < 0)
		fatal("no random bytes: %s", strerror(errno));
	if ((st->timer = evtimer_new(base, selftest_timer, st)) == NULL)
		fatal("no memory for a timer");
	evtimer_add(st->timer, &selftest_patience);
	for (size_t i = 0; i < st->count; i++) {
		struct selftest_question *q = &st->questions[i];

		q->to = selftest_reach(&addrs[i / 2]);
		q->type = i % 2 == 0 ? SOCK_STREAM : SOCK_DGRAM;
		selftest_ask(st, base, q);
	}
	selftest_look(st);
	return st;
}

void
selftest_free(struct selftest *st)
{
	if (st == NULL)
		return;
	for (size_t i = 0; i < st->count; i++) {
		struct selftest_question *q = &st->questions[i];

		if (q->event != NULL)
			event_free(q->event);
		if (q->fd >= 0)
			close(q->fd);
	}
	event_free(st->timer);
	free(st->questions);
	free(st);
}

static bool
selftest_owns(const struct selftest *st, int type, const struct addr *src)
{
	for (size_t i = 0; st != NULL && i < st->count; i++) {
		const struct selftest_question *q = &st->questions[i];

		if (q->event != NULL && q->type == type &&
		    addr_equal(&q->local, src))
			return true;
	}
	return false;
}

bool
selftest_accept(struct selftest *st, evutil_socket_t fd,
    const struct addr *src)
{
	if (!selftest_owns(st, SOCK_STREAM, src))
		return false;
	if (send(fd, st->token, sizeof st->token, MSG_NOSIGNAL) < 0)
		log_debug("self-test: %s", strerror(errno));
	close(fd);
	return true;
}

bool
selftest_datagram(struct selftest *st, const struct listener_path *path,
    const void *bytes, size_t n)
{
	if (!selftest_owns(st, SOCK_DGRAM, &path->src))
		return false;
	if (n == sizeof st->token && memcmp(bytes, st->token, n) == 0 &&
	    listener_reply(path, bytes, n) < 0)
		log_debug("self-test: %s", strerror(errno));
	return true;
}
