/*
 * One run of one sample.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "console.h"
#include "events.h"
#include "files.h"
#include "guest.h"
#include "guestclock.h"
#include "link.h"
#include "probe.h"
#include "run.h"
#include "tracer.h"

#define RUN_PINGS 20
/* The most that a sample may be big: it lies in the guest's memory. */
#define RUN_SAMPLE_MODE 0755

/* What is being waited for. Each step begins when the one before is done. */
enum run_step {
	RUN_BOOT,
	RUN_CLOCK_ROUGH, /* how far off the guest's clock is */
	RUN_CLOCK_SET,
	RUN_CLOCK,     /* what is left, to be subtracted */
	RUN_SEED,
	RUN_SETUP,
	RUN_FILE,
	RUN_PROBES,
	RUN_START,
	RUN_RUNNING,
	RUN_STOPPING,
	RUN_CLOCK_AFTER,
	RUN_COLLECT,
	RUN_DONE
};

struct run {
	struct event_base *base;
	const struct image *image;
	struct run_options options;
	const struct elf *elf;
	const void *data;
	size_t n;
	struct guest *guest;
	struct events *events;
	struct console *console;
	struct files *files;
	struct tracer *tracer;
	struct probes probes;
	bool has_probes;
	struct link *link;
	struct guestclock clock, after;
	enum run_step step;
	unsigned pings;
	struct event *deadline; /* of the step */
	struct event *clock_timer; /* the sample's time */
	struct event *stats_timer;
	const char *reason;
	bool started, failed, gone, complete, stop, done;
	void (*ready)(void *);
	void *ready_arg;
};

static void run_next(struct run *, enum run_step);

/* The seconds that a step may take; 0 for as long as it likes. */
static const double run_deadlines[] = { [RUN_BOOT] = 0, [RUN_CLOCK_ROUGH] = 10,
	[RUN_CLOCK_SET] = 10, [RUN_CLOCK] = 10, [RUN_SEED] = 10,
	[RUN_SETUP] = 10, [RUN_FILE] = 60, [RUN_PROBES] = 30, [RUN_START] = 10,
	[RUN_RUNNING] = 0, [RUN_STOPPING] = 30, [RUN_CLOCK_AFTER] = 5,
	[RUN_COLLECT] = 30, [RUN_DONE] = 0 };

static void
run_after(struct event *timer, double seconds)
{
	struct timeval t = { (time_t)seconds,
		(suseconds_t)((seconds - (double)(time_t)seconds) * 1e6) };

	event_add(timer, &t);
}

/* Begins a device event; the caller adds keys and ends both objects. */
static struct jsonw *
run_event(struct run *r, int64_t wall, const char *state)
{
	struct jsonw *j = events_begin(r->events, wall, "device");

	jsonw_object(j, "device");
	jsonw_string(j, "state", state);
	return j;
}

static void
run_event_end(struct run *r)
{
	jsonw_object_end(events_line(r->events));
	events_end(r->events);
}

static void
run_clock_keys(struct jsonw *j, const struct guestclock *c)
{
	if (!c->known)
		return;
	jsonw_object(j, "clock");
	jsonw_int(j, "offset_ns", c->wall);
	jsonw_int(j, "mono_offset_ns", c->mono);
	jsonw_int(j, "error_ns", c->error);
	jsonw_object_end(j);
}

/* The run is over, with or without the guest: writes what is left to say. */
static void
run_finish(struct run *r)
{
	struct jsonw *j;

	if (r->done)
		return;
	r->step = RUN_DONE;
	r->done = true;
	event_del(r->deadline);
	event_del(r->clock_timer);
	event_del(r->stats_timer);
	tracer_flush(r->tracer);
	tracer_stats(r->tracer);
	j = run_event(r, clock_wall(), "stopped");
	run_clock_keys(j, &r->after);
	jsonw_uint(j, "link_dropped", link_dropped(r->link));
	run_event_end(r);
	events_flush(r->events);
	event_base_loopbreak(r->base);
}

/* Decides why the run ends; the first reason is the one. */
static void
run_end(struct run *r, const char *reason, const char *detail)
{
	struct jsonw *j;

	if (r->reason != NULL)
		return;
	r->reason = reason;
	j = run_event(r, clock_wall(), "ended");
	jsonw_string(j, "reason", reason);
	if (detail != NULL)
		jsonw_string(j, "detail", detail);
	run_event_end(r);
	if (strcmp(reason, "lost") == 0) {
		log_error("the run ends: %s", detail);
		r->failed = true;
		run_finish(r);
	} else if (r->step == RUN_RUNNING) {
		log_info("the run ends: %s", reason);
		run_next(r, RUN_STOPPING);
	} else {
		run_finish(r);
	}
}

static void
run_ping(struct run *r)
{
	uint8_t b[8];

	ctlframe_put64(b, (uint64_t)clock_wall());
	control_send(guest_control(r->guest), FRAME_PING, b, sizeof b);
}

static void
run_setup(struct run *r)
{
	struct control_list l = { NULL, 0 };

	control_list_add(&l, "persona=%s", r->options.persona);
	control_list_add(&l, "nameserver=8.8.8.8");
	control_list_add(&l, "address=10.13.37.2");
	control_list_add(&l, "bits=24");
	control_list_add(&l, "gateway=10.13.37.1");
	control_list_add(&l, "address6=fd13:37::2");
	control_list_add(&l, "bits6=64");
	control_list_add(&l, "gateway6=fd13:37::1");
	control_send(guest_control(r->guest), FRAME_SETUP, l.data, l.n);
	control_list_free(&l);
}

static void
run_plant(struct run *r)
{
	char *path = xasprintf(CELL_ROOT "%s", r->options.path);
	size_t n;
	char *list = probes_definitions(&r->probes, path, &n);

	free(path);
	if (n > FRAME_MAX)
		n = 0;
	control_send(guest_control(r->guest), FRAME_PROBES, list, n);
	free(list);
}

/* The tracer, and the sample under it. */
static void
run_start(struct run *r)
{
	struct control_list l = { NULL, 0 };

	level_words(r->options.level, r->options.rewrite, &l);
	control_list_add(&l, "path=%s", r->options.path);
	control_list_add(&l, "arg=%s", r->options.path);
	for (char **a = r->options.args; *a != NULL; a++)
		control_list_add(&l, "arg=%s", *a);
	control_send(guest_control(r->guest), FRAME_RUN, l.data, l.n);
	control_list_free(&l);
}

/* The guest is ready for the sample: its clock is known. */
static void
run_ready(struct run *r)
{
	struct jsonw *j = run_event(r, clock_wall(), "ready");

	jsonw_string(j, "arch", r->image->arch);
	if (r->image->kernel_version != NULL)
		jsonw_string(j, "kernel", r->image->kernel_version);
	jsonw_bool(j, "restored", guest_restored(r->guest));
	run_clock_keys(j, &r->clock);
	jsonw_string(j, "level", level_name(r->options.level));
	if (r->options.rewrite != NULL)
		jsonw_string(j, "rewrite", r->options.rewrite);
	run_event_end(r);
	if (r->ready != NULL)
		r->ready(r->ready_arg);
}

/* Begins a step: sends what it takes. */
static void
run_next(struct run *r, enum run_step step)
{
	struct control *c = guest_control(r->guest);
	uint8_t b[64];

	r->step = step;
	event_del(r->deadline);
	if (run_deadlines[step] > 0)
		run_after(r->deadline, run_deadlines[step]);
	switch (step) {
	case RUN_CLOCK_ROUGH:
	case RUN_CLOCK:
		memset(&r->clock, 0, sizeof r->clock);
		/* FALLTHROUGH */
	case RUN_CLOCK_AFTER:
		r->pings = 0;
		run_ping(r);
		break;
	case RUN_CLOCK_SET:
		ctlframe_put64(b, (uint64_t)(clock_wall() + r->clock.error));
		control_send(c, FRAME_CLOCK, b, 8);
		break;
	case RUN_SEED:
		run_ready(r);
		if (getrandom(b, sizeof b, 0) != sizeof b)
			fatal("getrandom: %s", strerror(errno));
		control_send(c, FRAME_SEED, b, sizeof b);
		break;
	case RUN_SETUP:
		run_setup(r);
		break;
	case RUN_FILE: {
		char *path = xasprintf(CELL_ROOT "%s", r->options.path);

		control_send_file(c, path, RUN_SAMPLE_MODE, r->data, r->n);
		free(path);
		break;
	}
	case RUN_PROBES:
		if (!r->has_probes || r->probes.count == 0) {
			run_next(r, RUN_START);
			return;
		}
		run_plant(r);
		break;
	case RUN_START:
		run_start(r);
		break;
	case RUN_RUNNING:
		/* Until the sample says that it has started. */
		if (!r->started)
			run_after(r->clock_timer, r->options.time + 30);
		if (r->stop)
			run_end(r, "signal", NULL);
		break;
	case RUN_STOPPING:
		event_del(r->clock_timer);
		if (r->gone && r->complete)
			run_next(r, RUN_CLOCK_AFTER);
		else if (!r->gone)
			control_send(c, FRAME_STOP, NULL, 0);
		break;
	case RUN_COLLECT:
		control_send(c, FRAME_COLLECT, NULL, 0);
		break;
	case RUN_DONE:
		run_finish(r);
		break;
	case RUN_BOOT:
		break;
	}
}

static void
run_pong(struct run *r, const struct ctlframe *f)
{
	int64_t now = clock_wall();
	struct ctlframe_pong p;
	bool after = r->step == RUN_CLOCK_AFTER;

	if (ctlframe_parse_pong(f, &p) == -1 ||
	    (r->step != RUN_CLOCK_ROUGH && r->step != RUN_CLOCK && !after))
		return;
	guestclock_ping(after ? &r->after : &r->clock, p.sent, now, p.wall,
	    p.mono);
	if (++r->pings < (r->step == RUN_CLOCK_ROUGH ? 4 : RUN_PINGS))
		run_ping(r);
	else
		run_next(r, (enum run_step)(r->step + 1));
}

/* The answer to a step's request. */
static void
run_result(struct run *r, const struct ctlframe *f)
{
	static const struct {
		enum frame_type request;
		enum run_step step;
		const char *what;
		bool optional;
	} answers[] = {
		{ FRAME_CLOCK, RUN_CLOCK_SET, "set its clock", false },
		{ FRAME_SEED, RUN_SEED, "take fresh randomness", false },
		{ FRAME_SETUP, RUN_SETUP, "set up network and cell", false },
		{ FRAME_FILE_END, RUN_FILE, "take the sample", false },
		{ FRAME_PROBES, RUN_PROBES, "plant every probe", true },
		{ FRAME_RUN, RUN_START, "start the sample", false },
		{ FRAME_COLLECT, RUN_COLLECT, "hand out files", true },
	};
	struct ctlframe_result a;

	if (ctlframe_parse_result(f, &a) == -1)
		return;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		char why[300];

		if (answers[i].request != a.request ||
		    answers[i].step != r->step)
			continue;
		if (a.error != 0 || a.length > 0) {
			snprintf(why, sizeof why,
			    "the guest could not %s: %.*s", answers[i].what,
			    (int)(a.length > 200 ? 200 : a.length), a.text);
			if (a.error != 0 && !answers[i].optional) {
				run_end(r, "lost", why);
				return;
			}
			log_warn("%s", why);
		}
		run_next(r, (enum run_step)(r->step + 1));
		return;
	}
}

/* The sample is gone and all of its trace is here. */
static void
run_over(struct run *r)
{
	const char *error = tracer_exec_error(r->tracer);
	char why[200];

	if (!r->gone || !r->complete)
		return;
	if (r->step == RUN_RUNNING && !r->started) {
		snprintf(why, sizeof why, "the sample could not be executed%s%s",
		    error == NULL ? "" : ": ", error == NULL ? "" : error);
		log_error("%s", why);
		r->failed = true;
		run_end(r, "exit", why);
	} else if (r->step == RUN_RUNNING) {
		run_end(r, "exit", NULL);
	} else if (r->step == RUN_STOPPING) {
		run_next(r, RUN_CLOCK_AFTER);
	}
}

static void
run_frame(void *arg, const struct ctlframe *f)
{
	struct run *r = arg;

	switch (f->type) {
	case FRAME_PONG:
		run_pong(r, f);
		break;
	case FRAME_RESULT:
		run_result(r, f);
		break;
	case FRAME_FORMAT:
		if (r->has_probes)
			probes_format(&r->probes, (const char *)f->payload,
			    f->length);
		break;
	case FRAME_OUTPUT:
		console_write(r->console, f->payload, f->length);
		break;
	case FRAME_COUNTS:
		tracer_counts(r->tracer, (const char *)f->payload, f->length);
		break;
	case FRAME_GONE:
		r->gone = true;
		run_over(r);
		break;
	case FRAME_FILE:
	case FRAME_DATA:
	case FRAME_FILE_END:
		if (r->step == RUN_COLLECT || r->step == RUN_STOPPING)
			files_frame(r->files, f);
		break;
	default:
		log_debug("the guest sent a frame of type %u", f->type);
	}
}

static void
run_stream(void *arg, enum qemu_port port, const void *data, size_t n)
{
	struct run *r = arg;

	if (port == QEMU_STRACE)
		tracer_strace(r->tracer, data, n);
	else if (port == QEMU_TRACE)
		tracer_ring(r->tracer, data, n);
	else
		console_write(r->console, data, n);
}

static void
run_boot_ready(void *arg)
{
	struct run *r = arg;

	/* A boot from cold begins anew where a restore failed. */
	if (r->step == RUN_BOOT)
		run_next(r, RUN_CLOCK_ROUGH);
}

static void
run_lost(void *arg, const char *why)
{
	struct run *r = arg;

	if (r->reason == NULL) {
		run_end(r, "lost", why);
	} else {
		r->failed = true;
		log_error("after the end of the run: %s", why);
		run_finish(r);
	}
}

static void
run_tracer_started(void *arg, int64_t wall, int64_t pid)
{
	struct run *r = arg;
	struct jsonw *j = run_event(r, wall, "sample");

	r->started = true;
	run_after(r->clock_timer, r->options.time);
	jsonw_int(j, "pid", pid);
	jsonw_string(j, "path", r->options.path);
	run_event_end(r);
}

static void
run_tracer_ended(void *arg)
{
	struct run *r = arg;

	r->complete = true;
	run_over(r);
}

static void
run_deadlinecb(int fd, short what, void *arg)
{
	struct run *r = arg;

	(void)fd;
	(void)what;
	if (r->reason == NULL) {
		run_end(r, "lost", "the guest does not answer");
		return;
	}
	log_warn("the guest does not answer any more: some of what it holds "
		 "is lost");
	r->failed = true;
	run_finish(r);
}

static void
run_timecb(int fd, short what, void *arg)
{
	struct run *r = arg;

	(void)fd;
	(void)what;
	/* The same timer serves the grace after "finished". */
	run_end(r, r->link != NULL && r->stop ? "finished" : "time", NULL);
}

static void
run_statscb(int fd, short what, void *arg)
{
	struct run *r = arg;

	(void)fd;
	(void)what;
	tracer_stats(r->tracer);
}

static void
run_finished(void *arg, const char *reason)
{
	struct run *r = arg;

	log_info("the responder has finished: %s", reason);
	if (r->step != RUN_RUNNING || r->stop)
		return;
	r->stop = true;
	run_after(r->clock_timer, r->options.grace);
}

static void
run_events_failed(void *arg, const char *why)
{
	struct run *r = arg;

	/* Not from in here: an event may be half written. */
	r->failed = true;
	log_error("the run ends, because its folder can't be written: %s", why);
	event_base_loopbreak(r->base);
}

struct run *
run_new(struct event_base *base, const struct image *image,
    const struct run_options *options, const struct elf *elf,
    const void *data, size_t n)
{
	static const struct tracer_callbacks tracer_cb = { run_tracer_started,
		run_tracer_ended };
	static const struct guest_callbacks guest_cb = { run_boot_ready,
		run_frame, run_stream, run_lost };
	struct guest_options o = { options->tap,
		(unsigned)options->time + 120, -1, options->cold };
	struct timeval second = { 5, 0 };
	struct run *r = xcalloc(1, sizeof *r);
	char why[300];

	r->base = base;
	r->image = image;
	r->options = *options;
	r->elf = elf;
	r->data = data;
	r->n = n;
	r->deadline = event_new(base, -1, 0, run_deadlinecb, r);
	r->clock_timer = event_new(base, -1, 0, run_timecb, r);
	r->stats_timer = event_new(base, -1, EV_PERSIST, run_statscb, r);
	event_add(r->stats_timer, &second);
	/* Under an emulator the kernel sees the emulator's code alone. */
	r->has_probes = (image->emulator == NULL ||
	    image->emulator[0] == '\0') && probes_init(&r->probes, elf) == 0;
	for (char **p = options->probes; r->has_probes && *p != NULL; p++)
		if (probes_add(&r->probes, elf, *p, why, sizeof why) == -1) {
			log_error("%s", why);
			goto fail;
		}
	if (r->has_probes && options->functions &&
	    probes_add_own(&r->probes, elf) == 0)
		log_warn("%s: no function of its own is found (stripped?)",
		    options->sample);
	if (r->has_probes && options->compares)
		probes_add_compares(&r->probes, elf);
	r->events = events_new(base, options->dir, run_events_failed, r);
	r->console = console_new(options->dir);
	if (r->events == NULL || r->console == NULL) {
		log_error("%s: %s", options->dir, strerror(errno));
		goto fail;
	}
	r->files = files_new(options->dir, r->events);
	r->tracer = tracer_new(r->events, &r->clock,
	    r->has_probes ? &r->probes : NULL, options->path, &tracer_cb, r);
	if (image->emulator != NULL && image->emulator[0] != '\0')
		tracer_emulated(r->tracer);
	if (options->link != NULL) {
		r->link = link_new(base, options->link, run_finished, r);
		events_set_link(r->events, r->link);
	}
	r->guest = guest_new(base, image, &o, &guest_cb, r, why, sizeof why);
	if (r->guest == NULL) {
		log_error("%s", why);
		goto fail;
	}
	struct jsonw *j = run_event(r, clock_wall(), "started");
	jsonw_string(j, "arch", image->arch);
	jsonw_int(j, "qemu_pid", guest_pid(r->guest));
	run_event_end(r);
	return r;
fail:
	run_free(r);
	return NULL;
}

void
run_free(struct run *r)
{
	if (r == NULL)
		return;
	guest_free(r->guest);
	tracer_free(r->tracer);
	files_free(r->files);
	if (r->events != NULL)
		events_set_link(r->events, NULL);
	link_free(r->link);
	events_free(r->events);
	console_free(r->console);
	probes_free(&r->probes);
	event_free(r->deadline);
	event_free(r->clock_timer);
	event_free(r->stats_timer);
	free(r);
}

void
run_stop(struct run *r)
{
	if (r->step == RUN_RUNNING || r->step == RUN_BOOT)
		run_end(r, "signal", NULL);
	else
		r->stop = true;
}

bool
run_done(const struct run *r)
{
	return r->done;
}

const char *
run_reason(const struct run *r)
{
	return r->reason == NULL ? "failed" : r->reason;
}

bool
run_failed(const struct run *r)
{
	return r->failed;
}

void
run_set_ready(struct run *r, void (*ready)(void *), void *arg)
{
	r->ready = ready;
	r->ready_arg = arg;
}
