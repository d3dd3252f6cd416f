/*
 * recorder: every packet on the lab's bridge, once, into traffic.pcapng, and
 * what they add up to into flows.jsonl. A process of its own: it alone may
 * open packet sockets, and it goes on when the responder dies.
 *
 * What is on the disk is whole at every moment: both files grow by complete
 * records, at least four times a second.
 */
#include <sys/stat.h>

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/rights.h"
#include "base/xmalloc.h"
#include "record/capture.h"
#include "record/finish.h"
#include "record/flow_names.h"
#include "record/flows.h"
#include "record/output.h"
#include "record/pcapng.h"
#include "wire/frame.h"

#define RECORDER_FLUSH_US 200000
#define RECORDER_FLUSHES_A_TICK 5
/* After SIGTERM: the kernel hands over its last block within 20 ms. */
#define RECORDER_DRAIN_US 60000

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_LACKS };

struct recorder_options {
	const char *interface, *read, *run;
	unsigned snaplen, buffer_mib;
	int ready_fd;
};

struct recorder {
	const struct recorder_options *options;
	struct event_base *base;
	struct event *readable, *flush, *drain, *term, *intr;
	struct capture *capture;
	struct output *packets_out, *flows_out;
	struct flows *flows;
	int64_t started;
	uint64_t packets, bytes;
	unsigned flushes;
	const char *reason; /* why it stopped */
	bool failed;
};

static const char recorder_usage[] =
    "usage: recorder --interface NAME --run DIR [option]...\n"
    "       recorder --read FILE --run DIR [option]...\n"
    "       recorder --finish DIR\n"
    "\n"
    "Writes every packet of the interface, or of a capture file, to\n"
    "DIR/traffic.pcapng, the flows to DIR/flows.jsonl, and at the end its\n"
    "counts to DIR/recorder.json. Stops on SIGTERM or SIGINT.\n"
    "--finish puts the secrets of DIR/tls.keys, and comments where sessions and\n"
    "commands of DIR/session.jsonl begin, into the capture of a run that ended.\n"
    "\n"
    "  --interface NAME  record this interface (root)\n"
    "  --read FILE       read a pcap or pcapng file instead\n"
    "  --run DIR         the run's folder, which exists\n"
    "  --snaplen N       bytes kept of each packet (262144)\n"
    "  --buffer MIB      the kernel's ring (64)\n"
    "  --ready-fd N      write \"ready\" there when packets are recorded\n"
    "  --log-level L     error, warn, info or debug\n"
    "  --help, --version\n"
    "\n"
    "exit: 0 done, 1 something was lost, 2 usage, 3 can't record here\n"
    "example: recorder --interface br-lab --run captures/today\n";

static void
recorder_stop(struct recorder *r, const char *reason, bool failed)
{
	if (r->reason == NULL) {
		r->reason = reason;
		r->failed = failed;
	}
	event_base_loopbreak(r->base);
}

static void
recorder_frame(void *arg, int64_t wall, const uint8_t *data,
    uint32_t captured, uint32_t length)
{
	struct recorder *r = arg;
	struct frame frame;

	if (captured > PCAPNG_SNAPLEN_MAX)
		captured = PCAPNG_SNAPLEN_MAX;
	pcapng_packet(r->packets_out, wall, data, captured, length, NULL);
	r->packets++;
	r->bytes += length;
	if (frame_parse(&frame, capture_link(r->capture), data, captured) < 0)
		flows_packet(r->flows, wall, NULL, length);
	else {
		flows_packet(r->flows, wall, &frame, length);
		flow_names_learn(r->flows, &frame);
	}
}

static void
recorder_line(void *arg, const char *line, size_t n)
{
	struct recorder *r = arg;

	output_add(r->flows_out, line, n);
}

static void
recorder_readable(evutil_socket_t fd, short what, void *arg)
{
	struct recorder *r = arg;

	(void)fd;
	(void)what;
	if (capture_read(r->capture, recorder_frame, r) == CAPTURE_LOST) {
		log_error("%s: %s", r->options->interface,
		    capture_reason(r->capture));
		recorder_stop(r, "interface lost", true);
	}
}

static void
recorder_flush(evutil_socket_t fd, short what, void *arg)
{
	struct recorder *r = arg;

	(void)fd;
	(void)what;
	if (++r->flushes % RECORDER_FLUSHES_A_TICK == 0)
		flows_tick(r->flows, clock_wall());
	output_flush(r->packets_out);
	output_flush(r->flows_out);
	capture_stats(r->capture);
}

static void
recorder_signal(evutil_socket_t fd, short what, void *arg)
{
	struct recorder *r = arg;
	struct timeval delay = { 0, RECORDER_DRAIN_US };

	(void)fd;
	(void)what;
	event_add(r->drain, &delay);
}

static void
recorder_drained(evutil_socket_t fd, short what, void *arg)
{
	recorder_readable(fd, what, arg);
	recorder_stop(arg, "stopped", false);
}

/* Records a live interface until something ends it. */
static void
recorder_live(struct recorder *r)
{
	struct timeval period = { 0, RECORDER_FLUSH_US };

	r->readable = event_new(r->base, capture_fd(r->capture),
	    EV_READ | EV_PERSIST, recorder_readable, r);
	r->flush = event_new(r->base, -1, EV_PERSIST, recorder_flush, r);
	r->drain = evtimer_new(r->base, recorder_drained, r);
	r->term = evsignal_new(r->base, SIGTERM, recorder_signal, r);
	r->intr = evsignal_new(r->base, SIGINT, recorder_signal, r);
	event_add(r->readable, NULL);
	event_add(r->flush, &period);
	event_add(r->term, NULL);
	event_add(r->intr, NULL);
	if (r->options->ready_fd >= 0) {
		if (write(r->options->ready_fd, "ready\n", 6) < 0)
			log_warn("--ready-fd: %s", strerror(errno));
		close(r->options->ready_fd);
	}
	log_info("recording %s into %s", r->options->interface,
	    r->options->run);
	event_base_dispatch(r->base);
	event_free(r->readable);
	event_free(r->flush);
	event_free(r->drain);
	event_free(r->term);
	event_free(r->intr);
}

/* Reads a capture file to its end; the clock is the packets' own. */
static void
recorder_offline(struct recorder *r)
{
	enum capture_result result;

	do {
		result = capture_read(r->capture, recorder_frame, r);
		flows_tick(r->flows, 0);
	} while (result == CAPTURE_MORE);
	if (result == CAPTURE_LOST) {
		log_error("%s: %s", r->options->read,
		    capture_reason(r->capture));
		recorder_stop(r, "file damaged", true);
	} else
		recorder_stop(r, "end of file", false);
}

/* Writes recorder.json beside, then renames it. */
static int
recorder_write_summary(const struct recorder *r, struct capture_stats stats,
    uint64_t lost)
{
	struct flows_counts counts = flows_counts(r->flows);
	char text[CLOCK_TEXT_SIZE];
	struct jsonw w = { 0 };
	int result = -1;

	jsonw_object(&w, NULL);
	jsonw_uint(&w, "packets", r->packets);
	jsonw_uint(&w, "dropped", stats.dropped);
	jsonw_uint(&w, "bytes", r->bytes);
	jsonw_uint(&w, "lost", lost);
	jsonw_uint(&w, "flows", counts.flows);
	jsonw_uint(&w, "aggregated", counts.aggregated);
	jsonw_uint(&w, "not_ip", counts.other);
	if (r->options->interface != NULL)
		jsonw_string(&w, "interface", r->options->interface);
	jsonw_string(&w, "started", clock_text(r->started, text));
	jsonw_string(&w, "ended", clock_text(clock_wall(), text));
	jsonw_string(&w, "reason", r->reason);
	jsonw_object_end(&w);
	jsonw_line_end(&w);
	char *path = xasprintf("%s/recorder.json", r->options->run);
	char *beside = xasprintf("%s.new", path);
	FILE *file = fopen(beside, "we");
	if (file != NULL) {
		size_t n = fwrite(w.data, 1, w.length, file);

		if (fclose(file) == 0 && n == w.length)
			result = rename(beside, path);
	}
	if (result < 0) {
		log_error("%s: %s", path, strerror(errno));
		unlink(beside);
	}
	free(beside);
	free(path);
	jsonw_free(&w);
	return result;
}

/* Closes all files; says what was recorded. */
static void
recorder_finish(struct recorder *r)
{
	struct capture_stats stats = capture_stats(r->capture);
	struct flows_counts counts;
	uint64_t lost_packets, lost_lines;

	flows_stop(r->flows);
	counts = flows_counts(r->flows);
	pcapng_stats(r->packets_out, r->started, clock_wall(),
	    r->packets + stats.dropped, stats.dropped);
	output_flush(r->packets_out);
	output_flush(r->flows_out);
	lost_packets = output_lost(r->packets_out);
	lost_lines = output_lost(r->flows_out);
	if (output_close(r->packets_out) < 0 || output_close(r->flows_out) < 0)
		r->failed = true;
	else if (flows_compact(r->options->run) < 0)
		log_warn("flows.jsonl keeps its interim lines: %s",
		    strerror(errno));
	if (recorder_write_summary(r, stats, lost_packets) < 0)
		r->failed = true;
	log_info("%s: %llu packets, %llu bytes, %llu dropped by the kernel, "
		 "%llu flows",
	    r->reason, (unsigned long long)r->packets,
	    (unsigned long long)r->bytes, (unsigned long long)stats.dropped,
	    (unsigned long long)counts.flows);
	if (lost_packets != 0 || lost_lines != 0)
		log_error("the disk refused %llu packets and %llu flow lines",
		    (unsigned long long)lost_packets,
		    (unsigned long long)lost_lines);
}

/* Creates one of the run's files, or says why it can't. */
static struct output *
recorder_create(const char *dir, const char *name)
{
	struct output *o = output_create(dir, name);

	if (o == NULL)
		log_error("can't create %s/%s: %s%s", dir, name,
		    strerror(errno),
		    errno == EEXIST ? " (evidence is never written over)" : "");
	return o;
}

static int
recorder_run(const struct recorder_options *options)
{
	char error[CAPTURE_ERROR_SIZE];
	struct recorder r = { .options = options, .started = clock_wall() };

	r.capture = options->read != NULL
	    ? capture_file(options->read, error)
	    : capture_live(options->interface, options->snaplen,
		  options->buffer_mib, error);
	if (r.capture == NULL) {
		log_error("can't record %s: %s",
		    options->read != NULL ? options->read : options->interface,
		    error);
		return EXIT_LACKS;
	}
	if (rights_drop(RIGHTS_RECORDER, options->run) < 0) {
		capture_free(r.capture);
		return EXIT_LACKS;
	}
	if (!frame_link_known(capture_link(r.capture)))
		log_warn("link type %d is not known here: no flows",
		    capture_link(r.capture));
	r.packets_out = recorder_create(options->run, "traffic.pcapng");
	if (r.packets_out == NULL) {
		capture_free(r.capture);
		return EXIT_FAILED;
	}
	r.flows_out = recorder_create(options->run, "flows.jsonl");
	if (r.flows_out == NULL) {
		output_close(r.packets_out);
		capture_free(r.capture);
		return EXIT_FAILED;
	}
	r.base = event_base_new();
	if (r.base == NULL)
		fatal("event_base_new failed");
	r.flows = flows_new(&flows_defaults, recorder_line, &r);
	pcapng_section(r.packets_out, "Kagemusha " KAGEMUSHA_VERSION);
	pcapng_interface(r.packets_out, (uint16_t)capture_link(r.capture),
	    capture_snaplen(r.capture),
	    options->read != NULL ? "file" : options->interface);
	output_flush(r.packets_out);
	if (options->read != NULL)
		recorder_offline(&r);
	else
		recorder_live(&r);
	recorder_finish(&r);
	flows_free(r.flows);
	event_base_free(r.base);
	capture_free(r.capture);
	return r.failed ? EXIT_FAILED : EXIT_DONE;
}

/* Adds secrets and comments to a run that has ended. */
static int
recorder_finish_run(const char *dir)
{
	char error[FINISH_ERROR_SIZE];
	struct finish_counts counts;

	if (finish_run(dir, &counts, error) < 0) {
		log_error("can't finish %s: %s", dir, error);
		return EXIT_FAILED;
	}
	log_info("finished: %llu packets, %llu comments, %llu TLS secrets",
	    (unsigned long long)counts.packets,
	    (unsigned long long)counts.comments,
	    (unsigned long long)counts.secrets);
	if (counts.cut != 0)
		log_warn("%llu bytes at the end were no whole block",
		    (unsigned long long)counts.cut);
	return EXIT_DONE;
}

/* A number within bounds; otherwise usage. */
static unsigned
recorder_number(const char *option, const char *text, unsigned long min,
    unsigned long max)
{
	char *end;

	errno = 0;
	unsigned long n = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || *text < '0' || *text > '9' ||
	    n < min || n > max) {
		fprintf(stderr, "recorder: %s: '%s' is not %lu to %lu\n",
		    option, text, min, max);
		exit(EXIT_USAGE);
	}
	return (unsigned)n;
}

A_NORETURN static void
recorder_misused(const char *what)
{
	fprintf(stderr, "recorder: %s\n%s", what, recorder_usage);
	exit(EXIT_USAGE);
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ "read", required_argument, NULL, 'r' },
		{ "run", required_argument, NULL, 'd' },
		{ "finish", required_argument, NULL, 'F' },
		{ "snaplen", required_argument, NULL, 's' },
		{ "buffer", required_argument, NULL, 'b' },
		{ "ready-fd", required_argument, NULL, 'f' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	struct recorder_options o = { .snaplen = PCAPNG_SNAPLEN_MAX,
		.buffer_mib = 64,
		.ready_fd = -1 };
	enum log_level level = LOG_INFO;
	const char *finish = NULL;
	struct stat st;
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'i':
			o.interface = optarg;
			break;
		case 'r':
			o.read = optarg;
			break;
		case 'd':
			o.run = optarg;
			break;
		case 'F':
			finish = optarg;
			break;
		case 's':
			o.snaplen = recorder_number("--snaplen", optarg, 64,
			    PCAPNG_SNAPLEN_MAX);
			break;
		case 'b':
			o.buffer_mib = recorder_number("--buffer", optarg, 1,
			    1024);
			break;
		case 'f':
			o.ready_fd = (int)recorder_number("--ready-fd", optarg,
			    0, 65535);
			break;
		case 'l':
			if (log_parse_level(optarg, &level) < 0)
				recorder_misused("unknown --log-level");
			break;
		case 'h':
			fputs(recorder_usage, stdout);
			return EXIT_DONE;
		case 'v':
			puts("recorder " KAGEMUSHA_VERSION);
			return EXIT_DONE;
		default:
			recorder_misused("see the options:");
		}
	}
	if (optind < argc)
		recorder_misused("it takes options only");
	log_open("recorder", level);
	if (finish != NULL) {
		if (o.interface != NULL || o.read != NULL || o.run != NULL)
			recorder_misused("--finish stands alone");
		return recorder_finish_run(finish);
	}
	if ((o.interface == NULL) == (o.read == NULL))
		recorder_misused("give either --interface or --read");
	if (o.run == NULL)
		recorder_misused("--run is missing");
	if (stat(o.run, &st) < 0 || !S_ISDIR(st.st_mode))
		recorder_misused("--run is not a folder");
	/* A full disk is an error that we handle, not a signal. */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	return recorder_run(&o);
}
