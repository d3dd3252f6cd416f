/*
 * `process` and `syscall` events from strace's lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "callevent.h"
#include "events.h"

#define CALLEVENT_ARGS 64

/* Begins an event of the line's process. */
static struct jsonw *
callevent_begin(const struct callevent *e, const struct strace_line *l,
    const char *type)
{
	struct jsonw *j = events_begin(e->events,
	    guestclock_from_wall(e->clock, l->time), type);

	jsonw_int(j, "pid", l->pid);
	jsonw_object(j, type);
	return j;
}

static void
callevent_done(const struct callevent *e, struct jsonw *j)
{
	jsonw_object_end(j);
	events_end(e->events);
}

static void
callevent_text(struct jsonw *j, const char *key, struct text text)
{
	char base64[40];

	snprintf(base64, sizeof base64, "%s_base64", key);
	jsonw_bytes(j, key, base64, text.at, text.n);
}

/* argv as execve's second argument shows it. */
static void
callevent_argv(struct jsonw *j, struct text list)
{
	struct text args[CALLEVENT_ARGS];
	size_t count;

	jsonw_array(j, "argv");
	if (list.n >= 2 && list.at[0] == '[') {
		list.at++;
		list.n -= 2;
		count = strace_split(list, args, CALLEVENT_ARGS);
		for (size_t i = 0; i < count && i < CALLEVENT_ARGS; i++) {
			uint8_t b[STRACE_STRING];
			bool cut;
			size_t n = strace_string(args[i], b, sizeof b, &cut);
			char *text = xmemdup0(b, n);

			if (args[i].n > 0 && args[i].at[0] == '"')
				jsonw_string(j, NULL, text);
			free(text);
		}
	}
	jsonw_array_end(j);
}

void
callevent_exec(const struct callevent *e, const struct strace_line *l,
    const struct strace_details *d)
{
	struct text args[3] = { { "", 0 }, { "", 0 }, { "", 0 } }, file;
	bool at = text_is(l->name, "execveat");
	struct jsonw *j = callevent_begin(e, l, "process");
	int64_t fd;

	strace_split(l->args, args, 3);
	jsonw_string(j, "action", "exec");
	/* By its descriptor alone: a file that needs no name. */
	if (at && d->has_path && d->path_n == 0 &&
	    strace_fd(args[0], &fd, &file) == 0 && file.n > 0)
		callevent_text(j, "path", file);
	else if (d->has_path)
		jsonw_bytes(j, "path", "path_base64", d->path, d->path_n);
	callevent_argv(j, args[at ? 2 : 1]);
	callevent_done(e, j);
}

void
callevent_fork(const struct callevent *e, const struct strace_line *l,
    int64_t child)
{
	struct jsonw *j = callevent_begin(e, l, "process");

	jsonw_string(j, "action", "fork");
	jsonw_int(j, "child", child);
	if (text_find(l->args, "CLONE_THREAD") != -1)
		jsonw_bool(j, "thread", true);
	callevent_done(e, j);
}

void
callevent_end(const struct callevent *e, const struct strace_line *l)
{
	struct jsonw *j = callevent_begin(e, l, "process");

	jsonw_string(j, "action",
	    l->kind == STRACE_EXITED ? "exit" : "killed");
	if (l->kind == STRACE_EXITED)
		jsonw_int(j, "status", l->value);
	else
		callevent_text(j, "signal", l->name);
	callevent_done(e, j);
}

void
callevent_signal(const struct callevent *e, const struct strace_line *l)
{
	struct jsonw *j = callevent_begin(e, l, "process");

	jsonw_string(j, "action", "signal");
	callevent_text(j, "signal", l->name);
	callevent_text(j, "info", l->args);
	callevent_done(e, j);
}

static void
callevent_socket(struct jsonw *j, const struct strace_socket *s)
{
	char text[ADDR_TEXT_SIZE];

	if (s->proto[0] == '\0')
		return;
	jsonw_object(j, "socket");
	jsonw_string(j, "proto", s->proto);
	if (s->local.family != 0) {
		jsonw_string(j, "src_ip", addr_text(&s->local, text));
		jsonw_uint(j, "src_port", s->local.port);
	}
	if (s->remote.family != 0) {
		jsonw_string(j, "dest_ip", addr_text(&s->remote, text));
		jsonw_uint(j, "dest_port", s->remote.port);
	}
	jsonw_object_end(j);
}

void
callevent_syscall(const struct callevent *e, const struct strace_line *l,
    const struct strace_details *d)
{
	struct jsonw *j = callevent_begin(e, l, "syscall");

	callevent_text(j, "name", l->name);
	if (l->nr >= 0)
		jsonw_int(j, "nr", l->nr);
	callevent_text(j, "args", l->args);
	if (l->has_value)
		jsonw_int(j, "ret", l->value);
	if (l->error.n > 0)
		callevent_text(j, "errno", l->error);
	if (text_find(l->ret, "(INJECTED)") != -1)
		jsonw_bool(j, "injected", true);
	if (l->duration >= 0)
		jsonw_real(j, "duration", l->duration);
	if (d->has_fd)
		jsonw_int(j, "fd", d->fd);
	callevent_socket(j, &d->socket);
	if (d->has_path)
		jsonw_bytes(j, "path", "path_base64", d->path, d->path_n);
	if (d->has_bytes) {
		jsonw_int(j, "length", d->length);
		jsonw_bytes(j, "text", "base64", d->bytes, d->bytes_n);
	}
	callevent_done(e, j);
}
