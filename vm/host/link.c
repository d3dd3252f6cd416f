/*
 * The link to the responder.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsonw.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "link.h"

/* A responder that is behind by so much gets no more. */
#define LINK_WAITING_MAX (4 << 20)
#define LINK_LINE_MAX (64 << 10)

struct link {
	struct bufferevent *bev;
	struct link_callbacks cb;
	void *arg;
	uint64_t dropped;
	bool gone;
};

static void
link_run(struct link *l, const json_t *run)
{
	const char *state = json_string_value(json_object_get(run, "state"));
	const char *reason = json_string_value(json_object_get(run, "reason"));

	if (state != NULL && strcmp(state, "finished") == 0)
		l->cb.finished(l->arg, reason == NULL ? "" : reason);
}

static void
link_handled(struct link *l, const json_t *object)
{
	const json_t *id = json_object_get(object, "command");
	const json_t *info = json_object_get(object, "command_info");
	const char *name = json_string_value(json_object_get(info, "name"));
	const char *text = json_string_value(json_object_get(info, "text"));

	if (!json_is_integer(id))
		return;
	l->cb.handled(l->arg, &(struct link_command) {
		(uint64_t)json_integer_value(id), name == NULL ? "" : name,
		text == NULL ? "" : text });
}

static void
link_line(struct link *l, const char *line, size_t n)
{
	json_t *object = json_loadb(line, n, JSON_ALLOW_NUL, NULL);
	const char *type = json_string_value(json_object_get(object,
	    "event_type"));

	if (type != NULL && strcmp(type, "run") == 0)
		link_run(l, json_object_get(object, "run"));
	else if (type != NULL && strcmp(type, "handled") == 0)
		link_handled(l, object);
	json_decref(object);
}

static void
link_readcb(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	char *line;
	size_t n;

	while ((line = evbuffer_readln(in, &n, EVBUFFER_EOL_LF)) != NULL) {
		link_line(arg, line, n);
		free(line);
	}
	if (evbuffer_get_length(in) > LINK_LINE_MAX)
		evbuffer_drain(in, evbuffer_get_length(in));
}

static void
link_eventcb(struct bufferevent *bev, short what, void *arg)
{
	struct link *l = arg;

	(void)what;
	log_warn("the responder is gone from the link");
	bufferevent_disable(bev, EV_READ | EV_WRITE);
	l->gone = true;
}

struct link *
link_new(struct event_base *base, const char *path,
    const struct link_callbacks *cb, void *arg)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct link *l;

	if (strlen(path) >= sizeof un.sun_path) {
		log_warn("link %s: the path is too long", path);
		close(fd);
		return NULL;
	}
	strcpy(un.sun_path, path);
	if (fd == -1 ||
	    connect(fd, (struct sockaddr *)&un, sizeof un) == -1) {
		log_warn("link %s: %s", path, strerror(errno));
		if (fd != -1)
			close(fd);
		return NULL;
	}
	evutil_make_socket_nonblocking(fd);
	l = xcalloc(1, sizeof *l);
	l->cb = *cb;
	l->arg = arg;
	l->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (l->bev == NULL)
		fatal("no bufferevent for the link");
	bufferevent_setcb(l->bev, link_readcb, NULL, link_eventcb, l);
	bufferevent_enable(l->bev, EV_READ | EV_WRITE);
	return l;
}

void
link_free(struct link *l)
{
	struct evbuffer *out;

	if (l == NULL)
		return;
	out = bufferevent_get_output(l->bev);
	/* What the responder has room for still goes out. */
	evbuffer_unfreeze(out, 1);
	while (!l->gone && evbuffer_get_length(out) > 0)
		if (evbuffer_write(out, bufferevent_getfd(l->bev)) <= 0)
			break;
	bufferevent_free(l->bev);
	free(l);
}

void
link_send(struct link *l, const char *line, size_t n)
{
	struct evbuffer *out;

	if (l == NULL || l->gone)
		return;
	out = bufferevent_get_output(l->bev);
	if (evbuffer_get_length(out) + n > LINK_WAITING_MAX)
		l->dropped++;
	else
		evbuffer_add(out, line, n);
}

void
link_answer(struct link *l, uint64_t command)
{
	struct jsonw j = { 0 };

	jsonw_object(&j, NULL);
	jsonw_string(&j, "event_type", "handled");
	jsonw_uint(&j, "command", command);
	jsonw_object_end(&j);
	jsonw_line_end(&j);
	link_send(l, j.data, j.length);
	jsonw_free(&j);
}

uint64_t
link_dropped(const struct link *l)
{
	return l == NULL ? 0 : l->dropped;
}
