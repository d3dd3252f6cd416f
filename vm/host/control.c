/*
 * The control port, from outside.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "control.h"

#define CONTROL_CHUNK (128 << 10)

struct control {
	struct bufferevent *bev;
	struct control_callbacks cb;
	void *arg;
	bool broken;
};

static void
control_lost(struct control *c, const char *why)
{
	if (c->broken)
		return;
	c->broken = true;
	bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	c->cb.lost(c->arg, why);
}

static void
control_readcb(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct control *c = arg;

	while (!c->broken) {
		size_t n = evbuffer_get_length(in);
		struct ctlframe f;

		if (n > FRAME_HEAD + FRAME_MAX)
			n = FRAME_HEAD + FRAME_MAX;
		const uint8_t *p = evbuffer_pullup(in, (ev_ssize_t)n);
		int64_t used = p == NULL ? 0 : ctlframe_parse(p, n, &f);

		if (used == 0)
			return;
		if (used == -1) {
			control_lost(c, "the guest broke the control protocol");
			return;
		}
		c->cb.frame(c->arg, &f);
		evbuffer_drain(in, (size_t)used);
	}
}

static void
control_eventcb(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	control_lost(arg, "the control port is closed");
}

struct control *
control_new(struct event_base *base, int fd,
    const struct control_callbacks *cb, void *arg)
{
	struct control *c = xcalloc(1, sizeof *c);

	c->cb = *cb;
	c->arg = arg;
	c->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c->bev == NULL)
		fatal("no bufferevent for the control port");
	bufferevent_setcb(c->bev, control_readcb, NULL, control_eventcb, c);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	return c;
}

void
control_free(struct control *c)
{
	if (c == NULL)
		return;
	bufferevent_free(c->bev);
	free(c);
}

void
control_drain(struct control *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	int n;

	do {
		/* A bufferevent keeps others from its buffer's end. */
		evbuffer_unfreeze(in, 0);
		n = evbuffer_read(in, bufferevent_getfd(c->bev), -1);
		evbuffer_freeze(in, 0);
		control_readcb(c->bev, c);
	} while (n > 0 && !c->broken);
}

void
control_send(struct control *c, enum frame_type type, const void *data,
    size_t n)
{
	uint8_t head[FRAME_HEAD];

	if (n > FRAME_MAX)
		fatal("a frame of %zu bytes", n);
	ctlframe_head(head, type, n);
	bufferevent_write(c->bev, head, sizeof head);
	if (n > 0)
		bufferevent_write(c->bev, data, n);
}

void
control_send_file(struct control *c, const char *path, unsigned mode,
    const void *data, size_t n)
{
	const uint8_t *p = data;
	size_t k = strlen(path) + 1;
	uint8_t *head = xmalloc(4 + k);

	ctlframe_put32(head, mode);
	memcpy(head + 4, path, k);
	control_send(c, FRAME_FILE, head, 4 + k);
	free(head);
	for (; n > 0; p += k, n -= k) {
		k = n < CONTROL_CHUNK ? n : CONTROL_CHUNK;
		control_send(c, FRAME_DATA, p, k);
	}
	control_send(c, FRAME_FILE_END, NULL, 0);
}

size_t
control_waiting(const struct control *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev));
}
