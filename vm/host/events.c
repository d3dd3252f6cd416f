/*
 * device.jsonl.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "events.h"
#include "link.h"

#define EVENTS_BUFFER (64 << 10)

struct events {
	int fd;
	struct event *timer;
	struct link *link;
	struct jsonw line;
	char *buffer;
	size_t used;
	uint64_t count;
	bool broken;
	void (*failed)(void *, const char *);
	void *arg;
};

static void
events_tick(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	events_flush(arg);
}

struct events *
events_new(struct event_base *base, const char *dir,
    void (*failed)(void *, const char *), void *arg)
{
	char *path = xasprintf("%s/device.jsonl", dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	struct timeval every = { 0, 300000 };
	struct events *e;

	free(path);
	if (fd == -1)
		return NULL;
	e = xcalloc(1, sizeof *e);
	e->fd = fd;
	e->failed = failed;
	e->arg = arg;
	e->buffer = xmalloc(EVENTS_BUFFER);
	e->timer = event_new(base, -1, EV_PERSIST, events_tick, e);
	event_add(e->timer, &every);
	return e;
}

void
events_free(struct events *e)
{
	if (e == NULL)
		return;
	events_flush(e);
	event_free(e->timer);
	close(e->fd);
	jsonw_free(&e->line);
	free(e->buffer);
	free(e);
}

void
events_set_link(struct events *e, struct link *link)
{
	e->link = link;
}

struct jsonw *
events_begin(struct events *e, int64_t wall, const char *type)
{
	char text[CLOCK_TEXT_SIZE];

	jsonw_reset(&e->line);
	jsonw_object(&e->line, NULL);
	jsonw_string(&e->line, "timestamp", clock_text(wall, text));
	jsonw_string(&e->line, "event_type", type);
	return &e->line;
}

/* Writes n bytes; a short write is a full disk like any other failure. */
static void
events_write(struct events *e, const char *data, size_t n)
{
	while (n > 0 && !e->broken) {
		ssize_t k = write(e->fd, data, n);

		if (k == -1 && errno == EINTR)
			continue;
		if (k == -1) {
			e->broken = true;
			log_error("device.jsonl: %s", strerror(errno));
			e->failed(e->arg, strerror(errno));
			return;
		}
		data += k;
		n -= (size_t)k;
	}
}

void
events_flush(struct events *e)
{
	size_t n = e->used;

	e->used = 0;
	events_write(e, e->buffer, n);
}

void
events_end(struct events *e)
{
	jsonw_object_end(&e->line);
	jsonw_line_end(&e->line);
	if (e->used + e->line.length > EVENTS_BUFFER)
		events_flush(e);
	if (e->line.length > EVENTS_BUFFER) {
		events_write(e, e->line.data, e->line.length);
	} else {
		memcpy(e->buffer + e->used, e->line.data, e->line.length);
		e->used += e->line.length;
	}
	link_send(e->link, e->line.data, e->line.length);
	e->count++;
}

uint64_t
events_count(const struct events *e)
{
	return e->count;
}

struct jsonw *
events_line(struct events *e)
{
	return &e->line;
}
