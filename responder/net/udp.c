/*
 * The table of flows, the least recently used first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include <uthash.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "net/udp.h"

#define UDP_KEY_SIZE (2 * (1 + 2 + 16))

struct udp_flow {
	UT_hash_handle hh;
	uint8_t key[UDP_KEY_SIZE];
	struct listener_path path;
	int64_t active; /* monotonic, ns */
	uint64_t owed;	/* datagrams not answered yet */
	void *arg;
};

struct udp {
	struct udp_flow *flows; /* in order of their last datagram */
	int64_t idle;
	unsigned max;
	const struct udp_callbacks *cb;
	void *arg;
	struct event *timer;
};

static uint8_t *
udp_put_addr(uint8_t *p, const struct addr *a)
{
	*p++ = a->family;
	*p++ = (uint8_t)(a->port >> 8);
	*p++ = (uint8_t)a->port;
	memcpy(p, a->bytes, sizeof a->bytes);
	return p + sizeof a->bytes;
}

static void
udp_remove(struct udp *u, struct udp_flow *f, const char *reason)
{
	HASH_DEL(u->flows, f);
	u->cb->ended(u->arg, f, reason);
	free(f);
}

static void
udp_timer(evutil_socket_t fd A_UNUSED, short what A_UNUSED, void *arg)
{
	struct udp *u = arg;
	int64_t now = clock_mono();

	while (u->flows != NULL && now - u->flows->active >= u->idle)
		udp_remove(u, u->flows, "timeout");
}

struct udp *
udp_new(struct event_base *base, unsigned idle, unsigned max,
    const struct udp_callbacks *cb, void *arg)
{
	struct timeval second = { 1, 0 };
	struct udp *u = xcalloc(1, sizeof *u);

	u->idle = (int64_t)idle * 1000000000;
	u->max = max;
	u->cb = cb;
	u->arg = arg;
	u->timer = event_new(base, -1, EV_PERSIST, udp_timer, u);
	if (u->timer == NULL)
		fatal("no memory for a timer");
	event_add(u->timer, &second);
	return u;
}

void
udp_end(struct udp *u, const char *reason)
{
	while (u->flows != NULL)
		udp_remove(u, u->flows, reason);
}

void
udp_free(struct udp *u)
{
	if (u == NULL)
		return;
	udp_end(u, "stopped");
	event_free(u->timer);
	free(u);
}

void
udp_input(struct udp *u, const struct listener_path *path, const void *bytes,
    size_t n)
{
	uint8_t key[UDP_KEY_SIZE];
	struct udp_flow *f;

	udp_put_addr(udp_put_addr(key, &path->src), &path->dest);
	HASH_FIND(hh, u->flows, key, sizeof key, f);
	if (f == NULL) {
		if (HASH_COUNT(u->flows) >= u->max)
			udp_remove(u, u->flows, "too many flows");
		f = xcalloc(1, sizeof *f);
		memcpy(f->key, key, sizeof key);
		f->path = *path;
		f->arg = u->cb->opened(u->arg, f);
	} else {
		HASH_DEL(u->flows, f);
		if (path->listener != NULL)
			f->path.listener = path->listener;
	}
	HASH_ADD(hh, u->flows, key, sizeof f->key, f);
	f->active = clock_mono();
	f->owed++;
	u->cb->datagram(u->arg, f, bytes, n);
}

const struct listener_path *
udp_flow_path(const struct udp_flow *f)
{
	return &f->path;
}

void *
udp_flow_arg(const struct udp_flow *f)
{
	return f->arg;
}

int
udp_flow_reply(struct udp_flow *f, const void *bytes, size_t n)
{
	if (f->owed == 0) {
		errno = EPERM;
		return -1;
	}
	f->owed--;
	return listener_reply(&f->path, bytes, n);
}

bool
udp_flow_owes(const struct udp_flow *f)
{
	return f->owed > 0;
}
