/*
 * device: the sandboxed machine from outside. Reads what it is told, and hands
 * over to a run, a snapshot or a shell.
 */
#include <sys/stat.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "elffile.h"
#include "image.h"
#include "run.h"
#include "shell.h"
#include "snapshot.h"

/* The sample lies in the guest's memory, so it may not be bigger. */
#define MAIN_SAMPLE_MAX (32l << 20)
#define MAIN_LIST_MAX 256

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_LACKING };

struct main_options {
	const char *image;
	struct run_options run;
	char *args[MAIN_LIST_MAX], *probes[MAIN_LIST_MAX];
	size_t arg_count, probe_count;
	char *path;
	int ready;
	bool snapshot, shell;
};

static void
usage(FILE *f)
{
	fputs(
"usage: device --image DIR --run DIR --sample FILE [option]...\n"
"       device --image DIR --make-snapshot\n"
"       device --image DIR --shell\n"
"\n"
"Runs a sample in a QEMU guest and writes what it does to device.jsonl,\n"
"console.log and files/ in the run's folder. As root, in the lab's network\n"
"namespace; QEMU itself runs without rights.\n"
"\n"
"  --image DIR       the guest (kagemusha device image ARCH prints it)\n"
"  --run DIR         the run's folder\n"
"  --sample FILE     the program to run\n"
"  --arg TEXT        an argument for it; may be given again\n"
"  --name PATH       its path in the guest's cell (default /tmp/NAME)\n"
"  --persona NAME    what the guest looks like: router (default), camera or\n"
"                    server\n"
"  --tap NAME        the interface to connect it to (default: none)\n"
"  --time SECONDS    how long it may run (default 60)\n"
"  --link PATH       the responder's device socket\n"
"  --grace SECONDS   go on so long once the responder has finished (default 2)\n"
"  --probe NAME      a function, or an address as 0x…, to report calls of;\n"
"                    may be given again (recvLine and processCmd always are)\n"
"  --level L         full: every system call (default); observe: network,\n"
"                    processes, files, signals; flood: nothing that moves a\n"
"                    packet\n"
"  --rewrite LIST    forge return values, as in connect=0,recv=1\n"
"  --functions       report each entry of a function of its own code\n"
"  --no-compare      do not report which texts it compares with what came\n"
"  --cold            boot, also where there is a snapshot\n"
"  --ready-fd N      write a line there when the guest answers\n"
"  --log-level L     error, warn, info (default) or debug\n"
"  --make-snapshot   boot the guest once and write DIR/snapshot\n"
"  --shell           a prompt in a fresh guest\n"
"\n"
"exit status: 0 done, 1 it ran and something failed (the guest was lost), 2\n"
"usage, 3 the machine or the sample lacks something\n"
"\n"
"example: ip netns exec kage-lab0 device --image IMAGE --run captures/x \\\n"
"             --sample ./bot --tap tap0 --time 30\n", f);
}

/* Reads a number of seconds; exits with a line if it is none. */
static double
seconds(const char *option, const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != '\0' || !(v >= 0 && v <= 86400 * 7)) {
		fprintf(stderr, "device: --%s needs seconds, not '%s'\n",
		    option, text);
		exit(EXIT_USAGE);
	}
	return v;
}

static void
add(char **list, size_t *count, char *text)
{
	if (*count == MAIN_LIST_MAX - 1) {
		fprintf(stderr, "device: too many arguments\n");
		exit(EXIT_USAGE);
	}
	list[(*count)++] = text;
}

static void
parse(int argc, char **argv, struct main_options *o)
{
	enum { OPT_IMAGE = 256, OPT_RUN, OPT_SAMPLE, OPT_ARG, OPT_NAME,
		OPT_TAP, OPT_TIME, OPT_LINK, OPT_GRACE, OPT_PROBE, OPT_COLD,
		OPT_READY, OPT_LEVEL, OPT_PERSONA, OPT_TRACE,
		OPT_REWRITE, OPT_FUNCTIONS, OPT_NO_COMPARE, OPT_SNAPSHOT, OPT_SHELL };
	static const struct option options[] = {
		{ "image", required_argument, NULL, OPT_IMAGE },
		{ "run", required_argument, NULL, OPT_RUN },
		{ "sample", required_argument, NULL, OPT_SAMPLE },
		{ "arg", required_argument, NULL, OPT_ARG },
		{ "name", required_argument, NULL, OPT_NAME },
		{ "tap", required_argument, NULL, OPT_TAP },
		{ "level", required_argument, NULL, OPT_TRACE },
		{ "rewrite", required_argument, NULL, OPT_REWRITE },
		{ "functions", no_argument, NULL, OPT_FUNCTIONS },
		{ "no-compare", no_argument, NULL, OPT_NO_COMPARE },
		{ "persona", required_argument, NULL, OPT_PERSONA },
		{ "time", required_argument, NULL, OPT_TIME },
		{ "link", required_argument, NULL, OPT_LINK },
		{ "grace", required_argument, NULL, OPT_GRACE },
		{ "probe", required_argument, NULL, OPT_PROBE },
		{ "cold", no_argument, NULL, OPT_COLD },
		{ "ready-fd", required_argument, NULL, OPT_READY },
		{ "log-level", required_argument, NULL, OPT_LEVEL },
		{ "make-snapshot", no_argument, NULL, OPT_SNAPSHOT },
		{ "shell", no_argument, NULL, OPT_SHELL },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	enum log_level level;
	char why[200];
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case OPT_IMAGE: o->image = optarg; break;
		case OPT_RUN: o->run.dir = optarg; break;
		case OPT_SAMPLE: o->run.sample = optarg; break;
		case OPT_ARG: add(o->args, &o->arg_count, optarg); break;
		case OPT_NAME: o->run.path = optarg; break;
		case OPT_TAP: o->run.tap = optarg; break;
		case OPT_PERSONA: o->run.persona = optarg; break;
		case OPT_TIME: o->run.time = seconds("time", optarg); break;
		case OPT_LINK: o->run.link = optarg; break;
		case OPT_GRACE: o->run.grace = seconds("grace", optarg); break;
		case OPT_PROBE: add(o->probes, &o->probe_count, optarg); break;
		case OPT_COLD: o->run.cold = true; break;
		case OPT_READY: o->ready = atoi(optarg); break;
		case OPT_SNAPSHOT: o->snapshot = true; break;
		case OPT_SHELL: o->shell = true; break;
		case OPT_LEVEL:
			if (log_parse_level(optarg, &level) == -1) {
				fprintf(stderr, "device: no log level '%s'\n",
				    optarg);
				exit(EXIT_USAGE);
			}
			log_open("device", level);
			break;
		case OPT_FUNCTIONS: o->run.functions = true; break;
		case OPT_NO_COMPARE: o->run.compares = false; break;
		case OPT_TRACE:
			if (level_parse(optarg, &o->run.level) == -1) {
				fprintf(stderr, "device: no level '%s': full, "
				    "observe or flood\n", optarg);
				exit(EXIT_USAGE);
			}
			break;
		case OPT_REWRITE:
			o->run.rewrite = optarg;
			if (level_check_rewrite(optarg, why, sizeof why) ==
			    -1) {
				fprintf(stderr, "device: %s\n", why);
				exit(EXIT_USAGE);
			}
			break;
		case 'h': usage(stdout); exit(EXIT_DONE);
		default: usage(stderr); exit(EXIT_USAGE);
		}
	}
	if (optind != argc || o->image == NULL ||
	    (!o->snapshot && !o->shell &&
		(o->run.dir == NULL || o->run.sample == NULL)) ||
	    (o->run.path != NULL && o->run.path[0] != '/')) {
		usage(stderr);
		exit(EXIT_USAGE);
	}
}

/* Reads a sample whole; NULL with a line in why. The caller frees it. */
static char *
read_sample(const char *path, size_t *n, char *why, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *data = NULL;
	struct stat st;
	ssize_t k = 0;

	*n = 0;
	if (fd == -1 || fstat(fd, &st) == -1) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(why, size, "%s: %s", path, S_ISDIR(st.st_mode) ?
		    "a directory, not a program" : "not a file");
		goto out;
	}
	if (st.st_size > MAIN_SAMPLE_MAX) {
		snprintf(why, size, "%s: %lld bytes; a sample may have %ld "
		    "(it lies in the guest's memory)", path,
		    (long long)st.st_size, MAIN_SAMPLE_MAX);
		goto out;
	}
	data = xmalloc((size_t)st.st_size + 1);
	while (*n < (size_t)st.st_size &&
	    (k = read(fd, data + *n, (size_t)st.st_size - *n)) > 0)
		*n += (size_t)k;
	if (k == -1) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		free(data);
		data = NULL;
	}
out:
	if (fd != -1)
		close(fd);
	return data;
}

static void
stop(int signal, short what, void *arg)
{
	(void)signal;
	(void)what;
	run_stop(arg);
}

static void
ready(void *arg)
{
	int *fd = arg;

	if (*fd == -1)
		return;
	if (write(*fd, "ready\n", 6) != 6)
		log_warn("--ready-fd: %s", strerror(errno));
	close(*fd);
	*fd = -1;
}

/* One run; the exit status. */
static int
run_sample(const struct image *image, struct main_options *o)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct event_base *base = event_base_new();
	struct event *events[3] = { NULL, NULL, NULL };
	int status = EXIT_LACKING;
	const char *slash, *arch;
	struct run *run = NULL;
	struct elf elf = { 0 };
	char why[512], *data;
	size_t n;

	if (base == NULL)
		fatal("no event base");
	data = read_sample(o->run.sample, &n, why, sizeof why);
	if (data == NULL) {
		log_error("%s", why);
		goto out;
	}
	if (elf_open(&elf, data, n, why, sizeof why) == -1) {
		log_error("%s: %s", o->run.sample, why);
		goto out;
	}
	arch = elf_arch(&elf);
	if (image->elf != NULL ? !elf_fits(&elf, image->elf) :
	    arch == NULL || strcmp(arch, image->arch) != 0) {
		log_error("%s: its architecture is %s, the image's %s",
		    o->run.sample, arch == NULL ? "unknown" : arch,
		    image->arch);
		goto out;
	}
	slash = strrchr(o->run.sample, '/');
	o->path = xasprintf("/tmp/%s", slash == NULL ? o->run.sample :
	    slash + 1);
	if (o->run.path == NULL)
		o->run.path = o->path;
	o->run.args = o->args;
	o->run.probes = o->probes;
	if (image->no_snapshot != NULL && !o->run.cold)
		log_warn("%s has no usable snapshot (%s): booting, which takes "
		    "seconds; `device --image DIR --make-snapshot` makes one",
		    image->folder, image->no_snapshot);
	run = run_new(base, image, &o->run, &elf, data, n);
	if (run == NULL)
		goto out;
	run_set_ready(run, ready, &o->ready);
	for (size_t i = 0; i < 3; i++) {
		events[i] = evsignal_new(base, signals[i], stop, run);
		event_add(events[i], NULL);
	}
	event_base_dispatch(base);
	status = run_failed(run) || !run_done(run) ? EXIT_FAILED : EXIT_DONE;
	log_info("ended: %s", run_reason(run));
out:
	run_free(run);
	for (size_t i = 0; i < 3; i++)
		if (events[i] != NULL)
			event_free(events[i]);
	event_base_free(base);
	elf_close(&elf);
	free(data);
	free(o->path);
	return status;
}

int
main(int argc, char **argv)
{
	struct main_options o = { .run = { .time = 60, .grace = 2,
		.persona = "router", .compares = true },
		.ready = -1 };
	struct image *image;
	char why[512];
	int status;

	log_open("device", LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	parse(argc, argv, &o);
	if ((image = image_open(o.image, why, sizeof why)) == NULL) {
		log_error("%s", why);
		return EXIT_LACKING;
	}
	if (geteuid() != 0) {
		log_error("must be root: it opens the tap and gives QEMU away "
			  "to user nobody");
		image_free(image);
		return EXIT_LACKING;
	}
	if (o.snapshot)
		status = snapshot_make(image);
	else if (o.shell)
		status = shell_run(image, o.run.tap, o.run.cold);
	else
		status = run_sample(image, &o);
	image_free(image);
	return status;
}
