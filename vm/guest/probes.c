/*
 * Kernel probes: definitions come from outside as text; their hits leave as
 * the ring buffer's own binary pages. Text from trace_pipe could be forged: a
 * sample that passes a string with a newline in it would write lines.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define TRACEFS "/sys/kernel/tracing"

static pid_t probes_pump;
static int probes_planted;

static int
probes_write(const char *file, const char *text)
{
	char path[256];
	int fd, error = 0;

	snprintf(path, sizeof path, TRACEFS "/%s", file);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd == -1)
		return errno;
	if (write(fd, text, strlen(text)) == -1)
		error = errno;
	close(fd);
	return error;
}

/*
 * Before the snapshot: the buffer's size and clock, and no command names in
 * the buffer (the sample chooses them, and strace tells them anyway).
 */
void
probes_mount(void)
{
	mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	breaks_install();
	plugin_install();
	probes_write("trace_clock", "mono");
	probes_write("buffer_size_kb", "4096");
	probes_write("options/record-cmd", "0");
}

/* Reports tracefs' description of one event. */
static void
probes_format(const char *group, const char *name)
{
	static char text[8192];
	char path[300];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, TRACEFS "/events/%s/%.200s/format", group,
	    name);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return;
	n = read(fd, text, sizeof text);
	close(fd);
	if (n > 0)
		channel_send(FRAME_FORMAT, text, (size_t)n);
}

/* Switches one event of our group off. */
static void
probes_off(const char *name)
{
	char file[300];

	if (strchr(name, '/') != NULL)
		return;
	snprintf(file, sizeof file, "events/" PROBE_GROUP "/%.100s/enable",
	    name);
	probes_write(file, "0");
}

/* A library will tell of probes: through markers, or uprobes on itself. */
static void
probes_libraries(void)
{
	char text[512];
	int error;

	if (!binfmt_emulates()) {
		probes_format("ftrace", "raw_data");
		return;
	}
	for (size_t i = 0; plugin_event(i, text, sizeof text); i++)
		if ((error = probes_write("uprobe_events", text)) != 0)
			channel_log("%s: %s", text, strerror(error));
}

int
probes_plant(char *list, size_t n, char *text, size_t size)
{
	char *p = list, *line;
	int error, failed = 0, off = 0;
	struct dirent *e;
	DIR *d;

	text[0] = '\0';
	while ((line = list_next(&p, list + n)) != NULL) {
		if (line[0] == '!') {
			probes_off(line + 1);
			off = 1;
			continue;
		}
		if (line[0] == 't' || line[0] == 'f') {
			probes_planted = 1;
			if (line[0] == 'f')
				probes_libraries();
			if ((error = breaks_define(line)) != 0 && failed++ == 0)
				snprintf(text, size, "%s: %s", line,
				    strerror(error));
			continue;
		}
		if ((error = probes_write("uprobe_events", line)) == 0) {
			probes_planted = 1;
			continue;
		}
		if (failed++ == 0)
			snprintf(text, size, "%s: %s", line, strerror(error));
	}
	if (off)
		return 0;
	if ((d = opendir(TRACEFS "/events/" PROBE_GROUP)) != NULL) {
		while ((e = readdir(d)) != NULL)
			if (e->d_type == DT_DIR && e->d_name[0] != '.')
				probes_format(PROBE_GROUP, e->d_name);
		closedir(d);
		error = probes_write("events/" PROBE_GROUP "/enable", "1");
		if (error != 0) {
			snprintf(text, size, "enable: %s", strerror(error));
			return error;
		}
	}
	return failed > 0 ? EINVAL : 0;
}

/* Sends one page, without the part of it that is not filled. */
static int
probes_page(int out, const unsigned char *page, size_t n)
{
	unsigned char head[4];
	size_t start = 8 + sizeof(long), used;
	unsigned long commit;

	if (n < start)
		return 0;
	memcpy(&commit, page + 8, sizeof commit);
	/* The upper bits say that events were lost before this page. */
	used = start + (commit & 0xfffff) + 2 * sizeof(long);
	if (used > n)
		used = n;
	put32(head, (uint32_t)used);
	if (write_all(out, head, sizeof head) == -1)
		return -1;
	return write_all(out, page, used);
}

/* The pump's own process: pages to the port until it is told to end. */
static volatile sig_atomic_t probes_last;

static void
probes_signal(int s)
{
	(void)s;
	probes_last = 1;
}

static void
probes_pump_run(void)
{
	static unsigned char page[65536];
	struct sigaction act = { .sa_handler = probes_signal };
	const char *port = channel_port(PORT_TRACE);
	int in, out = port == NULL ? -1 : open(port, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	in = open(TRACEFS "/per_cpu/cpu0/trace_pipe_raw", O_RDONLY | O_CLOEXEC);
	if (in == -1 || out == -1)
		_exit(1);
	sigaction(SIGTERM, &act, NULL);
	for (;;) {
		if (probes_last)
			fcntl(in, F_SETFL, O_NONBLOCK);
		n = read(in, page, sizeof page);
		if (n > 0 && probes_page(out, page, (size_t)n) == -1)
			break;
		if (n <= 0 && probes_last)
			break;
		if (n == -1 && errno != EINTR && errno != EAGAIN)
			break;
	}
	write_all(out, "\0\0\0\0", 4);
	_exit(0);
}

void
probes_pump_start(void)
{
	if (!probes_planted || probes_pump > 0)
		return;
	fflush(NULL);
	probes_pump = fork();
	if (probes_pump == 0)
		probes_pump_run();
}

/* The end of the stream is written in any case, also if there was no pump. */
void
probes_pump_stop(void)
{
	const char *port;
	int fd;

	probes_write("events/" PROBE_GROUP "/enable", "0");
	if (probes_pump > 0) {
		/* Again and again: the signal may come just before the read. */
		while (waitpid(probes_pump, NULL, WNOHANG) == 0) {
			kill(probes_pump, SIGTERM);
			usleep(2000);
		}
		probes_pump = 0;
		return;
	}
	if ((port = channel_port(PORT_TRACE)) == NULL ||
	    (fd = open(port, O_WRONLY | O_CLOEXEC)) == -1)
		return;
	write_all(fd, "\0\0\0\0", 4);
	close(fd);
}
