/*
 * attach: looks into a running responder, and sends commands by hand. For a
 * person a prompt, for programs the protocol's JSON lines as they are.
 */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "attach/peer.h"
#include "attach/prompt.h"
#include "attach/show.h"
#include "attach/words.h"
#include "base/log.h"
#include "base/xmalloc.h"

struct attach {
	struct peer *peer;
	struct words words;
	size_t waiting; /* requests that are not answered yet */
	bool greeted;	/* the first line has come */
	bool said_all;	/* over with the last answer */
	bool ended;	/* the run has, in order */
	bool gone;	/* nobody is at the other end */
	bool failed;	/* a request was refused */
};

static void
attach_usage(FILE *out)
{
	fputs("usage: attach [--json|--check] SOCKET\n"
	    "\n"
	    "Looks into a running responder by its control socket "
	    "(RUN/attach.sock), and\nsends commands by hand. "
	    "`kagemusha attach` finds the socket of a run.\n"
	    "\n"
	    "  --json   the protocol's JSON lines, as they are "
	    "(captures/README.md)\n"
	    "  --check  only says by its exit code whether anybody listens\n"
	    "\n"
	    "Exit codes: 0 done; 1 something was refused, or nobody is "
	    "there; 2 usage.\n"
	    "\n"
	    "example: attach captures/20261122-193000-linebot/attach.sock\n",
	    out);
}

/* Notes what a line means for us. */
static void
attach_note(struct attach *a, const json_t *line)
{
	const json_t *own = json_object_get(line, "attach");
	const char *state = json_string_value(json_object_get(own, "state"));

	a->greeted = true;
	if (json_object_get(line, "re") != NULL && a->waiting > 0)
		a->waiting--;
	if (json_object_get(line, "error") != NULL &&
	    json_object_get(line, "re") != NULL)
		a->failed = true;
	if (state != NULL && strcmp(state, "end") == 0)
		a->ended = true;
}

/* Notes what has come, and shows it: line is NULL where text is no JSON. */
static bool
attach_lines(struct attach *a,
    void (*show)(const char *text, size_t n, const json_t *line))
{
	bool more = peer_receive(a->peer);
	char *text;
	size_t n;

	a->gone = !more;
	while ((text = peer_line(a->peer, &n)) != NULL) {
		json_t *line = json_loadb(text, n, JSON_ALLOW_NUL, NULL);

		show(text, n, line);
		attach_note(a, line);
		json_decref(line);
	}
	return more;
}

static void
attach_show(const char *text, size_t n, const json_t *line)
{
	(void)text;
	(void)n;
	if (line != NULL)
		show_line(line);
}

/* Shows what has come. False at the end. */
static bool
attach_receive(struct attach *a)
{
	return attach_lines(a, attach_show) && !a->ended &&
	    !(a->said_all && a->waiting == 0);
}

static bool
attach_readable(void *arg)
{
	return attach_receive(arg);
}

/* Sends what a line asks for. False if nobody is there any more. */
static bool
attach_say(struct attach *a, const char *line)
{
	struct jsonw request = { 0 };
	bool alive = true;

	if (words_request(&a->words, line, &request)) {
		a->waiting++;
		alive = peer_send(a->peer, request.data, request.length) == 0;
	}
	if (a->words.wrong)
		a->failed = true;
	jsonw_free(&request);
	return alive;
}

/* A conversation with a person, or with a pipe in a person's place. */
static void
attach_talk(struct attach *a)
{
	struct prompt *p = prompt_new(peer_fd(a->peer), attach_readable, a);
	char text[40] = "attach> ";
	const char *line;

	prompt_set(p, text);
	while (!a->greeted && attach_receive(a))
		;
	if (prompt_is_terminal(p) && !attach_say(a, "list"))
		a->words.quit = true;
	while (!a->words.quit && (line = prompt_line(p)) != NULL) {
		if (!attach_say(a, line))
			break;
		if (a->words.session != 0)
			snprintf(text, sizeof text, "#%llu> ",
			    (unsigned long long)a->words.session);
		fflush(stdout);
	}
	/* A pipe has said all: its answers are awaited, or what it watches. */
	if (!prompt_is_terminal(p) && !prompt_over(p)) {
		a->said_all = a->words.quit || !a->words.watching;
		if (!a->said_all || a->waiting > 0)
			prompt_drain(p);
	}
	prompt_free(p);
}

/* Standard input to the socket, as it is. False at the end of one of them. */
static bool
attach_copy(struct attach *a)
{
	char bytes[16384];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);

	if (n <= 0)
		return false;
	return peer_send(a->peer, bytes, (size_t)n) == 0;
}

static void
attach_print(const char *text, size_t n, const json_t *line)
{
	(void)line;
	fwrite(text, 1, n, stdout);
	putchar('\n');
}

/* Lines of the responder to standard output, as they are. */
static bool
attach_pass(struct attach *a)
{
	bool more = attach_lines(a, attach_print);

	return fflush(stdout) == 0 && more;
}

static void
attach_json(struct attach *a)
{
	struct pollfd fds[] = {
		{ .fd = peer_fd(a->peer), .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN } };

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[0].revents != 0 && !attach_pass(a))
			return;
		if (fds[1].revents != 0 && !attach_copy(a)) {
			peer_finish(a->peer);
			a->said_all = true;
			fds[1].fd = -1;
		}
	}
}

/*
 * Whether anybody listens. The socket of a killed run is still there and
 * refuses; one that another user owns says nothing, and counts.
 */
static int
attach_check(const char *path)
{
	struct peer *p = peer_connect(path);
	bool nobody = p == NULL && (errno == ECONNREFUSED || errno == ENOENT);

	peer_free(p);
	return nobody ? 1 : 0;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "check", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	struct attach a = { 0 };
	bool json = false, check = false;
	int option;

	log_open("attach", LOG_INFO);
	setlocale(LC_CTYPE, "");
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			attach_usage(stdout);
			return 0;
		}
		if (option != 'j' && option != 'c') {
			attach_usage(stderr);
			return 2;
		}
		json = json || option == 'j';
		check = check || option == 'c';
	}
	if (argc - optind != 1) {
		attach_usage(stderr);
		return 2;
	}
	if (check)
		return attach_check(argv[optind]);
	words_init(&a.words);
	if ((a.peer = peer_connect(argv[optind])) == NULL) {
		log_error("%s: %s", argv[optind], errno == ECONNREFUSED ?
		    "nobody is there any more: the run was killed" :
		    strerror(errno));
		return 1;
	}
	if (json)
		attach_json(&a);
	else
		attach_talk(&a);
	peer_free(a.peer);
	if (!a.ended && a.gone && !a.said_all) {
		log_error("the responder has gone");
		return 1;
	}
	return a.failed && !json ? 1 : 0;
}
