/*
 * chat: tries a profile without a sample. You play the bot, in the terminal
 * or from .chat files; the profile runs in the responder's own engine.
 *
 * For .chat files and for input that is no terminal the clock is ours: it
 * stands still while work is done and then jumps to the next timer, so that
 * minutes of a dialogue take no time. libevent and base/clock.c both read the
 * clock through clock_gettime, which this file defines for that reason (the
 * program's own definition comes before the C library's).
 */
#include <sys/syscall.h>
#include <sys/time.h>

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "chat/dialogue.h"
#include "chat/parcels.h"
#include "chat/stage.h"
#include "config.h"

#define CHAT_SETTINGS 32
/* 2026-01-01 00:00:00 UTC, where the test clock begins. */
#define CHAT_EPOCH INT64_C(1767225600000000000)
#define CHAT_PASTE_MAX (1024 * 1024)
/* How long a bot thinks about what it hears, us. */
#define CHAT_REPLY_US 200000

static int64_t chat_clock; /* monotonic ns; 0: the machine's own */

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int64_t now = chat_clock;

	if (now == 0)
		return (int)syscall(SYS_clock_gettime, id, ts);
	if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
		now += CHAT_EPOCH;
	ts->tv_sec = now / 1000000000;
	ts->tv_nsec = now % 1000000000;
	return 0;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict zone A_UNUSED)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_REALTIME, &ts) < 0)
		return -1;
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

static void
chat_set_clock(int64_t mono)
{
	chat_clock = mono;
}

struct chat {
	struct config config;
	const char *folder;
	const char *settings[CHAT_SETTINGS];
	size_t setting_count;
	double time; /* seconds of the test clock after pasted input */
	double hangup;	/* when the bot does, or -1 */
	char *reply;	/* what it says to all that it hears, or NULL */
	size_t reply_size;
	bool datagram;	/* pasted input is one */
	const char *profile;
	struct event_base *base;
	struct stage *stage;
	struct event *input, *poll, *answer;
	size_t shown; /* events of the journal */
	int64_t begun;
	struct evbuffer *typed;
	int signal; /* that ended it, or 0 */
};

static void
chat_usage(FILE *out)
{
	fputs("usage: chat [OPTION]... PROFILE\n"
	    "       chat [OPTION]... [PROFILE] FILE.chat...\n"
	    "\n"
	    "You play the bot: each line that you type goes to the profile with"
	    " a newline,\nand you see what it sends and notes, and when.\n"
	    "\n"
	    "  /raw \"text\\r\\n\"  bytes as they are    /hangup  the bot"
	    " hangs up\n"
	    "  /hex 00 01 ff    the same in hex      /again   it connects"
	    " again\n"
	    "  /tls [NAME]      it begins TLS          /quit    ends\n"
	    "\n"
	    "A profile that takes only datagrams gets each line as one.\n"
	    "\n"
	    "Input that is no terminal is sent at once, and then time passes"
	    " quickly. FILE.chat\nare dialogues, which are played and checked:"
	    " TAP, a test for each file.\n"
	    "\n"
	    "  --profiles DIR   the profiles (lua-profiles)\n"
	    "  --set KEY=VALUE  an option for the profile, or a setting of the"
	    " responder\n"
	    "\n"
	    "For input that is no terminal:\n"
	    "  --time SECONDS   how long to listen after it (120)\n"
	    "  --reply BYTES    what the bot says to all that it hears:"
	    " \"OK\\r\\n\" or hex 00 ff\n"
	    "  --hangup SECONDS when it hangs up\n"
	    "  --datagram       the input is one datagram, also where the"
	    " profile takes\n                   connections\n"
	    "\n"
	    "PROFILE is a name or a file. Exit codes: 0 done; 1 a dialogue"
	    " failed, or the\nprofile can't be loaded; 2 usage.\n"
	    "\n"
	    "example: echo 'BUILD mips' | chat gafgyt\n", out);
}

/* The file of a profile: given by its path, or by name. The caller frees. */
static char *
chat_find(const struct chat *c, const char *name)
{
	static const char *const rooms[] = { "", "families/", "services/" };
	size_t n = strlen(name);

	if (n > 4 && strcmp(name + n - 4, ".lua") == 0 &&
	    access(name, R_OK) == 0)
		return xstrdup(name);
	for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
		char *path = xasprintf("%s/%s%s.lua", c->folder, rooms[i],
		    name);

		if (access(path, R_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

/* The settings of the command line and of a dialogue; -1 if one is wrong. */
static int
chat_configure(struct chat *c, const struct dialogue *d)
{
	const char *text;

	config_init(&c->config);
	for (size_t i = 0; i < c->setting_count; i++)
		if (config_set(&c->config, c->settings[i]) < 0)
			return -1;
	for (size_t i = 0; d != NULL &&
	    (text = dialogue_setting(d, i)) != NULL; i++)
		if (config_set(&c->config, text) < 0)
			return -1;
	config_finish(&c->config);
	return 0;
}

static char *
chat_play_with(struct chat *c, struct dialogue *d, const char *profile)
{
	struct stage_options o = { c->folder, profile, &c->config,
		chat_set_clock };
	char *error = NULL;

	/* A day after zero, as libevent may look back a little. */
	chat_clock = INT64_C(86400000000000);
	c->base = event_base_new();
	if (c->base == NULL)
		fatal("no event loop");
	c->stage = stage_new(c->base, &o, &error);
	if (c->stage != NULL)
		error = dialogue_play(d, c->stage);
	stage_free(c->stage);
	event_base_free(c->base);
	chat_clock = 0;
	return error;
}

/* Plays one .chat file; NULL, or why it failed, which the caller frees. */
static char *
chat_play(struct chat *c, const char *path, size_t *steps)
{
	char *error = NULL, *profile = NULL;
	struct dialogue *d = dialogue_read(path, &error);

	if (d == NULL)
		return error;
	const char *name = c->profile != NULL ? c->profile :
	    dialogue_profile(d);
	if (name == NULL || (profile = chat_find(c, name)) == NULL)
		error = xasprintf("%s: no profile '%s'", path,
		    name != NULL ? name : "");
	else if (chat_configure(c, d) < 0)
		error = xasprintf("%s: a setting is wrong", path);
	else
		error = chat_play_with(c, d, profile);
	*steps = dialogue_steps(d);
	free(profile);
	dialogue_free(d);
	return error;
}

static int
chat_play_all(struct chat *c, char **files, int n)
{
	int failed = 0;

	for (int i = 0; i < n; i++) {
		size_t steps = 0;
		char *error = chat_play(c, files[i], &steps);

		if (error == NULL) {
			printf("ok - %s: %zu steps\n", files[i], steps);
			continue;
		}
		failed++;
		printf("not ok - %s\n# ", files[i]);
		for (const char *p = error; *p != '\0'; p++) {
			putchar(*p);
			if (*p == '\n')
				fputs("# ", stdout);
		}
		putchar('\n');
		free(error);
	}
	return failed > 0;
}

/* The bytes of an event's object, as they are shown; the caller frees. */
static char *
chat_bytes(const json_t *object)
{
	const json_t *text = json_object_get(object, "text");
	const json_t *base64 = json_object_get(object, "base64");

	if (text != NULL)
		return dialogue_quote(json_string_value(text),
		    json_string_length(text));
	return xasprintf("base64 %s", base64 != NULL ?
	    json_string_value(base64) : "?");
}

/* A command's number and name, and why it wasn't sent; the caller frees. */
static char *
chat_command(const json_t *event, const json_t *details)
{
	const char *name = json_string_value(json_object_get(details, "name"));
	const char *refused = json_string_value(json_object_get(details,
	    "refused"));

	return xasprintf("%lld %s%s%s", (long long)json_integer_value(
	    json_object_get(event, "command")), name != NULL ? name : "",
	    refused != NULL ? " refused: " : "",
	    refused != NULL ? refused : "");
}

/* The bot has heard something: it will answer in a moment. */
static void
chat_heard(const struct chat *c)
{
	struct timeval soon = { 0, CHAT_REPLY_US };

	if (c->answer != NULL && !evtimer_pending(c->answer, NULL))
		evtimer_add(c->answer, &soon);
}

/* One event for a person; what they did themselves is left out. */
static void
chat_show(const struct chat *c, const json_t *event)
{
	const char *type = json_string_value(json_object_get(event,
	    "event_type"));
	const json_t *details = json_object_get(event, type);
	const char *way = json_string_value(json_object_get(details,
	    "direction"));
	char *text = NULL;

	if (strcmp(type, "data") == 0) {
		if (strcmp(way, "to_server") == 0)
			return;
		text = chat_bytes(details);
		type = "<";
		chat_heard(c);
	} else if (strcmp(type, "command") == 0) {
		details = json_object_get(event, "command_info");
		text = chat_command(event, details);
	} else if (strcmp(type, "error") == 0) {
		text = xstrdup(json_string_value(json_object_get(details,
		    "traceback") != NULL ? json_object_get(details,
		    "traceback") : json_object_get(details, "message")));
	} else if (details != NULL) {
		text = json_dumps(details, JSON_COMPACT | JSON_ENCODE_ANY |
		    JSON_REAL_PRECISION(6));
	}
	printf("%8.2f  %-8s %s\n", (double)(clock_mono() - c->begun) / 1e9,
	    type, text != NULL ? text : "");
	free(text);
}

/* Shows what is new in the journal. */
static void
chat_show_new(struct chat *c)
{
	json_t *events = stage_events(c->stage);

	for (; c->shown < json_array_size(events); c->shown++)
		chat_show(c, json_array_get(events, c->shown));
	fflush(stdout);
}

static void
chat_poll(evutil_socket_t fd A_UNUSED, short what A_UNUSED, void *arg)
{
	chat_show_new(arg);
}

/* As bytes of the connection, or as a datagram. */
static void
chat_say(struct chat *c, const void *bytes, size_t n)
{
	struct stage_peers *p = stage_peers(c->stage);

	if (stage_streams(c->stage) && !c->datagram)
		stage_say(c->stage, bytes, n);
	else
		parcels_send(stage_parcels(c->stage), &p->src, &p->dest, NULL,
		    bytes, n);
}

/* What was typed, without its newline. */
static void
chat_line(struct chat *c, const char *line)
{
	const char *rest;
	char *bytes;
	size_t n;

	if (strcmp(line, "/quit") == 0) {
		event_base_loopbreak(c->base);
	} else if (!stage_streams(c->stage) && line[0] == '/' &&
	    strncmp(line, "/raw ", 5) != 0 && strncmp(line, "/hex ", 5) != 0) {
		puts("          the profile takes no connections: /raw /hex"
		    " /quit");
	} else if (strcmp(line, "/hangup") == 0) {
		stage_hangup(c->stage);
	} else if (strcmp(line, "/again") == 0) {
		stage_connect(c->stage);
	} else if (strcmp(line, "/tls") == 0 ||
	    strncmp(line, "/tls ", 5) == 0) {
		char *wrong = stage_start_tls(c->stage, line[4] == ' ' ?
		    line + 5 : NULL);

		if (wrong != NULL)
			printf("          %s\n", wrong);
		free(wrong);
	} else if (strncmp(line, "/raw ", 5) == 0 ||
	    strncmp(line, "/hex ", 5) == 0) {
		bytes = dialogue_bytes(line + (line[1] == 'h' ? 1 : 5), &n,
		    &rest);
		if (bytes != NULL)
			chat_say(c, bytes, n);
		else
			puts("          what is that? /raw \"text\\n\" or /hex"
			    " 00 01");
		free(bytes);
	} else if (line[0] == '/') {
		puts("          /raw /hex /hangup /again /tls /quit");
	} else {
		bytes = xasprintf("%s\n", line);
		chat_say(c, bytes, strlen(bytes));
		free(bytes);
	}
}

static void
chat_input(evutil_socket_t fd, short what A_UNUSED, void *arg)
{
	struct chat *c = arg;
	char *line;

	if (evbuffer_read(c->typed, fd, 4096) <= 0) {
		event_base_loopbreak(c->base);
		return;
	}
	while ((line = evbuffer_readln(c->typed, NULL, EVBUFFER_EOL_LF)) !=
	    NULL) {
		chat_line(c, line);
		free(line);
	}
}

/* Its folder goes all the same. */
static void
chat_interrupted(evutil_socket_t signal, short what A_UNUSED, void *arg)
{
	struct chat *c = arg;

	c->signal = (int)signal;
	event_base_loopbreak(c->base);
}

/* A person types: time passes by itself. */
static void
chat_terminal(struct chat *c)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct event *ends[sizeof signals / sizeof *signals];
	struct timeval often = { 0, 50000 };

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		ends[i] = evsignal_new(c->base, signals[i], chat_interrupted, c);
		if (ends[i] == NULL)
			fatal("no memory");
		event_add(ends[i], NULL);
	}
	c->typed = evbuffer_new();
	c->input = event_new(c->base, STDIN_FILENO, EV_READ | EV_PERSIST,
	    chat_input, c);
	c->poll = event_new(c->base, -1, EV_PERSIST, chat_poll, c);
	if (c->typed == NULL || c->input == NULL || c->poll == NULL)
		fatal("no memory");
	event_add(c->input, NULL);
	event_add(c->poll, &often);
	puts("You are the bot. Type what it says; /hangup /again /quit.");
	if (stage_streams(c->stage))
		stage_connect(c->stage);
	event_base_dispatch(c->base);
	chat_show_new(c);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		event_free(ends[i]);
	event_free(c->input);
	event_free(c->poll);
	evbuffer_free(c->typed);
}

static bool
chat_shows(void *arg)
{
	chat_show_new(arg);
	return false;
}

static void
chat_answer(evutil_socket_t fd A_UNUSED, short what A_UNUSED, void *arg)
{
	struct chat *c = arg;

	if (!stage_over(c->stage))
		stage_say(c->stage, c->reply, c->reply_size);
}

/* Lets so many seconds of the test clock pass. */
static void
chat_listen(struct chat *c, double seconds)
{
	stage_wait(c->stage, clock_mono() + (int64_t)(seconds * 1e9),
	    chat_shows, c);
}

/* All input at once, and then time passes quickly. */
static void
chat_paste(struct chat *c)
{
	char *text = xmalloc(CHAT_PASTE_MAX);
	size_t n = fread(text, 1, CHAT_PASTE_MAX, stdin);
	bool streams = stage_streams(c->stage) && !c->datagram;

	if (streams && c->reply != NULL)
		c->answer = evtimer_new(c->base, chat_answer, c);
	if (streams)
		stage_connect(c->stage);
	if (n > 0 || c->datagram)
		chat_say(c, text, n);
	free(text);
	if (streams && c->hangup >= 0 && c->hangup < c->time) {
		chat_listen(c, c->hangup);
		stage_hangup(c->stage);
		chat_listen(c, c->time - c->hangup);
	} else {
		chat_listen(c, c->time);
	}
	if (c->answer != NULL)
		event_free(c->answer);
	c->answer = NULL;
}

static int
chat_talk(struct chat *c)
{
	bool person = isatty(STDIN_FILENO);
	char *error = NULL, *profile = chat_find(c, c->profile);
	struct stage_options o = { c->folder, profile, &c->config,
		person ? NULL : chat_set_clock };

	if (profile == NULL) {
		log_error("no profile '%s' in %s", c->profile, c->folder);
		return 2;
	}
	if (chat_configure(c, NULL) < 0) {
		config_free(&c->config);
		free(profile);
		return 2;
	}
	if (!person)
		chat_clock = INT64_C(86400000000000);
	c->base = event_base_new();
	if (c->base == NULL)
		fatal("no event loop");
	c->begun = clock_mono();
	c->stage = stage_new(c->base, &o, &error);
	if (c->stage == NULL)
		log_error("%s", error);
	else if (c->datagram && stage_parcels(c->stage) == NULL)
		log_error("%s takes no datagrams", profile);
	else if (person)
		chat_terminal(c);
	else
		chat_paste(c);
	int status = c->stage == NULL ||
	    (c->datagram && stage_parcels(c->stage) == NULL);

	if (c->signal != 0)
		status = 128 + c->signal;
	stage_free(c->stage);
	event_base_free(c->base);
	free(error);
	free(profile);
	return status;
}

/* Seconds of an option; -1, and a message, if it has none. */
static double
chat_seconds(const char *option, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end != text && *end == '\0' && seconds >= 0 && seconds < 1e6)
		return seconds;
	log_error("--%s wants seconds", option);
	return -1;
}

/* Reads the options; -1: go on, otherwise the exit code. */
static int
chat_parse(struct chat *c, int argc, char **argv)
{
	static const struct option table[] = {
		{ "profiles", required_argument, NULL, 'p' },
		{ "set", required_argument, NULL, 's' },
		{ "time", required_argument, NULL, 't' },
		{ "reply", required_argument, NULL, 'r' },
		{ "hangup", required_argument, NULL, 'e' },
		{ "datagram", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	const char *rest;
	int option;

	while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
		if (option == 'h') {
			chat_usage(stdout);
			return 0;
		} else if (option == 'p') {
			c->folder = optarg;
		} else if (option == 's' && c->setting_count < CHAT_SETTINGS) {
			c->settings[c->setting_count++] = optarg;
		} else if (option == 't') {
			if ((c->time = chat_seconds("time", optarg)) < 0)
				return 2;
		} else if (option == 'e') {
			if ((c->hangup = chat_seconds("hangup", optarg)) < 0)
				return 2;
		} else if (option == 'r') {
			free(c->reply);
			c->reply = dialogue_bytes(optarg, &c->reply_size,
			    &rest);
			if (c->reply == NULL || *rest != '\0') {
				log_error("--reply wants \"text\\n\" or "
				    "hex 00 01");
				return 2;
			}
		} else if (option == 'd') {
			c->datagram = true;
		} else {
			return 2;
		}
	}
	return -1;
}

static bool
chat_is_dialogue(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && strcmp(name + n - 5, ".chat") == 0;
}

int
main(int argc, char **argv)
{
	static struct chat c = { .folder = "lua-profiles", .time = 120,
		.hangup = -1 };
	int status;

	log_open("chat", LOG_WARN);
	if ((status = chat_parse(&c, argc, argv)) >= 0)
		return status;
	if (optind < argc && !chat_is_dialogue(argv[optind]))
		c.profile = argv[optind++];
	for (int i = optind; i < argc; i++) {
		if (!chat_is_dialogue(argv[i])) {
			log_error("%s: no .chat file", argv[i]);
			return 2;
		}
	}
	if (optind < argc)
		return chat_play_all(&c, argv + optind, argc - optind);
	if (c.profile == NULL) {
		chat_usage(stderr);
		return 2;
	}
	return chat_talk(&c);
}
