/*
 * The bench's load generator: what no Debian tool measures. This file reads
 * the command line; load_tcp.c and load_tls.c make the load.
 */
#include <arpa/inet.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load.h"

static const struct load_action {
	const char *name;
	int (*run)(const struct load *);
} load_actions[] = {
	{ "sessions", load_sessions },
	{ "idle", load_idle },
	{ "hello", load_hello },
	{ "tls", load_tls },
	{ "fresh", load_fresh },
};

double
load_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

struct sockaddr_in
load_target(const struct load *l, uint64_t n)
{
	struct sockaddr_in to = l->to;

	to.sin_port = htons((uint16_t)(ntohs(to.sin_port) + n % l->spread));
	return to;
}

static int
load_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void
load_print_times(double *times, size_t n, uint64_t errors)
{
	qsort(times, n, sizeof *times, load_compare);
	if (n == 0) {
		printf("count=0 errors=%llu\n", (unsigned long long)errors);
		return;
	}
	printf("count=%zu errors=%llu p50=%.3f p99=%.3f max=%.3f\n", n,
	    (unsigned long long)errors, times[n / 2] * 1e3,
	    times[(n * 99 + 99) / 100 - 1] * 1e3, times[n - 1] * 1e3);
}

static void
load_usage(FILE *f)
{
	fputs("usage: load ACTION --to ADDRESS:PORT [option]...\n\n"
	    "  sessions  connect, say the text, read until the server closes\n"
	    "  idle      open --count connections, say so, hold them until "
	    "stdin ends\n"
	    "  hello     one after the other: text to first byte of the answer\n"
	    "  tls       full handshakes with --name\n"
	    "  fresh     one after the other: a handshake with a new name "
	    "below --name\n\n"
	    "  --seconds S (1) --concurrency N (100) --count N (100)\n"
	    "  --text TEXT  what the client says; \\r and \\n are understood\n"
	    "  --spread N   N ports in turn (1)\n\n"
	    "example: load sessions --to 127.0.0.1:80 --text 'hello\\n'\n", f);
}

/* "1.2.3.4:80" */
static int
load_parse_target(struct sockaddr_in *to, char *text)
{
	char *colon = strrchr(text, ':');
	int port = colon != NULL ? atoi(colon + 1) : 0;

	if (port <= 0 || port > 65535)
		return -1;
	*colon = '\0';
	to->sin_family = AF_INET;
	to->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, text, &to->sin_addr) == 1 ? 0 : -1;
}

/* Replaces \r and \n as written by what they mean, in place. */
static char *
load_unescape(char *text)
{
	char *out = text;

	for (const char *p = text; *p != '\0'; p++) {
		if (p[0] == '\\' && (p[1] == 'r' || p[1] == 'n'))
			*out++ = *++p == 'r' ? '\r' : '\n';
		else
			*out++ = *p;
	}
	*out = '\0';
	return text;
}

static int
load_wrong(void)
{
	load_usage(stderr);
	return 2;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, 't' },
		{ "seconds", required_argument, NULL, 's' },
		{ "concurrency", required_argument, NULL, 'c' },
		{ "count", required_argument, NULL, 'n' },
		{ "text", required_argument, NULL, 'x' },
		{ "name", required_argument, NULL, 'm' },
		{ "spread", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct load l = { .spread = 1, .concurrency = 100, .count = 100,
		.seconds = 1, .text = "hello\n", .name = "bench.example" };
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 't':
			if (load_parse_target(&l.to, optarg) < 0)
				return load_wrong();
			break;
		case 's': l.seconds = atof(optarg); break;
		case 'c': l.concurrency = (unsigned)atoi(optarg); break;
		case 'n': l.count = (unsigned)atoi(optarg); break;
		case 'x': l.text = load_unescape(optarg); break;
		case 'm': l.name = optarg; break;
		case 'p': l.spread = (unsigned)atoi(optarg); break;
		case 'h': load_usage(stdout); return 0;
		default: return load_wrong();
		}
	}
	if (optind + 1 != argc || l.to.sin_port == 0 || l.spread == 0 ||
	    l.concurrency == 0 || l.count == 0 || l.seconds <= 0)
		return load_wrong();
	for (size_t i = 0; i < sizeof load_actions / sizeof *load_actions; i++) {
		if (strcmp(load_actions[i].name, argv[optind]) == 0)
			return load_actions[i].run(&l);
	}
	return load_wrong();
}
