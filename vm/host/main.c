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
#include "request.h"
#include "run.h"
#include "shell.h"
#include "snapshot.h"

/* The sample lies in the guest's memory, so it may not be bigger. */
#define MAIN_SAMPLE_MAX (32l << 20)
#define MAIN_LIST_MAX 256

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_LACKING };

struct main_options {
	const char *image, *loader;
	struct run_options run;
	char *args[MAIN_LIST_MAX], *probes[MAIN_LIST_MAX];
	char *dumps[MAIN_LIST_MAX], *covers[MAIN_LIST_MAX];
	size_t arg_count, probe_count, dump_count, cover_count;
	char *path;
	int ready;
	bool snapshot, shell, check;
};

static void
usage(FILE *f)
{
	fputs(
"usage: device --image DIR --run DIR --sample FILE [option]...\n"
"       device --image DIR --make-snapshot\n"
"       device --image DIR --shell\n"
"       device --prepared\n"
"       device --image DIR --check --sample FILE\n"
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
"  --loader KIND     for a dynamic sample: glibc, musl, or a folder that has its\n"
"                    loader and libraries (default: by the loader's name)\n"
"  --persona NAME    what the guest looks like: router (default), camera or\n"
"                    server\n"
"  --tap NAME        the interface to connect it to (default: none)\n"
"  --time SECONDS    how long it may run (default 60)\n"
"  --link PATH       the responder's device socket\n"
"  --silence SECONDS the longest that the guest may not answer (default 60)\n"
"  --grace SECONDS   go on so long once the responder has finished (default 2)\n"
"  --probe NAME      a function, or an address as 0x…, to report calls of;\n"
"                    may be given again (recvLine, processCmd and the like,\n"
"                    and what is given received text, always are)\n"
"  --coverage NAME   a function, or an address as 0x…, whose basic blocks are\n"
"                    counted from each entry to its return; may be given again\n"
"  --level L         observe: network, processes, files, signals (default);\n"
"                    full: every system call; flood: nothing that moves a\n"
"                    packet; to measure them by: plain (strace -f) and none,\n"
"                    of which no events come\n"
"  --keep-level      do not step down when calls come so fast that tracing\n"
"                    them slows the sample\n"
"  --skip-sleep SECONDS  sleeps end after so long, and the guest's clock is set\n"
"                    ahead by the rest\n"
"  --rewrite LIST    forge return values, as in connect=0,recv=1\n"
"  --functions       report each entry of a function of its own code\n"
"  --dump-after COMMAND  keep the memory of the sample's processes as it is\n"
"                    once this command has been handled: its number, name or\n"
"                    text, * and ? stand for what they do in a shell; may be\n"
"                    given again\n"
"  --no-compare      do not report which texts it compares with what came\n"
"  --cold            boot, also where there is a snapshot\n"
"  --ready-fd N      write a line there when the guest answers\n"
"  --log-level L     error, warn, info (default) or debug\n"
"  --make-snapshot   boot the guest once and write DIR/snapshot\n"
"  --shell           a prompt in a fresh guest\n"
"  --prepared        print what a snapshot is prepared for, and end\n"
"  --check           only says whether the sample can be run: 0, 2 if it is no\n"
"                    program for this image, 3 if its loader is missing\n"
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

/* Images are renewed when this changes: the words of it are not for people. */
static void
prepared(void)
{
	char *text = request_prepared();

	puts(text);
	free(text);
	exit(EXIT_DONE);
}

static void
parse(int argc, char **argv, struct main_options *o)
{
	enum { OPT_IMAGE = 256, OPT_RUN, OPT_SAMPLE, OPT_ARG, OPT_NAME,
		OPT_LOADER, OPT_TAP, OPT_TIME, OPT_LINK, OPT_GRACE,
		OPT_SILENCE, OPT_PROBE, OPT_COVERAGE,
		OPT_COLD,
		OPT_READY, OPT_LEVEL, OPT_PERSONA, OPT_TRACE, OPT_KEEP,
		OPT_DUMP_AFTER, OPT_SKIP, OPT_REWRITE, OPT_FUNCTIONS,
		OPT_NO_COMPARE, OPT_SNAPSHOT, OPT_SHELL, OPT_PREPARED,
		OPT_CHECK };
	static const struct option options[] = {
		{ "image", required_argument, NULL, OPT_IMAGE },
		{ "run", required_argument, NULL, OPT_RUN },
		{ "sample", required_argument, NULL, OPT_SAMPLE },
		{ "arg", required_argument, NULL, OPT_ARG },
		{ "name", required_argument, NULL, OPT_NAME },
		{ "loader", required_argument, NULL, OPT_LOADER },
		{ "tap", required_argument, NULL, OPT_TAP },
		{ "level", required_argument, NULL, OPT_TRACE },
		{ "keep-level", no_argument, NULL, OPT_KEEP },
		{ "skip-sleep", required_argument, NULL, OPT_SKIP },
		{ "rewrite", required_argument, NULL, OPT_REWRITE },
		{ "functions", no_argument, NULL, OPT_FUNCTIONS },
		{ "dump-after", required_argument, NULL, OPT_DUMP_AFTER },
		{ "no-compare", no_argument, NULL, OPT_NO_COMPARE },
		{ "persona", required_argument, NULL, OPT_PERSONA },
		{ "time", required_argument, NULL, OPT_TIME },
		{ "link", required_argument, NULL, OPT_LINK },
		{ "silence", required_argument, NULL, OPT_SILENCE },
		{ "grace", required_argument, NULL, OPT_GRACE },
		{ "probe", required_argument, NULL, OPT_PROBE },
		{ "coverage", required_argument, NULL, OPT_COVERAGE },
		{ "cold", no_argument, NULL, OPT_COLD },
		{ "ready-fd", required_argument, NULL, OPT_READY },
		{ "log-level", required_argument, NULL, OPT_LEVEL },
		{ "make-snapshot", no_argument, NULL, OPT_SNAPSHOT },
		{ "check", no_argument, NULL, OPT_CHECK },
		{ "shell", no_argument, NULL, OPT_SHELL },
		{ "prepared", no_argument, NULL, OPT_PREPARED },
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
		case OPT_LOADER: o->loader = optarg; break;
		case OPT_TAP: o->run.tap = optarg; break;
		case OPT_PERSONA: o->run.persona = optarg; break;
		case OPT_TIME: o->run.time = seconds("time", optarg); break;
		case OPT_LINK: o->run.link = optarg; break;
		case OPT_SILENCE:
			o->run.silence = seconds("silence", optarg);
			break;
		case OPT_GRACE: o->run.grace = seconds("grace", optarg); break;
		case OPT_PROBE: add(o->probes, &o->probe_count, optarg); break;
		case OPT_SKIP: o->run.skip = seconds("skip-sleep", optarg);
			break;
		case OPT_DUMP_AFTER: add(o->dumps, &o->dump_count, optarg);
			break;
		case OPT_COVERAGE:
			add(o->covers, &o->cover_count, optarg);
			break;
		case OPT_COLD: o->run.cold = true; break;
		case OPT_READY: o->ready = atoi(optarg); break;
		case OPT_SNAPSHOT: o->snapshot = true; break;
		case OPT_CHECK: o->check = true; break;
		case OPT_SHELL: o->shell = true; break;
		case OPT_PREPARED: prepared(); break;
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
		case OPT_KEEP: o->run.keep_level = true; break;
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
		((o->run.dir == NULL && !o->check) ||
		    o->run.sample == NULL)) ||
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

/*
 * Reads a sample and its headers: may it run on this image? NULL, with the
 * reason in the log, if not. The caller frees it, and closes elf in any case.
 */
static char *
open_sample(const struct image *image, const char *path, struct elf *elf,
    size_t *n)
{
	char why[512], *data = read_sample(path, n, why, sizeof why);
	char columns[ELF_COLUMNS_SIZE];
	char is[ELF_WORDS_SIZE], runs[ELF_WORDS_SIZE];

	if (data == NULL) {
		log_error("%s", why);
		return NULL;
	}
	if (elf_open(elf, data, *n, why, sizeof why) == -1) {
		log_error("%s: %s", path, why);
		free(data);
		return NULL;
	}
	if (!elf_fits(elf, image->elf)) {
		log_error("%s: its ELF header says %s, and the image %s runs "
		    "%s: kagemusha device arch FILE names the right one",
		    path, elf_words(elf_columns(elf, columns), is),
		    image->arch, elf_words(image->elf, runs));
		free(data);
		return NULL;
	}
	return data;
}

/* Only looks at a sample; the exit status. */
static int
check_sample(const struct image *image, const struct main_options *o)
{
	struct loader loader = { NULL, NULL, NULL };
	struct elf elf = { 0 };
	size_t n;
	char why[512], *data = open_sample(image, o->run.sample, &elf, &n);
	int status = data == NULL ? EXIT_USAGE : EXIT_DONE;

	if (data != NULL && loader_find(&loader, image, &elf, o->loader, why,
		sizeof why) == -1) {
		log_error("%s: %s", o->run.sample, why);
		status = EXIT_LACKING;
	}
	loader_free(&loader);
	free(data);
	elf_close(&elf);
	return status;
}

/* One run; the exit status. */
static int
run_sample(const struct image *image, struct main_options *o)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct event_base *base = event_base_new();
	struct event *events[3] = { NULL, NULL, NULL };
	int status = EXIT_LACKING;
	const char *slash;
	struct run *run = NULL;
	struct elf elf = { 0 };
	struct loader loader = { NULL, NULL, NULL };
	char why[512], *data;
	size_t n;

	if (base == NULL)
		fatal("no event base");
	data = open_sample(image, o->run.sample, &elf, &n);
	if (data == NULL)
		goto out;
	if (loader_find(&loader, image, &elf, o->loader, why, sizeof why) ==
	    -1) {
		log_error("%s: %s", o->run.sample, why);
		goto out;
	}
	o->run.loader = &loader;
	slash = strrchr(o->run.sample, '/');
	o->path = xasprintf("/tmp/%s", slash == NULL ? o->run.sample :
	    slash + 1);
	if (o->run.path == NULL)
		o->run.path = o->path;
	o->run.args = o->args;
	o->run.probes = o->probes;
	o->run.dump_after = o->dumps;
	o->run.covers = o->covers;
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
	loader_free(&loader);
	elf_close(&elf);
	free(data);
	free(o->path);
	return status;
}

int
main(int argc, char **argv)
{
	struct main_options o = { .run = { .time = 60, .grace = 2,
		.silence = 60,
		.persona = REQUEST_PERSONA, .compares = true,
		.level = REQUEST_LEVEL },
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
	if (o.check) {
		status = check_sample(image, &o);
		image_free(image);
		return status;
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
