/*
 * The connection over a bufferevent: the tap, the ends, the graceful close.
 * What the bytes mean is decided above.
 */
#include <sys/ioctl.h>
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
#include "net/tls.h"

/* Bytes held for a reader that is slow; then the peer's window closes. */
#define CONN_INPUT_MAX (256 * 1024)

enum conn_state { CONN_OPEN, CONN_FLUSHING, CONN_LINGERING, CONN_CLOSED };

struct conn {
	struct event_base *base;
	struct bufferevent *bev;
	struct bufferevent *under; /* the socket's, once bev is TLS; or NULL */
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
	bool handshaking;
	bool notified; /* TLS: close_notify was sent */
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

/* The socket, or -1. */
static evutil_socket_t
conn_fd(const struct conn *c)
{
	return bufferevent_getfd(c->under != NULL ? c->under : c->bev);
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
	evutil_socket_t fd = conn_fd(c);

	if (c->ended != NULL || fd < 0) {
		bufferevent_flush(c->bev, EV_WRITE, BEV_FINISHED);
		conn_set_closed(c);
		return;
	}
	c->state = CONN_LINGERING;
	shutdown(fd, SHUT_WR);
	evtimer_add(&c->later, &conn_linger_time);
}

/*
 * All that was to be sent has left bev. Under TLS the farewell comes behind
 * it, and what is encrypted has yet to reach the kernel.
 */
static void
conn_flushed(struct conn *c)
{
	if (c->under != NULL && !c->notified) {
		c->notified = true;
		tls_shutdown(c->bev);
	}
	if (conn_pending(c) == 0)
		conn_linger(c);
}

/* The kernel took encrypted bytes. This is no place to close: on time. */
static void
conn_under_drained(struct evbuffer *out, const struct evbuffer_cb_info *info,
    void *arg)
{
	struct conn *c = arg;

	if (c->state == CONN_FLUSHING && info->n_deleted > 0 &&
	    evbuffer_get_length(out) == 0 && c->notified)
		evtimer_add(&c->later, &conn_now);
}

static void
conn_timer(evutil_socket_t fd A_UNUSED, short what A_UNUSED, void *arg)
{
	struct conn *c = arg;

	if (c->state == CONN_CLOSED)
		c->cb->closed(c->arg, c->ended != NULL ? c->ended : "closed");
	else if (c->state == CONN_FLUSHING && conn_pending(c) == 0)
		conn_linger(c);
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
		conn_flushed(c);
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

/* The handshake is over. Whatever failed, our alert may still go out. */
static void
conn_handshake_end(struct conn *c, short what)
{
	char failure[TLS_FAILURE_SIZE];

	c->handshaking = false;
	if (what & BEV_EVENT_CONNECTED) {
		if (c->tap_open)
			conn_tap_input(c);
		c->cb->secured(c->arg, NULL);
		return;
	}
	tls_failure(c->bev, failure);
	c->notified = true;
	c->ended = "TLS handshake failed";
	/* libevent stops both ways at the peer's end: what is left to send
	 * goes out, or finds that nobody is there. */
	bufferevent_enable(c->under, EV_WRITE);
	if (c->state == CONN_OPEN)
		c->cb->secured(c->arg, failure);
	else
		conn_set_closed(c);
}

static void
conn_event_cb(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	if (c->handshaking) {
		conn_handshake_end(c, what);
		return;
	}
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
	/* Writing is enabled from birth; to say so again costs two system calls. */
	bufferevent_enable(bev, EV_READ);
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
	if (c->under != NULL)
		evbuffer_remove_cb(bufferevent_get_output(c->under),
		    conn_under_drained, c);
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

bool
conn_unread(const struct conn *c)
{
	evutil_socket_t fd = conn_fd(c);
	int n = 0;

	return fd >= 0 && ioctl(fd, FIONREAD, &n) == 0 && n > 0;
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
	/* TLS tells later what it has put there. */
	if (c->tap_open)
		conn_tap_input(c);
	return c->tapped;
}

struct evbuffer *
conn_input(struct conn *c)
{
	if (c->tap_open)
		conn_tap_input(c);
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
	if (c->reset)
		return 0;
	size_t n = evbuffer_get_length(bufferevent_get_output(c->bev));

	if (c->under != NULL)
		n += evbuffer_get_length(bufferevent_get_output(c->under));
	return n;
}

int
conn_start_tls(struct conn *c, struct tls *tls, const char *name,
    bool ask_certificate)
{
	struct bufferevent *over;

	if (c->state != CONN_OPEN || c->under != NULL || c->reset)
		return -1;
	bufferevent_setwatermark(c->bev, EV_READ, 0, 0);
	over = tls_accept(tls, c->bev, name, ask_certificate);
	if (over == NULL) {
		bufferevent_setwatermark(c->bev, EV_READ, 0, c->input_max);
		return -1;
	}
	c->under = c->bev;
	c->bev = over;
	c->direct = false;
	c->handshaking = true;
	c->tapped = 0;
	evbuffer_add_cb(bufferevent_get_output(c->under), conn_under_drained,
	    c);
	bufferevent_setwatermark(over, EV_READ, 0, c->input_max);
	bufferevent_setcb(over, conn_read_cb, conn_write_cb, conn_event_cb, c);
	bufferevent_enable(over, EV_READ | EV_WRITE);
	return 0;
}

struct bufferevent *
conn_tls(const struct conn *c)
{
	return c->under != NULL ? c->bev : NULL;
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
	c->state = CONN_FLUSHING;
	evtimer_add(&c->later, &conn_flush_time);
	if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
		conn_flushed(c);
}

void
conn_abort(struct conn *c)
{
	struct linger now = { .l_onoff = 1 };
	evutil_socket_t fd = conn_fd(c);

	if (c->state == CONN_CLOSED)
		return;
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	conn_set_closed(c);
}
