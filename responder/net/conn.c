/*
 * The connection over a bufferevent: the tap, the ends, the graceful close.
 * What the bytes mean is decided above.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "net/conn.h"

/* Bytes held for a reader that is slow; then the peer's window closes. */
#define CONN_INPUT_MAX (256 * 1024)

enum conn_state { CONN_OPEN, CONN_FLUSHING, CONN_LINGERING, CONN_CLOSED };

struct conn {
	struct event_base *base;
	struct bufferevent *bev;
	const struct conn_callbacks *cb;
	void *arg;
	struct event later; /* linger's end, or the deferred `closed` */
	size_t input_max;
	size_t tapped;	    /* of the input: already through the tap */
	const char *ended;
	enum conn_state state;
	bool tap_open;
	bool direct; /* bev is a plain socket */
	bool reset;
};

/* How long a peer may take our last bytes, and send its own, once we close. */
static const struct timeval conn_flush_time = { 10, 0 };
static const struct timeval conn_linger_time = { 1, 0 };
static const struct timeval conn_now = { 0, 0 };

/* Shows the tap what came in since it last looked. */
static void
conn_tap_input(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer_ptr at;
	struct evbuffer_iovec v[8];
	size_t length = evbuffer_get_length(in);

	while (c->tapped < length) {
		size_t left = length - c->tapped;
		int n;

		evbuffer_ptr_set(in, &at, c->tapped, EVBUFFER_PTR_SET);
		n = evbuffer_peek(in, (ev_ssize_t)left, &at, v, 8);
		for (int i = 0; i < n && i < 8 && left > 0; i++) {
			size_t size = v[i].iov_len < left ? v[i].iov_len : left;

			c->tapped += size;
			left -= size;
			c->cb->tap(c->arg, CONN_TO_SERVER, v[i].iov_base, size);
		}
	}
}

/* Tells `closed` on the next turn, as nobody expects it within a call. */
static void
conn_set_closed(struct conn *c)
{
	if (c->state == CONN_CLOSED)
		return;
	c->state = CONN_CLOSED;
	bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	evtimer_add(&c->later, &conn_now);
}

/* Our bytes are out: shuts our side and waits a moment for the peer's. */
static void
conn_linger(struct conn *c)
{
	evutil_socket_t fd = bufferevent_getfd(c->bev);

	if (c->ended != NULL || fd < 0) {
		bufferevent_flush(c->bev, EV_WRITE, BEV_FINISHED);
		conn_set_closed(c);
		return;
	}
	c->state = CONN_LINGERING;
	shutdown(fd, SHUT_WR);
	evtimer_add(&c->later, &conn_linger_time);
}

static void
conn_timer(evutil_socket_t fd A_UNUSED, short what A_UNUSED, void *arg)
{
	struct conn *c = arg;

	if (c->state == CONN_CLOSED)
		c->cb->closed(c->arg, c->ended != NULL ? c->ended : "closed");
	else
		conn_set_closed(c);
}

static void
conn_read_cb(struct bufferevent *bev A_UNUSED, void *arg)
{
	struct conn *c = arg;

	if (c->tap_open)
		conn_tap_input(c);
	if (c->state == CONN_OPEN) {
		c->cb->readable(c->arg);
		return;
	}
	conn_drain(c, conn_length(c));
}

static void
conn_write_cb(struct bufferevent *bev A_UNUSED, void *arg)
{
	struct conn *c = arg;

	if (c->state == CONN_OPEN)
		c->cb->drained(c->arg);
	else if (c->state == CONN_FLUSHING)
		conn_linger(c);
}

/* What a socket error is called in the journal. */
static const char *
conn_error_text(int error)
{
	switch (error) {
	case ECONNRESET:
	case EPIPE:
		return "client reset";
	case ETIMEDOUT:
		return "client vanished";
	default:
		return "socket error";
	}
}

static void
conn_event_cb(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0)
		return;
	if (c->tap_open)
		conn_tap_input(c);
	if (what & BEV_EVENT_EOF) {
		if (c->ended == NULL)
			c->ended = "client closed";
	} else {
		c->ended = conn_error_text(EVUTIL_SOCKET_ERROR());
		c->reset = true;
	}
	if (c->state == CONN_OPEN && !c->reset) {
		/* libevent stops both ways; the peer may have closed one. */
		bufferevent_enable(bev, EV_WRITE);
		c->cb->readable(c->arg);
	} else if (c->state == CONN_OPEN) {
		c->cb->readable(c->arg);
	} else if (c->state != CONN_FLUSHING || c->reset) {
		conn_set_closed(c);
	} else {
		bufferevent_enable(bev, EV_WRITE);
	}
}

struct conn *
conn_new_over(struct event_base *base, struct bufferevent *bev,
    const struct conn_callbacks *cb, void *arg)
{
	struct conn *c = xcalloc(1, sizeof *c);

	c->base = base;
	c->bev = bev;
	c->cb = cb;
	c->arg = arg;
	evtimer_assign(&c->later, base, conn_timer, c);
	c->input_max = CONN_INPUT_MAX;
	bufferevent_setwatermark(bev, EV_READ, 0, CONN_INPUT_MAX);
	bufferevent_setcb(bev, conn_read_cb, conn_write_cb, conn_event_cb, c);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	return c;
}

struct conn *
conn_new(struct event_base *base, evutil_socket_t fd,
    const struct conn_callbacks *cb, void *arg)
{
	struct bufferevent *bev = bufferevent_socket_new(base, fd,
	    BEV_OPT_CLOSE_ON_FREE);

	if (bev == NULL) {
		close(fd);
		return NULL;
	}
	struct conn *c = conn_new_over(base, bev, cb, arg);

	c->direct = true;
	return c;
}

void
conn_free(struct conn *c)
{
	if (c == NULL)
		return;
	evtimer_del(&c->later);
	bufferevent_free(c->bev);
	free(c);
}

size_t
conn_peek(struct conn *c, void *bytes, size_t n)
{
	ev_ssize_t got = evbuffer_copyout(bufferevent_get_input(c->bev), bytes,
	    n);

	return got < 0 ? 0 : (size_t)got;
}

void
conn_open_tap(struct conn *c)
{
	c->tap_open = true;
	conn_tap_input(c);
}

size_t
conn_length(struct conn *c)
{
	return c->tapped;
}

struct evbuffer *
conn_input(struct conn *c)
{
	return bufferevent_get_input(c->bev);
}

void
conn_drain(struct conn *c, size_t n)
{
	if (n > c->tapped)
		fatal("conn_drain: %zu of %zu bytes", n, c->tapped);
	evbuffer_drain(bufferevent_get_input(c->bev), n);
	c->tapped -= n;
}

void
conn_want(struct conn *c, size_t n)
{
	if (n <= c->input_max)
		return;
	c->input_max = n;
	bufferevent_setwatermark(c->bev, EV_READ, 0, n);
}

bool
conn_sendable(const struct conn *c)
{
	return c->state == CONN_OPEN && !c->reset;
}

/*
 * Gives bytes to the kernel at once when none wait before them: that spares
 * the loop a turn. Errors are left to the next write through the loop.
 */
static size_t
conn_send_now(struct conn *c, const void *bytes, size_t n)
{
	if (!c->direct || conn_pending(c) != 0)
		return 0;
	ssize_t done = send(bufferevent_getfd(c->bev), bytes, n,
	    MSG_NOSIGNAL | MSG_DONTWAIT);

	return done < 0 ? 0 : (size_t)done;
}

int
conn_send(struct conn *c, const void *bytes, size_t n)
{
	if (!conn_sendable(c))
		return -1;
	if (n == 0)
		return 0;
	c->cb->tap(c->arg, CONN_TO_CLIENT, bytes, n);
	size_t done = conn_send_now(c, bytes, n);
	if (done == n)
		return 0;
	return bufferevent_write(c->bev, (const char *)bytes + done, n - done);
}

size_t
conn_pending(struct conn *c)
{
	return c->reset ? 0 :
	    evbuffer_get_length(bufferevent_get_output(c->bev));
}

const char *
conn_ended(const struct conn *c)
{
	return c->ended;
}

bool
conn_closing(const struct conn *c)
{
	return c->state != CONN_OPEN;
}

void
conn_close(struct conn *c)
{
	if (c->state != CONN_OPEN)
		return;
	if (c->reset) {
		conn_set_closed(c);
		return;
	}
	/* What nobody will read makes room, so that the end can be seen. */
	conn_open_tap(c);
	conn_drain(c, conn_length(c));
	if (conn_pending(c) == 0) {
		conn_linger(c);
		return;
	}
	c->state = CONN_FLUSHING;
	evtimer_add(&c->later, &conn_flush_time);
}

void
conn_abort(struct conn *c)
{
	struct linger now = { .l_onoff = 1 };
	evutil_socket_t fd = bufferevent_getfd(c->bev);

	if (c->state == CONN_CLOSED)
		return;
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	conn_set_closed(c);
}
