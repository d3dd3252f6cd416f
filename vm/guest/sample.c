/*
 * The tracer and the sample under it. Which tracer, with which arguments, is
 * said from outside; this file starts it, hands the sample's output on, and
 * knows when all is over.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define SAMPLE_ARGS 512

static pid_t sample_tracer;
static int sample_status, sample_pipe = -1, sample_running;

int
sample_output_fd(void)
{
	return sample_pipe;
}

/* Hands on what the sample has printed; closes at its end. */
void
sample_output(void)
{
	static char b[32768];
	ssize_t n = read(sample_pipe, b, sizeof b);

	if (n > 0) {
		channel_send(FRAME_OUTPUT, b, (size_t)n);
	} else if (n == 0 || errno != EAGAIN) {
		close(sample_pipe);
		sample_pipe = -1;
	}
}

/*
 * Builds the command line: tracer's words, where %port is the port's path,
 * then "labinit cell-enter PID PATH ARGS". Returns the count.
 */
static int
sample_words(char *list, size_t n, char **words, const char *pid)
{
	static char self[] = "/init", enter[] = "cell-enter";
	static char port[300];
	char *p = list, *text, *path = list_get(list, n, "path");
	const char *found = channel_port(PORT_STRACE);
	int count = 0;

	snprintf(port, sizeof port, "%s", found == NULL ? "/dev/null" : found);
	while ((text = list_next(&p, list + n)) != NULL)
		if (strncmp(text, "tracer=", 7) == 0 && count < 200)
			words[count++] = strcmp(text + 7, "%port") == 0 ?
			    port : text + 7;
	words[count++] = self;
	words[count++] = enter;
	words[count++] = (char *)(uintptr_t)pid;
	words[count++] = path;
	p = list;
	while ((text = list_next(&p, list + n)) != NULL)
		if (strncmp(text, "arg=", 4) == 0 && count < SAMPLE_ARGS - 1)
			words[count++] = text + 4;
	words[count] = NULL;
	return count;
}

int
sample_start(char *list, size_t n, char *text, size_t size)
{
	char *words[SAMPLE_ARGS], pid[16];
	int p[2];

	if (sample_running || list_get(list, n, "path") == NULL)
		return EINVAL;
	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) == -1)
		return errno;
	fcntl(p[1], F_SETFL, 0);
	if (cell_start() == -1) {
		snprintf(text, size, "the cell: %s", strerror(errno));
		close(p[0]);
		close(p[1]);
		return errno;
	}
	snprintf(pid, sizeof pid, "%d", cell_pid());
	sample_words(list, n, words, pid);
	probes_count(list_get(list, n, "path"));
	probes_pump_start();
	collect_mark();
	fflush(NULL);
	sample_tracer = fork();
	if (sample_tracer == 0) {
		int null = open("/dev/null", O_RDONLY);

		setpgid(0, 0);
		dup2(null, 0);
		dup2(p[1], SAMPLE_OUTPUT);
		execvp(words[0], words);
		dprintf(2, "labinit: %s: %s\n", words[0], strerror(errno));
		_exit(127);
	}
	close(p[1]);
	sample_pipe = p[0];
	sample_running = 1;
	return 0;
}

void
sample_stop(void)
{
	if (cell_pid() > 0)
		kill(cell_pid(), SIGKILL);
}

/* All is over: the streams end, and then the word of it goes out. */
static void
sample_over(void)
{
	const char *port = channel_port(PORT_STRACE);
	int fd = port == NULL ? -1 : open(port, O_WRONLY | O_CLOEXEC);
	unsigned char b[4];

	if (fd != -1) {
		write_all(fd, STREAM_END "\n", sizeof STREAM_END);
		close(fd);
	}
	probes_pump_stop();
	probes_count_send();
	while (sample_pipe != -1) {
		fcntl(sample_pipe, F_SETFL, 0);
		sample_output();
	}
	sample_running = 0;
	put32(b, (uint32_t)sample_status);
	channel_send(FRAME_GONE, b, sizeof b);
}

int
sample_reaped(pid_t pid, int status)
{
	if (pid <= 0 || (pid != sample_tracer && pid != cell_pid()))
		return 0;
	if (pid == sample_tracer) {
		sample_status = status;
		sample_tracer = 0;
		/* Nobody goes on unseen. */
		sample_stop();
	} else {
		cell_over();
	}
	if (sample_tracer == 0 && cell_pid() == 0 && sample_running)
		sample_over();
	return 1;
}
