/*
 * canary: what `kagemusha lab verify` can't ask ip and nft. It looks for
 * sockets and links that cross the lab's border, then plays a device that
 * tries everything to get out, while it watches every other namespace of the
 * machine. It prints one line a check; the table is the script's.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "lab/flight.h"
#include "lab/holders.h"
#include "lab/links.h"
#include "lab/spaces.h"

#define NOT_CONTAINED 3

struct settings {
	const char *space, *bridge;
	bool offline, passive;
	int wait_ms;
};

static const char usage_text[] =
    "usage: canary --namespace PATH [OPTION]...\n"
    "\n"
    "Proves that nothing leaves the lab in that network namespace; part of\n"
    "`kagemusha lab verify`. Prints lines CHECK<tab>ok|fail<tab>DETAIL.\n"
    "\n"
    "  --namespace PATH  of the lab, as under /run/netns\n"
    "  --bridge LINK     the device's side (br-lab)\n"
    "  --offline         nothing may answer\n"
    "  --passive         send nothing\n"
    "  --wait MS         watch for so long after the last packet (200)\n"
    "\n"
    "Exit codes: 0 all is ok; 2 usage; 3 not contained, or not to be proved.\n"
    "\n"
    "example: canary --namespace /run/netns/kage-lab0\n";

static void
parse(int argc, char **argv, struct settings *s)
{
	static const struct option options[] = {
		{ "namespace", required_argument, NULL, 'n' },
		{ "bridge", required_argument, NULL, 'b' },
		{ "offline", no_argument, NULL, 'o' },
		{ "passive", no_argument, NULL, 'p' },
		{ "wait", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	char *end;
	long ms;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			s->space = optarg;
			break;
		case 'b':
			s->bridge = optarg;
			break;
		case 'o':
			s->offline = true;
			break;
		case 'p':
			s->passive = true;
			break;
		case 'w':
			ms = strtol(optarg, &end, 10);
			if (*end != '\0' || end == optarg || ms < 1 ||
			    ms > 60000) {
				fprintf(stderr, "canary: --wait takes 1 to "
				    "60000 milliseconds\n");
				exit(2);
			}
			s->wait_ms = (int)ms;
			break;
		case 'h':
			fputs(usage_text, stdout);
			exit(0);
		case 'V':
			puts("canary " KAGEMUSHA_VERSION);
			exit(0);
		default:
			exit(2);
		}
	}
	if (s->space == NULL || optind != argc) {
		fputs(usage_text, stderr);
		exit(2);
	}
}

static void
enter(int fd, const char *what)
{
	if (setns(fd, CLONE_NEWNET) == -1) {
		log_error("can't enter %s: %s", what, strerror(errno));
		exit(NOT_CONTAINED);
	}
}

/* Enters every namespace but the lab; looks at its links, and stays on watch. */
static bool
look_around(const struct spaces *spaces, ino_t lab, int lab_fd,
    struct watch *watch, struct problems *watching)
{
	struct problems stacked = { 0 };
	char detail[128];
	size_t i;

	for (i = 0; i < spaces->count; i++) {
		if (spaces->list[i].inode == lab)
			continue;
		if (setns(spaces->list[i].fd, CLONE_NEWNET) == -1) {
			/* A name left behind after its namespace has gone. */
			if (errno == EINVAL)
				continue;
			problem(&stacked, "can't enter the namespace %s: %s",
			    spaces->list[i].what, strerror(errno));
			continue;
		}
		links_foreign(lab_fd, spaces->list[i].what, &stacked);
		if (watch != NULL)
			watch_here(watch, spaces->list[i].what, watching);
	}
	snprintf(detail, sizeof detail,
	    "no link of %zu other namespaces is tied to the lab",
	    spaces->count - 1);
	return problems_print(&stacked, "stacked", detail);
}

/* Sockets and taps, over all processes. */
static bool
look_at_holders(ino_t lab, unsigned unseen)
{
	struct timespec moment = { 0, 150 * 1000000L };
	struct problems sockets = { 0 };
	char *taps[LINKS_TAPS + 1], detail[128];
	unsigned n;
	size_t i;

	links_taps(taps);
	n = holders_check(lab, taps, &sockets);
	if (sockets.count > 0) {
		/* `ip netns exec` holds a socket of both sides as it begins. */
		nanosleep(&moment, NULL);
		memset(&sockets, 0, sizeof sockets);
		n = holders_check(lab, taps, &sockets);
	}
	for (i = 0; taps[i] != NULL; i++)
		free(taps[i]);
	snprintf(detail, sizeof detail, unseen == 0
		? "of %u, none crosses the lab's border"
		: "of %u, none crosses the lab's border (%u processes hidden)",
	    n, unseen);
	return problems_print(&sockets, "sockets", detail);
}

/* The active part; from inside the lab. */
static bool
fly(const struct settings *s, const struct canary *canary,
    const struct flight_targets *targets, struct watch *watch,
    const struct problems *watching)
{
	struct flight_report report = { .canary = *watching };
	char detail[160];
	bool good;

	if (flight_run(s->bridge, canary, targets, watch, s->offline,
		s->wait_ms, &report) == -1)
		problem(&report.canary, "no canary could be sent");
	snprintf(detail, sizeof detail, "%u packets tried to get out; "
	    "on the bridge all, in %u other namespaces none",
	    report.sent, watch_count(watch));
	good = problems_print(&report.canary, "canary", detail);
	snprintf(detail, sizeof detail, s->offline
		? "none: an offline lab is silent"
		: "%u: ARP and ping for any address, IPv4 and IPv6",
	    report.answered);
	return problems_print(&report.answers, "answers", detail) && good;
}

int
main(int argc, char **argv)
{
	struct settings s = { .bridge = "br-lab", .wait_ms = 200 };
	struct problems watching = { 0 };
	struct flight_targets *targets;
	struct canary canary;
	struct spaces *spaces;
	struct watch *watch;
	struct stat st;
	bool good;
	int lab;

	log_open("canary", LOG_INFO);
	parse(argc, argv, &s);
	if ((lab = open(s.space, O_RDONLY | O_CLOEXEC)) == -1 ||
	    fstat(lab, &st) == -1) {
		log_error("%s: %s", s.space, strerror(errno));
		return NOT_CONTAINED;
	}
	targets = flight_targets_new();
	spaces = spaces_new();
	canary_init(&canary);
	watch = watch_new(&canary);
	good = look_around(spaces, st.st_ino, lab, s.passive ? NULL : watch,
	    &watching);
	enter(lab, s.space);
	good = look_at_holders(st.st_ino, spaces->unseen) && good;
	if (!s.passive)
		good = fly(&s, &canary, targets, watch, &watching) && good;
	watch_free(watch);
	spaces_free(spaces);
	flight_targets_free(targets);
	close(lab);
	return good ? 0 : NOT_CONTAINED;
}
