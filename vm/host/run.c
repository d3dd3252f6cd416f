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
#include "clocksync.h"
#include "console.h"
#include "decoded.h"
#include "delay.h"
#include "dump.h"
#include "events.h"
#include "files.h"
#include "guest.h"
#include "link.h"
#include "probing.h"
#include "request.h"
#include "run.h"
#include "tracer.h"

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
	struct decoded *decoded;
	const char **given; /* what the sample is told: path, arguments */
	struct dump *dump;
	struct tracer *tracer;
	struct delay *ring; /* what the probes tell, on its way to it */
	struct probing *probing;
	struct link *link;
	struct clocksync clock;
	enum run_step step;
	unsigned unconfirmed; /* files that the guest has not confirmed */
	uint64_t files_left;  /* files that the guest did not hand out */
	int64_t heard; /* when the guest last said something; monotonic */
	struct event *deadline; /* of the step */
	struct event *clock_timer; /* the sample's time */
	struct event *stats_timer;
	const char *reason;
	bool silent, started, failed, gone, complete, stop, done;
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
	delay_flush(r->ring);
	tracer_flush(r->tracer);
	tracer_stats(r->tracer);
	j = run_event(r, clock_wall(), "stopped");
	clocksync_tell(&r->clock.after, j);
	jsonw_uint(j, "link_dropped", link_dropped(r->link));
	if (r->silent)
		jsonw_bool(j, "silent", true);
	if (r->files_left > 0)
		jsonw_uint(j, "files_left", r->files_left);
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

/* The guest is ready for the sample: its clock is known. */
static void
run_ready(struct run *r)
{
	struct jsonw *j = run_event(r, clock_wall(), "ready");

	jsonw_string(j, "arch", r->image->arch);
	if (r->image->kernel_version != NULL)
		jsonw_string(j, "kernel", r->image->kernel_version);
	jsonw_bool(j, "restored", guest_restored(r->guest));
	clocksync_tell(&r->clock.before, j);
	jsonw_string(j, "level", level_name(r->options.level));
	if (r->options.rewrite != NULL)
		jsonw_string(j, "rewrite", r->options.rewrite);
	if (probing_probes(r->probing) != NULL)
		probes_tell(probing_probes(r->probing), j);
	if (r->options.skip > 0)
		jsonw_real(j, "skip_sleep", r->options.skip);
	if (*r->options.dump_after != NULL) {
		jsonw_array(j, "dump_after");
		for (char **p = r->options.dump_after; *p != NULL; p++)
			jsonw_string(j, NULL, *p);
		jsonw_array_end(j);
	}
	run_event_end(r);
	if (r->ready != NULL)
		r->ready(r->ready_arg);
}

/* The sample, and its loader before it. */
static void
run_send(struct run *r)
{
	struct control *c = guest_control(r->guest);
	char *path = xasprintf(CELL_ROOT "%s", r->options.path), why[300];
	int files = loader_send(r->options.loader, c, why, sizeof why);

	if (files == -1) {
		run_end(r, "lost", why);
	} else {
		control_send_file(c, path, RUN_SAMPLE_MODE, r->data, r->n);
		r->unconfirmed = (unsigned)files + 1;
	}
	free(path);
}

/* Begins a step: sends what it takes. */
static void
run_next(struct run *r, enum run_step step)
{
	struct control *c = guest_control(r->guest);
	uint8_t b[64];

	r->step = step;
	log_debug("step %d, QEMU has used %.0f ms", step,
	    (double)guest_cpu(r->guest) / 1e6);
	event_del(r->deadline);
	if (run_deadlines[step] > 0)
		run_after(r->deadline, run_deadlines[step]);
	switch (step) {
	case RUN_CLOCK_ROUGH:
		clocksync_begin(&r->clock, c, CLOCKSYNC_ROUGH);
		break;
	case RUN_CLOCK:
		clocksync_begin(&r->clock, c, CLOCKSYNC_BEFORE);
		break;
	case RUN_CLOCK_AFTER:
		clocksync_begin(&r->clock, c, CLOCKSYNC_AFTER);
		break;
	case RUN_CLOCK_SET:
		clocksync_set(&r->clock, c);
		break;
	case RUN_SEED:
		run_ready(r);
		if (getrandom(b, sizeof b, 0) != sizeof b)
			fatal("getrandom: %s", strerror(errno));
		control_send(c, FRAME_SEED, b, sizeof b);
		break;
	case RUN_SETUP:
		request_setup(c, r->options.persona);
		break;
	case RUN_FILE:
		run_send(r);
		break;
	case RUN_PROBES:
		if (!probing_plant(r->probing, c, r->options.path))
			run_next(r, RUN_START);
		break;
	case RUN_START:
		request_run(c, r->options.level, r->options.keep_level,
		    r->options.rewrite, r->options.skip, r->options.path,
		    r->options.args);
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

/* An answer to a ping; those that only show that it lives say no more. */
static void
run_pong(struct run *r, const struct ctlframe *f)
{
	if (r->step != RUN_CLOCK_ROUGH && r->step != RUN_CLOCK &&
	    r->step != RUN_CLOCK_AFTER)
		return;
	if (clocksync_pong(&r->clock, guest_control(r->guest), f))
		run_next(r, (enum run_step)(r->step + 1));
}

/* Takes the memory of the next command that has been handled. */
static void
run_dump(struct run *r)
{
	uint64_t command = dump_begin(r->dump);

	if (command == 0)
		return;
	files_set_command(r->files, command);
	control_send(guest_control(r->guest), FRAME_DUMP, NULL, 0);
}

/* All of it is here: the next command may be sent. */
static void
run_dumped(struct run *r, uint32_t error)
{
	uint64_t command = dump_command(r->dump);
	struct jsonw *j;

	if (command == 0)
		return;
	dump_end(r->dump);
	files_set_command(r->files, 0);
	j = events_begin(r->events, clock_wall(), "device");
	jsonw_uint(j, "command", command);
	jsonw_object(j, "device");
	jsonw_string(j, "state", error == 0 ? "dumped" : "not dumped");
	run_event_end(r);
	link_answer(r->link, command);
	if (r->step == RUN_RUNNING)
		run_dump(r);
}

static void
run_handled(void *arg, const struct link_command *command)
{
	struct run *r = arg;

	if (r->step == RUN_RUNNING && dump_take(r->dump, command))
		run_dump(r);
	else
		link_answer(r->link, command->id);
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
	if (a.request == FRAME_DUMP) {
		run_dumped(r, a.error);
		return;
	}
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		char why[300];

		if (answers[i].request != a.request ||
		    answers[i].step != r->step)
			continue;
		if (a.request == FRAME_COLLECT && a.error == 0) {
			snprintf(why, sizeof why, "%.*s",
			    (int)(a.length > 9 ? 9 : a.length), a.text);
			r->files_left = strtoul(why, NULL, 10);
		} else if (a.error != 0 || a.length > 0) {
			snprintf(why, sizeof why,
			    "the guest could not %s: %.*s", answers[i].what,
			    (int)(a.length > 200 ? 200 : a.length), a.text);
			if (a.error != 0 && !answers[i].optional) {
				run_end(r, "lost", why);
				return;
			}
			log_warn("%s", why);
		}
		if (r->step == RUN_FILE && --r->unconfirmed > 0)
			return;
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

	r->heard = clock_mono();
	switch (f->type) {
	case FRAME_PONG:
		run_pong(r, f);
		break;
	case FRAME_RESULT:
		run_result(r, f);
		break;
	case FRAME_FORMAT:
		probing_format(r->probing, f);
		break;
	case FRAME_OUTPUT:
		console_write(r->console, f->payload, f->length);
		break;
	case FRAME_SKIPPED:
		clocksync_skipped(&r->clock, f, r->events);
		break;
	case FRAME_COUNTS:
		tracer_counts(r->tracer, (const char *)f->payload, f->length);
		break;
	case FRAME_SOCKETS:
		tracer_sockets(r->tracer, (const char *)f->payload, f->length);
		break;
	case FRAME_TITLE:
		tracer_title(r->tracer, f);
		break;
	case FRAME_STEPS:
		tracer_steps(r->tracer, (const char *)f->payload, f->length);
		break;
	case FRAME_GONE:
		r->gone = true;
		run_over(r);
		break;
	case FRAME_FILE:
	case FRAME_DATA:
	case FRAME_FILE_END:
		/* Cores and dumps come while it runs. */
		if (r->step >= RUN_RUNNING && r->step <= RUN_COLLECT)
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

	r->heard = clock_mono();
	if (port == QEMU_STRACE)
		tracer_strace(r->tracer, data, n);
	else if (port == QEMU_TRACE)
		delay_bytes(r->ring, data, n);
	else
		console_write(r->console, data, n);
}

static void
run_ring(void *arg, const void *data, size_t n)
{
	struct run *r = arg;

	tracer_ring(r->tracer, data, n);
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
	jsonw_real(j, "qemu_cpu", (double)guest_cpu(r->guest) / 1e9);
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
	r->silent = true;
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
	char why[80];

	(void)fd;
	(void)what;
	tracer_stats(r->tracer);
	if (r->step != RUN_RUNNING)
		return;
	if (clock_mono() - r->heard > (int64_t)(r->options.silence * 1e9)) {
		snprintf(why, sizeof why, "the guest has not answered for "
		    "%.0f s", r->options.silence);
		r->silent = true;
		run_end(r, "lost", why);
		return;
	}
	/* It has to answer, also when its sample has nothing to tell. */
	clocksync_ping(guest_control(r->guest));
}

static void
run_probe_enough(void *arg, const char *event)
{
	struct run *r = arg;

	if (r->step == RUN_RUNNING)
		probing_enough(guest_control(r->guest), event);
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

/* What the sample is given, ended by NULL: the caller frees the list. */
static const char **
run_given(const struct run_options *o)
{
	size_t count = 0;
	const char **list;

	while (o->args[count] != NULL)
		count++;
	list = xcalloc(count + 2, sizeof *list);
	list[0] = o->path;
	for (size_t i = 0; i < count; i++)
		list[i + 1] = o->args[i];
	return list;
}

struct run *
run_new(struct event_base *base, const struct image *image,
    const struct run_options *options, const struct elf *elf,
    const void *data, size_t n)
{
	static const struct tracer_callbacks tracer_cb = { run_tracer_started,
		run_tracer_ended, run_probe_enough };
	static const struct link_callbacks link_cb = { run_finished,
		run_handled };
	static const struct guest_callbacks guest_cb = { run_boot_ready,
		run_frame, run_stream, run_lost };
	struct guest_options o = { options->tap,
		(unsigned)options->time + 120, -1, options->cold };
	const struct probing_wish wish = { options->probes, options->covers,
		options->functions, options->compares };
	bool emulated = image->emulator != NULL && image->emulator[0] != '\0';
	struct timeval second = { 5, 0 };
	struct run *r = xcalloc(1, sizeof *r);
	char why[300];

	r->base = base;
	r->image = image;
	r->options = *options;
	r->elf = elf;
	r->data = data;
	r->n = n;
	r->dump = dump_new(options->dump_after);
	r->deadline = event_new(base, -1, 0, run_deadlinecb, r);
	r->clock_timer = event_new(base, -1, 0, run_timecb, r);
	r->stats_timer = event_new(base, -1, EV_PERSIST, run_statscb, r);
	event_add(r->stats_timer, &second);
	r->probing = probing_new(elf, options->sample, &wish);
	if (r->probing == NULL)
		goto fail;
	r->events = events_new(base, options->dir, run_events_failed, r);
	r->console = console_new(options->dir);
	if (r->events == NULL || r->console == NULL) {
		log_error("%s: %s", options->dir, strerror(errno));
		goto fail;
	}
	r->given = run_given(options);
	r->decoded = decoded_new(data, n, r->given);
	r->files = files_new(options->dir, r->events, r->decoded);
	files_set_program(r->files, elf, options->path);
	r->tracer = tracer_new(r->events, &r->clock.before,
	    probing_probes(r->probing), options->path, &tracer_cb, r);
	r->ring = delay_new(base, run_ring, r);
	if (emulated)
		tracer_emulated(r->tracer);
	if (options->link != NULL) {
		r->link = link_new(base, options->link, &link_cb, r);
		events_set_link(r->events, r->link);
	}
	r->guest = guest_new(base, image, &o, &guest_cb, r, why, sizeof why);
	if (r->guest == NULL) {
		log_error("%s", why);
		goto fail;
	}
	struct jsonw *j = run_event(r, clock_wall(), "started");
	jsonw_string(j, "arch", image->arch);
	jsonw_string(j, "qemu", image_qemu_version(image));
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
	delay_free(r->ring);
	tracer_free(r->tracer);
	files_free(r->files);
	decoded_free(r->decoded);
	free(r->given);
	dump_free(r->dump);
	if (r->events != NULL)
		events_set_link(r->events, NULL);
	link_free(r->link);
	events_free(r->events);
	console_free(r->console);
	probing_free(r->probing);
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
