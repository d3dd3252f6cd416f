/*
 * Lines of a person. libedit does the editing; it asks us for characters, and
 * while none is there we look after the socket.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include <histedit.h>

#include "attach/prompt.h"
#include "base/log.h"
#include "base/xmalloc.h"

#define PROMPT_HISTORY 500

struct prompt {
	int fd;
	prompt_cb *cb;
	void *arg;
	const char *text;
	EditLine *edit; /* NULL in a pipe */
	History *history;
	char *line;	/* of a pipe, or a copy of the terminal's */
	size_t size;
	bool editing;	/* a line is being typed */
	bool over;
};

static volatile sig_atomic_t prompt_interrupted;

static void
prompt_signal(int number A_UNUSED)
{
	prompt_interrupted = 1;
}

/* Lets the callback print, and puts prompt and line below that again. */
static void
prompt_show(struct prompt *p)
{
	if (p->editing)
		fputs("\r\033[J", stdout);
	p->over = !p->cb(p->arg);
	fflush(stdout);
	if (p->editing && !p->over)
		el_set(p->edit, EL_REFRESH);
}

/* Waits for standard input; false if nothing will come of it. */
static bool
prompt_wait(struct prompt *p)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = p->fd, .events = POLLIN } };

	while (!p->over && !prompt_interrupted) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents != 0)
			prompt_show(p);
		if (fds[0].revents != 0 && !p->over)
			return true;
	}
	return false;
}

/* One character for libedit: 1, or 0 at the end. */
static int
prompt_getc(EditLine *edit, wchar_t *out)
{
	struct prompt *p;
	mbstate_t state = { 0 };
	char byte;

	el_get(edit, EL_CLIENTDATA, &p);
	for (;;) {
		if (!prompt_wait(p) || read(STDIN_FILENO, &byte, 1) != 1)
			return 0;
		size_t n = mbrtowc(out, &byte, 1, &state);

		if (n == (size_t)-2)
			continue;
		if (n == (size_t)-1) {
			memset(&state, 0, sizeof state);
			*out = L'?';
		}
		return 1;
	}
}

static char *
prompt_text(EditLine *edit)
{
	static char text[64];
	struct prompt *p;

	el_get(edit, EL_CLIENTDATA, &p);
	snprintf(text, sizeof text, "%s", p->text);
	return text;
}

static void
prompt_open_terminal(struct prompt *p)
{
	HistEvent event;

	p->edit = el_init("kagemusha attach", stdin, stdout, stderr);
	p->history = history_init();
	if (p->edit == NULL || p->history == NULL)
		fatal("no line editor for this terminal");
	history(p->history, &event, H_SETSIZE, PROMPT_HISTORY);
	el_set(p->edit, EL_CLIENTDATA, p);
	el_set(p->edit, EL_PROMPT, prompt_text);
	el_set(p->edit, EL_EDITOR, "emacs");
	el_set(p->edit, EL_HIST, history, p->history);
	el_set(p->edit, EL_GETCFN, prompt_getc);
}

struct prompt *
prompt_new(int fd, prompt_cb *cb, void *arg)
{
	struct sigaction sa = { .sa_handler = prompt_signal };
	struct prompt *p = xcalloc(1, sizeof *p);

	p->fd = fd;
	p->cb = cb;
	p->arg = arg;
	p->text = "";
	sigaction(SIGINT, &sa, NULL); /* no SA_RESTART: poll must end */
	sigaction(SIGTERM, &sa, NULL);
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		prompt_open_terminal(p);
	return p;
}

void
prompt_free(struct prompt *p)
{
	if (p->history != NULL)
		history_end(p->history);
	if (p->edit != NULL)
		el_end(p->edit);
	free(p->line);
	free(p);
}

bool
prompt_is_terminal(const struct prompt *p)
{
	return p->edit != NULL;
}

bool
prompt_over(const struct prompt *p)
{
	return p->over;
}

void
prompt_set(struct prompt *p, const char *text)
{
	p->text = text;
}

/* A line of the terminal; blank ones don't go into the history. */
static const char *
prompt_edit(struct prompt *p)
{
	HistEvent event;
	int n = 0;

	p->editing = true;
	const char *line = el_gets(p->edit, &n);

	p->editing = false;
	if (line == NULL || n <= 0 || p->over || prompt_interrupted) {
		fputs(p->over ? "" : "\n", stdout);
		return NULL;
	}
	free(p->line);
	p->line = xstrdup(line);
	p->line[strcspn(p->line, "\n")] = '\0';
	if (p->line[0] != '\0')
		history(p->history, &event, H_ENTER, p->line);
	return p->line;
}

/* A line of a pipe, byte by byte, as poll must see what is left. */
static const char *
prompt_read(struct prompt *p)
{
	size_t n = 0;
	char byte = '\0';

	while (prompt_wait(p) && read(STDIN_FILENO, &byte, 1) == 1 &&
	    byte != '\n') {
		if (n + 1 >= p->size)
			p->line = xreallocarray(p->line, 1,
			    p->size = p->size * 2 + 128);
		p->line[n++] = byte;
	}
	if (n == 0 && byte != '\n')
		return NULL;
	if (p->line == NULL)
		return "";
	p->line[n] = '\0';
	return p->line;
}

const char *
prompt_line(struct prompt *p)
{
	if (p->over || prompt_interrupted)
		return NULL;
	return p->edit != NULL ? prompt_edit(p) : prompt_read(p);
}

void
prompt_drain(struct prompt *p)
{
	struct pollfd one = { .fd = p->fd, .events = POLLIN };

	while (!p->over && !prompt_interrupted) {
		if (poll(&one, 1, -1) > 0)
			prompt_show(p);
	}
}
