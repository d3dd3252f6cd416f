/*
 * The words of the prompt, by a table that is also the help.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/words.h"

/* One word's work, with the rest of the line; true if out has a request. */
typedef bool words_cb(struct words *, const char *rest, struct jsonw *out);

static bool
words_wrong(struct words *w, const char *why)
{
	printf("! %s\n", why);
	w->wrong = true;
	return false;
}

static void
words_begin(struct jsonw *out, const char *what)
{
	jsonw_object(out, NULL);
	jsonw_string(out, "do", what);
}

static bool
words_end(struct jsonw *out)
{
	jsonw_object_end(out);
	jsonw_line_end(out);
	return true;
}

static bool
words_simple(struct jsonw *out, const char *what)
{
	words_begin(out, what);
	return words_end(out);
}

/* A session's number, or 0. */
static uint64_t
words_number(const char *text)
{
	char *end;
	unsigned long long n;

	if (*text == '#')
		text++;
	if (*text < '0' || *text > '9' || strlen(text) > 18)
		return 0;
	n = strtoull(text, &end, 10);
	return *end == '\0' ? n : 0;
}

static bool
words_list(struct words *w, const char *rest, struct jsonw *out)
{
	(void)w;
	(void)rest;
	return words_simple(out, "list");
}

static bool
words_use(struct words *w, const char *rest, struct jsonw *out)
{
	uint64_t n = words_number(rest);

	if (n == 0)
		return words_wrong(w, "use N: a session's number is wanted");
	w->session = n;
	words_begin(out, "watch");
	jsonw_uint(out, "session", n);
	return words_end(out);
}

static bool
words_watch(struct words *w, const char *rest, struct jsonw *out)
{
	bool device = strstr(rest, "device") != NULL;
	char first[16];
	uint64_t n;

	snprintf(first, sizeof first, "%.*s", (int)strcspn(rest, " "), rest);
	if (strcmp(first, "off") == 0) {
		w->watching = false;
		return words_simple(out, "unwatch");
	}
	n = words_number(first);
	if (n == 0 && *first != '\0' && strcmp(first, "all") != 0 &&
	    strcmp(first, "device") != 0)
		return words_wrong(w, "watch [N|all] [device] | off");
	w->watching = true;
	words_begin(out, "watch");
	if (n != 0)
		jsonw_uint(out, "session", n);
	jsonw_bool(out, "device", device);
	return words_end(out);
}

static bool
words_send(struct words *w, const char *rest, struct jsonw *out)
{
	size_t length = strlen(rest), more = strlen(w->eol);
	char *text;

	if (w->session == 0)
		return words_wrong(w, "which session? use N");
	if ((text = malloc(length + more + 1)) == NULL)
		return words_wrong(w, "no memory");
	memcpy(text, rest, length);
	memcpy(text + length, w->eol, more);
	words_begin(out, "send");
	jsonw_uint(out, "session", w->session);
	jsonw_bytes(out, "text", "base64", text, length + more);
	free(text);
	return words_end(out);
}

static bool
words_hex(struct words *w, const char *rest, struct jsonw *out)
{
	if (w->session == 0)
		return words_wrong(w, "which session? use N");
	words_begin(out, "send");
	jsonw_uint(out, "session", w->session);
	jsonw_string(out, "hex", rest);
	return words_end(out);
}

static bool
words_eol(struct words *w, const char *rest, struct jsonw *out)
{
	static const struct {
		const char *name, *bytes;
	} kinds[] = { { "lf", "\n" }, { "crlf", "\r\n" }, { "cr", "\r" },
		{ "none", "" } };

	(void)out;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(rest, kinds[i].name) == 0) {
			w->eol = kinds[i].bytes;
			return false;
		}
	}
	return words_wrong(w, "eol lf, crlf, cr or none");
}

static bool
words_close(struct words *w, const char *rest, struct jsonw *out)
{
	uint64_t n = *rest != '\0' ? words_number(rest) : w->session;

	if (n == 0)
		return words_wrong(w, "close which session?");
	words_begin(out, "close");
	jsonw_uint(out, "session", n);
	return words_end(out);
}

static bool
words_hold(struct words *w, const char *rest, struct jsonw *out)
{
	(void)w;
	(void)rest;
	return words_simple(out, "hold");
}

static bool
words_go(struct words *w, const char *rest, struct jsonw *out)
{
	(void)w;
	(void)rest;
	return words_simple(out, "go");
}

static bool
words_quit(struct words *w, const char *rest, struct jsonw *out)
{
	(void)rest;
	(void)out;
	w->quit = true;
	return false;
}

static words_cb words_help;

static const struct {
	const char *word, *arguments, *what;
	words_cb *cb;
} words_table[] = {
	{ "list", "", "the sessions that go on", words_list },
	{ "use", "N", "takes session N, and watches it", words_use },
	{ "watch", "[N|all] [device]", "shows events; `watch off` ends that",
	    words_watch },
	{ "send", "TEXT", "sends a line as a command of its own", words_send },
	{ "hex", "0a 0b", "sends these bytes as one", words_hex },
	{ "eol", "lf|crlf|cr|none", "what ends a line (lf)", words_eol },
	{ "hold", "", "profiles send no commands: you have the floor",
	    words_hold },
	{ "go", "", "they may again", words_go },
	{ "close", "[N]", "hangs up", words_close },
	{ "help", "", "this", words_help },
	{ "quit", "", "leaves; the run goes on", words_quit },
};

static bool
words_help(struct words *w, const char *rest, struct jsonw *out)
{
	char left[40];

	(void)w;
	(void)rest;
	(void)out;
	for (size_t i = 0; i < sizeof words_table / sizeof *words_table; i++) {
		snprintf(left, sizeof left, "%s %s", words_table[i].word,
		    words_table[i].arguments);
		printf("  %-24s %s\n", left, words_table[i].what);
	}
	return false;
}

void
words_init(struct words *w)
{
	memset(w, 0, sizeof *w);
	w->eol = "\n";
}

bool
words_request(struct words *w, const char *line, struct jsonw *out)
{
	size_t n;

	line += strspn(line, " \t");
	n = strcspn(line, " \t");
	w->wrong = false;
	if (n == 0 || *line == '#')
		return false;
	for (size_t i = 0; i < sizeof words_table / sizeof *words_table; i++) {
		if (strlen(words_table[i].word) == n &&
		    memcmp(words_table[i].word, line, n) == 0)
			/* One blank: more of them are the text's. */
			return words_table[i].cb(w,
			    line + n + (line[n] != '\0'), out);
	}
	return words_wrong(w, "no such word: help tells them");
}
