/*
 * A guest from outside.
 */
#include <errno.h>
#include <event2/event.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "guest.h"
#include "qmp.h"

#define GUEST_BOOT_SECONDS 60
#define GUEST_RESTORE_SECONDS 20
#define GUEST_POLL_MS 5

static const enum qemu_port guest_streams[] = { QEMU_STRACE, QEMU_TRACE,
	QEMU_CONSOLE, QEMU_ERRORS };
#define GUEST_STREAMS (sizeof guest_streams / sizeof *guest_streams)

struct guest_stream {
	struct guest *guest;
	enum qemu_port port;
	struct event *event;
};

struct guest {
	struct event_base *base;
	const struct image *image;
	struct guest_options options;
	struct guest_callbacks cb;
	void *arg;
	struct qemu qemu;
	struct qmp *qmp;
	struct control *control;
	struct guest_stream streams[GUEST_STREAMS];
	struct event *timer; /* polls QMP, or ends a boot that takes too long */
	struct event *lost_event;
	const char *why;
	char ended[80]; /* how QEMU ended */
	char errors[512]; /* the line that QEMU is writing */
	size_t errors_n;
	int64_t polls;
	bool restore, ready, lost;
	void (*saved)(void *, const char *);
};

static int guest_boot(struct guest *, bool, char *, size_t);
static void guest_end(struct guest *);

static void
guest_timer(struct guest *g, int ms)
{
	struct timeval t = { ms / 1000, ms % 1000 * 1000 };

	event_add(g->timer, &t);
}

/* QEMU's own words, a line at a time. */
static void
guest_errors(struct guest *g, const char *data, size_t n)
{
	for (; n > 0; data++, n--) {
		if (*data != '\n' && g->errors_n < sizeof g->errors - 1) {
			g->errors[g->errors_n++] = *data;
			continue;
		}
		g->errors[g->errors_n] = '\0';
		g->errors_n = 0;
		/* Without a tap that is what is wanted. */
		if (strstr(g->errors, "hub 0 is not connected") == NULL)
			log_warn("%s", g->errors);
	}
}

/* Hands over what a stream has; false at its end. */
static bool
guest_read(struct guest_stream *s)
{
	struct guest *g = s->guest;
	static char b[256 << 10];
	ssize_t n = read(g->qemu.ports[s->port], b, sizeof b);

	/* What labinit said before these lines were written comes first. */
	if (n > 0 && s->port == QEMU_STRACE && g->control != NULL)
		control_drain(g->control);
	if (n > 0 && s->port == QEMU_ERRORS)
		guest_errors(g, b, (size_t)n);
	else if (n > 0)
		g->cb.stream(g->arg, s->port, b, (size_t)n);
	return n > 0;
}

static void
guest_readcb(int fd, short what, void *arg)
{
	struct guest_stream *s = arg;

	(void)fd;
	(void)what;
	/* What strace wrote before a probe was hit comes before it. */
	if (s->port == QEMU_TRACE)
		for (int i = 0; i < 16 &&
		     guest_read(&s->guest->streams[0]); i++)
			;
	if (!guest_read(s) && errno != EAGAIN && errno != EINTR)
		event_del(s->event);
}

/* On the next turn of the loop: the guest is gone, or boots anew. */
static void
guest_lostcb(int fd, short what, void *arg)
{
	struct guest *g = arg;
	char why[256];

	(void)fd;
	(void)what;
	for (size_t i = 0; i < GUEST_STREAMS; i++)
		if (g->qemu.ports[g->streams[i].port] != -1)
			while (guest_read(&g->streams[i]))
				;
	if (qemu_ended(&g->qemu, g->ended, sizeof g->ended))
		g->why = g->ended;
	if (!g->restore || g->ready) {
		g->cb.lost(g->arg, g->why);
		return;
	}
	log_warn("the snapshot could not be restored (%s): booting instead, "
	    "which takes seconds; `device --image %s --make-snapshot` renews "
	    "it", g->why, g->image->folder);
	guest_end(g);
	g->lost = false;
	if (guest_boot(g, false, why, sizeof why) == -1)
		g->cb.lost(g->arg, "the guest can't be started");
}

static void
guest_lose(struct guest *g, const char *why)
{
	if (g->lost)
		return;
	g->lost = true;
	g->why = why;
	event_del(g->timer);
	event_active(g->lost_event, EV_TIMEOUT, 0);
}

static void
guest_qmp_lost(void *arg)
{
	guest_lose(arg, "QEMU ended");
}

static void
guest_control_lost(void *arg, const char *why)
{
	guest_lose(arg, why);
}

static void
guest_is_ready(struct guest *g)
{
	event_del(g->timer);
	g->ready = true;
	g->cb.ready(g->arg);
}

static void
guest_frame(void *arg, const struct ctlframe *f)
{
	struct guest *g = arg;

	if (f->type == FRAME_HELLO) {
		if (!g->ready && !g->restore)
			guest_is_ready(g);
		return;
	}
	if (f->type == FRAME_LOG) {
		log_warn("guest: %.*s", (int)(f->length > 500 ? 500 : f->length),
		    (const char *)f->payload);
		return;
	}
	if (g->ready && !g->lost)
		g->cb.frame(g->arg, f);
}

static void
guest_continued(void *arg, json_t *value, const char *error)
{
	struct guest *g = arg;

	(void)value;
	if (g->lost || g->ready)
		return;
	if (error != NULL)
		guest_lose(g, "the snapshot does not go on");
	else
		guest_is_ready(g);
}

/*
 * It was saved while it stood still, so it stands when all of it is there. Bytes
 * that are sent to it before it goes on are never picked up.
 */
static void
guest_status(void *arg, json_t *value, const char *error)
{
	struct guest *g = arg;
	const char *status =
	    json_string_value(json_object_get(value, "status"));

	(void)error;
	if (g->lost || g->ready)
		return;
	if (status != NULL && strcmp(status, "paused") == 0)
		qmp_command(g->qmp, "cont", NULL, guest_continued);
	else
		guest_timer(g, GUEST_POLL_MS);
}

static void
guest_migration(void *arg, json_t *value, const char *error)
{
	struct guest *g = arg;
	const char *status =
	    json_string_value(json_object_get(value, "status"));

	if (error != NULL || (status != NULL && strcmp(status, "failed") == 0))
		g->saved(g->arg, error != NULL ? error : "it failed");
	else if (status != NULL && strcmp(status, "completed") == 0)
		g->saved(g->arg, NULL);
	else
		guest_timer(g, 20);
}

static void
guest_timercb(int fd, short what, void *arg)
{
	struct guest *g = arg;

	(void)fd;
	(void)what;
	if (g->saved != NULL) {
		qmp_command(g->qmp, "query-migrate", NULL, guest_migration);
	} else if (!g->restore) {
		guest_lose(g, "the guest did not boot in time");
	} else if (++g->polls > GUEST_RESTORE_SECONDS * 1000 / GUEST_POLL_MS) {
		guest_lose(g, "the snapshot did not start in time");
	} else {
		qmp_command(g->qmp, "query-status", NULL, guest_status);
	}
}

/* Starts QEMU and listens to all its ports. */
static int
guest_boot(struct guest *g, bool restore, char *why, size_t size)
{
	static const struct control_callbacks control_cb = { guest_frame,
		guest_control_lost };
	struct qemu_options o = { g->options.tap, restore,
		g->options.save != -1,
		g->options.cpu_seconds };

	g->restore = restore;
	if (qemu_start(&g->qemu, g->image, &o, why, size) == -1)
		return -1;
	g->control = control_new(g->base, g->qemu.ports[QEMU_CONTROL],
	    &control_cb, g);
	g->qmp = qmp_new(g->base, g->qemu.ports[QEMU_QMP], guest_qmp_lost, g);
	for (size_t i = 0; i < GUEST_STREAMS; i++) {
		struct guest_stream *s = &g->streams[i];

		*s = (struct guest_stream) { g, guest_streams[i], NULL };
		s->event = event_new(g->base, g->qemu.ports[s->port],
		    EV_READ | EV_PERSIST, guest_readcb, s);
		event_add(s->event, NULL);
	}
	guest_timer(g, restore ? GUEST_POLL_MS : GUEST_BOOT_SECONDS * 1000);
	return 0;
}

/* Ends QEMU and all that belongs to this one process of it. */
static void
guest_end(struct guest *g)
{
	int status = qemu_kill(&g->qemu);

	if (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
		log_error("%s could not be executed: is it installed?",
		    g->image->qemu);
	event_del(g->timer);
	control_free(g->control);
	qmp_free(g->qmp);
	g->control = NULL;
	g->qmp = NULL;
	for (size_t i = 0; i < GUEST_STREAMS; i++) {
		if (g->streams[i].event != NULL)
			event_free(g->streams[i].event);
		g->streams[i].event = NULL;
		if (g->qemu.ports[guest_streams[i]] != -1)
			close(g->qemu.ports[guest_streams[i]]);
		g->qemu.ports[guest_streams[i]] = -1;
	}
}

struct guest *
guest_new(struct event_base *base, const struct image *image,
    const struct guest_options *options, const struct guest_callbacks *cb,
    void *arg, char *why, size_t size)
{
	struct guest *g = xcalloc(1, sizeof *g);
	bool restore = image->no_snapshot == NULL && !options->cold &&
	    options->save == -1;

	g->base = base;
	g->image = image;
	g->options = *options;
	g->cb = *cb;
	g->arg = arg;
	g->timer = event_new(base, -1, 0, guest_timercb, g);
	g->lost_event = event_new(base, -1, 0, guest_lostcb, g);
	for (int i = 0; i < QEMU_PORTS; i++)
		g->qemu.ports[i] = -1;
	if (guest_boot(g, restore, why, size) == -1) {
		guest_free(g);
		return NULL;
	}
	return g;
}

void
guest_free(struct guest *g)
{
	if (g == NULL)
		return;
	guest_end(g);
	event_free(g->timer);
	event_free(g->lost_event);
	free(g);
}

struct control *
guest_control(struct guest *g)
{
	return g->control;
}

struct qmp *
guest_qmp(struct guest *g)
{
	return g->qmp;
}

pid_t
guest_pid(const struct guest *g)
{
	return g->qemu.pid;
}

int64_t
guest_cpu(const struct guest *g)
{
	struct timespec t;
	clockid_t clock;

	if (g->qemu.pid <= 0 || clock_getcpuclockid(g->qemu.pid, &clock) != 0 ||
	    clock_gettime(clock, &t) == -1)
		return 0;
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool
guest_restored(const struct guest *g)
{
	return g->restore;
}

static void
guest_migrate(void *arg, json_t *value, const char *error)
{
	struct guest *g = arg;

	(void)value;
	if (error != NULL)
		g->saved(g->arg, error);
	else
		guest_timer(g, 20);
}

/* QEMU has the descriptor: the state goes there. */
static void
guest_given(void *arg, json_t *value, const char *error)
{
	struct guest *g = arg;

	(void)value;
	if (error != NULL)
		g->saved(g->arg, error);
	else
		qmp_command(g->qmp, "migrate", "{\"uri\":\"fd:save\"}",
		    guest_migrate);
}

/*
 * Stopped first: of a machine that runs, TCG (7.2) now and then takes a page as
 * it was before its last change, and the kernel of every restored guest then
 * falls over its own freelists.
 */
void
guest_save(struct guest *g, void (*done)(void *, const char *))
{
	g->saved = done;
	qmp_command(g->qmp, "stop", NULL, NULL);
	qmp_command(g->qmp, "migrate-set-parameters",
	    "{\"max-bandwidth\":17179869184}", NULL);
	qmp_send_fd(g->qmp, "save", g->options.save, guest_given);
}
