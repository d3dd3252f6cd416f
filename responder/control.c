/*
 * Attachers: their lines in, answers and events out, both bounded. What they
 * ask for is the business of control_request.c.
 */
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "base/jsonw.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "control.h"
#include "control_request.h"
#include "record/device_link.h"
#include "record/journal.h"

#define CONTROL_ATTACHERS 16
/* Bytes that wait for an attacher before it misses events. */
#define CONTROL_OUTPUT (1024 * 1024)
/* With so many answers unread it is cut off. */
#define CONTROL_ANSWERS (4 * 1024 * 1024)

struct attacher {
	TAILQ_ENTRY(attacher) entry;
	struct control *control;
	struct bufferevent *bev;
	struct attacher_watch watch;
	bool hold;
	bool leaving;	 /* it said all that it had to */
	bool over;	 /* nobody reads it any more */
	uint64_t missed; /* events, since it was told last */
};

struct control {
	struct event_base *base;
	struct control_host host;
	struct evconnlistener *listener;
	TAILQ_HEAD(, attacher) attachers;
	size_t count, watchers, holders;
	struct event *reaper;
	struct jsonw line;
	char *path;
};

static size_t
attacher_waiting(const struct attacher *a)
{
	return evbuffer_get_length(bufferevent_get_output(a->bev));
}

/* It goes on the next turn of the loop: this may be its own callback. */
static void
attacher_end(struct attacher *a)
{
	a->over = true;
	bufferevent_disable(a->bev, EV_READ | EV_WRITE);
	event_active(a->control->reaper, 0, 0);
}

/* Begins a line of our own: {"event_type":"attach","attach":{"state":… */
static struct jsonw *
control_line(struct control *c, const char *state)
{
	struct jsonw *w = &c->line;

	jsonw_reset(w);
	jsonw_object(w, NULL);
	jsonw_string(w, "event_type", "attach");
	jsonw_object(w, "attach");
	jsonw_string(w, "state", state);
	return w;
}

static void
control_line_send(struct control *c, struct attacher *a)
{
	jsonw_object_end(&c->line);
	jsonw_object_end(&c->line);
	jsonw_line_end(&c->line);
	bufferevent_write(a->bev, c->line.data, c->line.length);
}

/* An event's line, if there is room for it. */
static void
attacher_show(struct attacher *a, const char *line, size_t n)
{
	if (a->over)
		return;
	if (a->missed > 0 || attacher_waiting(a) + n > CONTROL_OUTPUT) {
		a->missed++;
		return;
	}
	bufferevent_write(a->bev, line, n);
}

/* What waited has gone: says what was missed, or leaves. */
static void
attacher_written(struct bufferevent *bev A_UNUSED, void *arg)
{
	struct attacher *a = arg;

	if (a->missed > 0) {
		jsonw_uint(control_line(a->control, "missed"), "events",
		    a->missed);
		a->missed = 0;
		control_line_send(a->control, a);
	} else if (a->leaving && !a->watch.journal && !a->watch.device) {
		attacher_end(a);
	}
}

/* --- what attachers want ---------------------------------------------------- */

/*
 * Is the journal's line of this session? Its number stands before all that a
 * peer can write, and in JSON text quotes are escaped.
 */
static bool
control_line_is_of(const char *line, size_t n, uint64_t session)
{
	static const char key[] = "\"session\":";
	const char *p = memmem(line, n, key, sizeof key - 1);

	return p != NULL && strtoull(p + sizeof key - 1, NULL, 10) == session;
}

static void
control_journal(void *arg, const char *line, size_t n)
{
	struct control *c = arg;
	struct attacher *a;

	TAILQ_FOREACH (a, &c->attachers, entry) {
		if (a->watch.journal && (a->watch.session == 0 ||
		    control_line_is_of(line, n, a->watch.session)))
			attacher_show(a, line, n);
	}
}

void
control_device(struct control *c, const json_t *event)
{
	struct attacher *a;
	char *line = NULL;
	size_t n = 0;

	if (c->watchers == 0 || device_link_is_waiting(event))
		return;
	TAILQ_FOREACH (a, &c->attachers, entry) {
		if (!a->watch.device)
			continue;
		if (line == NULL) {
			line = json_dumps(event, JSON_COMPACT);
			if (line == NULL)
				return;
			n = strlen(line);
			line[n++] = '\n'; /* where the NUL was */
		}
		attacher_show(a, line, n);
	}
	free(line);
}

void
attacher_watch(struct attacher *a, const struct attacher_watch *watch)
{
	struct control *c = a->control;
	bool before = a->watch.journal || a->watch.device;
	bool now = watch->journal || watch->device;

	a->watch = *watch;
	if (now == before)
		return;
	c->watchers += now ? 1 : (size_t)-1;
	journal_tap(c->host.journal, c->watchers > 0 ? control_journal : NULL,
	    c);
}

void
attacher_hold(struct attacher *a, bool hold)
{
	struct control *c = a->control;

	if (a->hold == hold)
		return;
	a->hold = hold;
	c->holders += hold ? 1 : (size_t)-1;
	if (c->holders == (hold ? 1 : 0))
		c->host.held(c->host.arg, hold);
}

bool
control_held(const struct control *c)
{
	return c != NULL && c->holders > 0;
}

/* --- lines in ---------------------------------------------------------------- */

static void
attacher_free(struct attacher *a)
{
	struct attacher_watch nothing = { 0 };

	attacher_watch(a, &nothing);
	attacher_hold(a, false);
	TAILQ_REMOVE(&a->control->attachers, a, entry);
	a->control->count--;
	bufferevent_free(a->bev);
	free(a);
}

static void
control_reap(evutil_socket_t fd A_UNUSED, short what A_UNUSED, void *arg)
{
	struct control *c = arg;
	struct attacher *a, *next;

	for (a = TAILQ_FIRST(&c->attachers); a != NULL; a = next) {
		next = TAILQ_NEXT(a, entry);
		if (a->over)
			attacher_free(a);
	}
}

static void
attacher_answer(struct attacher *a, const char *line, size_t n)
{
	struct jsonw *w = &a->control->line;

	control_request(&a->control->host, a, line, n, w);
	bufferevent_write(a->bev, w->data, w->length);
	if (attacher_waiting(a) > CONTROL_ANSWERS) {
		log_warn("an attacher doesn't read its answers: cut off");
		attacher_end(a);
	}
}

static void
attacher_read(struct bufferevent *bev, void *arg)
{
	struct attacher *a = arg;
	struct attacher_watch nothing = { 0 };
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t n;
	char *line;

	while (!a->over &&
	    (line = evbuffer_readln(in, &n, EVBUFFER_EOL_LF)) != NULL) {
		attacher_answer(a, line, n);
		free(line);
	}
	if (a->over || evbuffer_get_length(in) < CONTROL_LINE)
		return;
	jsonw_uint(control_line(a->control, "line too long"), "line_max",
	    CONTROL_LINE);
	control_line_send(a->control, a);
	a->leaving = true;
	attacher_watch(a, &nothing);
	bufferevent_disable(a->bev, EV_READ);
}

/* Has the other end gone altogether, and not only said all? */
static bool
attacher_gone(const struct attacher *a)
{
	struct pollfd p = { .fd = bufferevent_getfd(a->bev) };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static void
attacher_event(struct bufferevent *bev, short what, void *arg)
{
	struct attacher *a = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t n = evbuffer_get_length(in);

	if (a->over)
		return;
	if (!(what & BEV_EVENT_EOF) || attacher_gone(a)) {
		attacher_end(a);
		return;
	}
	if (n > 0) /* a last line without its end */
		attacher_answer(a, (char *)evbuffer_pullup(in, -1), n);
	attacher_hold(a, false);
	a->leaving = true;
	if (!a->over && attacher_waiting(a) == 0)
		attacher_written(bev, a);
}

static void
attacher_greet(struct attacher *a)
{
	struct control *c = a->control;
	struct jsonw *w = control_line(c, "hello");
	const char *name = strrchr(c->host.run, '/');

	jsonw_uint(w, "version", CONTROL_VERSION);
	jsonw_string(w, "kagemusha", KAGEMUSHA_VERSION);
	jsonw_string(w, "run", name != NULL ? name + 1 : c->host.run);
	jsonw_uint(w, "line_max", CONTROL_LINE);
	control_line_send(c, a);
}

static void
control_accept(struct evconnlistener *listener A_UNUSED, evutil_socket_t fd,
    struct sockaddr *sa A_UNUSED, int length A_UNUSED, void *arg)
{
	struct control *c = arg;
	struct attacher *a = xcalloc(1, sizeof *a);

	a->control = c;
	a->bev = bufferevent_socket_new(c->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (a->bev == NULL)
		fatal("no memory for an attacher");
	TAILQ_INSERT_TAIL(&c->attachers, a, entry);
	c->count++;
	bufferevent_setcb(a->bev, attacher_read, attacher_written,
	    attacher_event, a);
	bufferevent_setwatermark(a->bev, EV_READ, 0, CONTROL_LINE);
	if (c->count > CONTROL_ATTACHERS) {
		jsonw_uint(control_line(c, "too many"), "attachers",
		    CONTROL_ATTACHERS);
		control_line_send(c, a);
		a->leaving = true;
		return;
	}
	attacher_greet(a);
	bufferevent_enable(a->bev, EV_READ);
	log_info("attached: %zu now", c->count);
}

/* --- the socket -------------------------------------------------------------- */

static int
control_listen(struct control *c)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t mask;

	if (strlen(c->path) >= sizeof sun.sun_path) {
		log_error("%s: too long for a socket's path", c->path);
		return -1;
	}
	strcpy(sun.sun_path, c->path);
	if (lstat(c->path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(c->path);
	mask = umask(0177);
	c->listener = evconnlistener_new_bind(c->base, control_accept, c,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 4,
	    (struct sockaddr *)&sun, sizeof sun);
	umask(mask);
	if (c->listener == NULL)
		log_error("can't listen at %s: %s", c->path, strerror(errno));
	return c->listener != NULL ? 0 : -1;
}

struct control *
control_new(struct event_base *base, const char *path,
    const struct control_host *host)
{
	struct control *c = xcalloc(1, sizeof *c);

	c->base = base;
	c->host = *host;
	c->path = xstrdup(path);
	TAILQ_INIT(&c->attachers);
	if (control_listen(c) < 0) {
		free(c->path);
		free(c);
		return NULL;
	}
	c->reaper = event_new(base, -1, 0, control_reap, c);
	if (c->reaper == NULL)
		fatal("no memory for an event");
	return c;
}

/* The last words, as far as the socket takes them at once. */
static void
attacher_farewell(struct attacher *a)
{
	struct evbuffer *out = bufferevent_get_output(a->bev);

	control_line(a->control, "end");
	control_line_send(a->control, a);
	/* The loop has ended: what it would write is written here. */
	bufferevent_disable(a->bev, EV_WRITE);
	evbuffer_unfreeze(out, 1);
	evbuffer_write(out, bufferevent_getfd(a->bev));
}

void
control_free(struct control *c)
{
	struct attacher *a;

	if (c == NULL)
		return;
	evconnlistener_free(c->listener);
	unlink(c->path);
	while ((a = TAILQ_FIRST(&c->attachers)) != NULL) {
		if (!a->over)
			attacher_farewell(a);
		a->hold = false; /* too late to go on */
		attacher_free(a);
	}
	journal_tap(c->host.journal, NULL, NULL);
	event_free(c->reaper);
	jsonw_free(&c->line);
	free(c->path);
	free(c);
}
