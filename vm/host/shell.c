/*
 * A prompt in a fresh guest.
 */
#include <sys/ioctl.h>

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "guest.h"
#include "shell.h"

struct shell {
	struct event_base *base;
	struct guest *guest;
	struct event *input;
	int status;
};

static void
shell_ready(void *arg)
{
	struct control_list l = { NULL, 0 };
	struct winsize size = { 0 };
	struct shell *s = arg;
	uint8_t b[8];

	ctlframe_put64(b, (uint64_t)clock_wall());
	control_send(guest_control(s->guest), FRAME_CLOCK, b, sizeof b);
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	control_list_add(&l, "%u %u", size.ws_row, size.ws_col);
	control_list_add(&l, "/bin/sh");
	control_list_add(&l, "-i");
	control_send(guest_control(s->guest), FRAME_COMMAND, l.data, l.n);
	control_list_free(&l);
	event_add(s->input, NULL);
}

static void
shell_frame(void *arg, const struct ctlframe *f)
{
	struct shell *s = arg;
	struct ctlframe_result r;

	if (f->type == FRAME_OUTPUT &&
	    write(STDOUT_FILENO, f->payload, f->length) == -1)
		event_base_loopbreak(s->base);
	if (f->type == FRAME_RESULT && ctlframe_parse_result(f, &r) == 0 &&
	    r.request == FRAME_COMMAND && r.error != 0) {
		log_error("no shell: %.*s", (int)r.length, r.text);
		event_base_loopbreak(s->base);
	}
	if (f->type == FRAME_EXITED) {
		s->status = 0;
		event_base_loopbreak(s->base);
	}
}

static void
shell_stream(void *arg, enum qemu_port port, const void *data, size_t n)
{
	(void)arg;
	if (port == QEMU_CONSOLE && write(STDERR_FILENO, data, n) == -1)
		log_debug("stderr: %s", strerror(errno));
}

static void
shell_lost(void *arg, const char *why)
{
	struct shell *s = arg;

	log_error("%s", why);
	event_base_loopbreak(s->base);
}

/* Keys go to the guest as they are; the end of input is Ctrl-D there. */
static void
shell_inputcb(int fd, short what, void *arg)
{
	struct shell *s = arg;
	char b[4096];
	ssize_t n = read(fd, b, sizeof b);

	(void)what;
	if (n <= 0) {
		event_del(s->input);
		b[0] = 4;
		n = 1;
	}
	control_send(guest_control(s->guest), FRAME_INPUT, b, (size_t)n);
}

int
shell_run(const struct image *image, const char *tap, bool cold)
{
	static const struct guest_callbacks cb = { shell_ready, shell_frame,
		shell_stream, shell_lost };
	struct guest_options o = { tap, 24 * 3600, -1, cold };
	struct shell s = { event_base_new(), NULL, NULL, 1 };
	bool terminal = isatty(STDIN_FILENO);
	struct termios before, raw;
	char why[300];

	s.input = event_new(s.base, STDIN_FILENO, EV_READ | EV_PERSIST,
	    shell_inputcb, &s);
	/* A regular file can't be waited for; a pipe or terminal can. */
	if (terminal && tcgetattr(STDIN_FILENO, &before) == 0) {
		raw = before;
		cfmakeraw(&raw);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	s.guest = guest_new(s.base, image, &o, &cb, &s, why, sizeof why);
	if (s.guest == NULL) {
		log_error("%s", why);
		s.status = 3;
	} else {
		event_base_dispatch(s.base);
	}
	if (terminal)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	guest_free(s.guest);
	event_free(s.input);
	event_base_free(s.base);
	return s.status;
}
