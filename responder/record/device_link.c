/*
 * The device's events as they happen.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "record/device_link.h"

/* The longest line that a well-behaved device writes is far below. */
#define DEVICE_LINK_LINE (1024 * 1024)

struct device_link {
	struct event_base *base;
	struct evconnlistener *listener;
	struct bufferevent *bev; /* the device, or NULL */
	device_link_cb *cb;
	void *arg;
	char *path;
	char *finished; /* the line, once there is one */
	char arch[32];
	int64_t active;
	uint64_t events, bad;
	unsigned asked; /* words of handled commands without an answer */
	bool dumps;
};

/* System calls by which a sample waits, or keeps house while it does. */
static const char *const device_link_waits[] = { "_newselect", "alarm",
	"clock_gettime", "clock_gettime64", "clock_nanosleep",
	"clock_nanosleep_time64", "epoll_pwait", "epoll_wait", "futex",
	"futex_time64", "getitimer", "gettimeofday", "nanosleep", "pause",
	"poll", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64",
	"restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
	"rt_sigsuspend", "rt_sigtimedwait", "sched_yield", "select",
	"setitimer", "sigaction", "sigprocmask", "sigreturn", "sigsuspend",
	"time", "times", "wait4", "waitpid" };

bool
device_link_is_waiting(const json_t *event)
{
	const char *type = json_string_value(json_object_get(event,
	    "event_type"));
	const json_t *call = json_object_get(event, "syscall");
	const char *name = json_string_value(json_object_get(call, "name"));
	const char *error = json_string_value(json_object_get(call, "errno"));

	if (type == NULL || strcmp(type, "stats") == 0 ||
	    strcmp(type, "device") == 0)
		return true;
	if (strcmp(type, "syscall") != 0 || name == NULL)
		return false;
	if (error != NULL && (strcmp(error, "EAGAIN") == 0 ||
	    strcmp(error, "EWOULDBLOCK") == 0))
		return true;
	for (size_t i = 0;
	    i < sizeof device_link_waits / sizeof *device_link_waits; i++) {
		if (strcmp(name, device_link_waits[i]) == 0)
			return true;
	}
	return false;
}

static void
device_link_note(struct device_link *d, const json_t *event)
{
	const char *arch = json_string_value(json_object_get(
	    json_object_get(event, "device"), "arch"));

	const char *type = json_string_value(json_object_get(event,
	    "event_type"));

	if (type != NULL && strcmp(type, "handled") == 0) {
		d->asked -= d->asked > 0;
		return;
	}
	if (arch != NULL)
		snprintf(d->arch, sizeof d->arch, "%s", arch);
	if (json_object_get(json_object_get(event, "device"), "dump_after") !=
	    NULL)
		d->dumps = true;
	if (!device_link_is_waiting(event)) {
		d->active = clock_mono();
		d->events++;
	}
	d->cb(d->arg, event);
}

static void
device_link_drop(struct device_link *d)
{
	if (d->bev != NULL)
		bufferevent_free(d->bev);
	d->bev = NULL;
	d->asked = 0;
	d->dumps = false;
}

static void
device_link_read(struct bufferevent *bev, void *arg)
{
	struct device_link *d = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t n;
	char *line;

	while ((line = evbuffer_readln(in, &n, EVBUFFER_EOL_LF)) != NULL) {
		json_t *event = json_loadb(line, n, JSON_ALLOW_NUL, NULL);

		free(line);
		if (json_is_object(event))
			device_link_note(d, event);
		else if (d->bad++ == 0)
			log_warn("the device sent a line that is no event");
		json_decref(event);
	}
	if (evbuffer_get_length(in) > DEVICE_LINK_LINE) {
		log_error("the device sent a line without end: link closed");
		device_link_drop(d);
	}
}

static void
device_link_event(struct bufferevent *bev A_UNUSED, short what, void *arg)
{
	struct device_link *d = arg;

	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
		log_info("the device has left");
		device_link_drop(d);
	}
}

static void
device_link_accept(struct evconnlistener *listener A_UNUSED,
    evutil_socket_t fd, struct sockaddr *sa A_UNUSED, int length A_UNUSED,
    void *arg)
{
	struct device_link *d = arg;

	/* A device that was started again takes the place of the old one. */
	device_link_drop(d);
	d->bev = bufferevent_socket_new(d->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (d->bev == NULL) {
		close(fd);
		return;
	}
	bufferevent_setcb(d->bev, device_link_read, NULL, device_link_event, d);
	bufferevent_enable(d->bev, EV_READ | EV_WRITE);
	d->active = clock_mono();
	if (d->finished != NULL)
		bufferevent_write(d->bev, d->finished, strlen(d->finished));
}

struct device_link *
device_link_new(struct event_base *base, const char *path, device_link_cb *cb,
    void *arg)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct device_link *d;
	struct stat st;
	mode_t mask;

	if (strlen(path) >= sizeof sun.sun_path) {
		log_error("%s: too long for a socket's path", path);
		return NULL;
	}
	strcpy(sun.sun_path, path);
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
	d = xcalloc(1, sizeof *d);
	d->base = base;
	d->cb = cb;
	d->arg = arg;
	mask = umask(0177);
	d->listener = evconnlistener_new_bind(base, device_link_accept, d,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 4,
	    (struct sockaddr *)&sun, sizeof sun);
	umask(mask);
	if (d->listener == NULL) {
		log_error("can't listen at %s: %s", path, strerror(errno));
		free(d);
		return NULL;
	}
	d->path = xstrdup(path);
	return d;
}

void
device_link_free(struct device_link *d)
{
	if (d == NULL)
		return;
	device_link_drop(d);
	evconnlistener_free(d->listener);
	unlink(d->path);
	free(d->path);
	free(d->finished);
	free(d);
}

bool
device_link_connected(const struct device_link *d)
{
	return d->bev != NULL;
}

int64_t
device_link_active(const struct device_link *d)
{
	return d->active;
}

uint64_t
device_link_events(const struct device_link *d)
{
	return d->events;
}

const char *
device_link_arch(const struct device_link *d)
{
	return d->arch[0] != '\0' ? d->arch : NULL;
}

void
device_link_handled(struct device_link *d, const char *line)
{
	if (d->bev == NULL || !d->dumps)
		return;
	bufferevent_write(d->bev, line, strlen(line));
	d->asked++;
}

bool
device_link_busy(const struct device_link *d)
{
	return d->asked > 0;
}

void
device_link_finished(struct device_link *d, const char *reason)
{
	struct jsonw w = { 0 };

	if (d->finished != NULL)
		return;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "event_type", "run");
	jsonw_object(&w, "run");
	jsonw_string(&w, "state", "finished");
	jsonw_string(&w, "reason", reason);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	jsonw_line_end(&w);
	d->finished = xmemdup0(w.data, w.length);
	jsonw_free(&w);
	if (d->bev != NULL)
		bufferevent_write(d->bev, d->finished, strlen(d->finished));
}
