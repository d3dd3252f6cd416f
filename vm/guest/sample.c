/*
 * The tracer and the sample under it. Which tracer, with which arguments, is
 * said from outside; this file starts it, hands the sample's output on, and
 * knows when all is over.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define SAMPLE_WORDS 8192

static pid_t sample_tracer;
static char sample_tracer_words[SAMPLE_WORDS];
static size_t sample_tracer_words_n;
static int sample_status, sample_pipe = -1, sample_orders = -1;
static int sample_running, sample_blind, sample_steps_pipe = -1;

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

int
sample_steps_fd(void)
{
	return sample_steps_pipe;
}

/* Hands on what the tracer's stepper says; closes at its end. */
void
sample_steps(void)
{
	static char b[4096];
	ssize_t n = read(sample_steps_pipe, b, sizeof b);

	if (n > 0) {
		channel_send(FRAME_STEPS, b, (size_t)n);
		/* A step, or one that goes on below: now it is wanted. */
		sockets_send(0);
	} else if (n == 0 || errno != EAGAIN) {
		close(sample_steps_pipe);
		sample_steps_pipe = -1;
	}
}

int
sample_runs(void)
{
	return sample_running;
}

int
sample_unseen(void)
{
	return sample_running && sample_blind;
}

/* Copies the tracer's words of a list; 0, or -1 if they are too long. */
static int
sample_keep(char *list, size_t n, char *words, size_t *words_n)
{
	char *p = list, *text;

	*words_n = 0;
	while ((text = list_next(&p, list + n)) != NULL) {
		size_t k = strlen(text) + 1;

		if (strncmp(text, "tracer=", 7) != 0 &&
		    strncmp(text, "stepper=", 8) != 0)
			continue;
		if (k > SAMPLE_WORDS - *words_n)
			return -1;
		memcpy(words + *words_n, text, k);
		*words_n += k;
	}
	return 0;
}

/* The tracer's command line: its words, where %port is the port's path, and
 * what it runs. */
static void
sample_words(char *list, size_t n, char **words, char *pid)
{
	static char self[] = "/init", enter[] = "cell-enter";
	static char port[300];
	char *p = list, *text;
	const char *found = channel_port(PORT_STRACE);
	int count = 0;

	snprintf(port, sizeof port, "%s", found == NULL ? "/dev/null" : found);
	while ((text = list_next(&p, list + n)) != NULL && count < 200)
		if (strncmp(text, "tracer=", 7) == 0)
			words[count++] = strcmp(text + 7, "%port") == 0 ?
			    port : text + 7;
	words[count++] = self;
	words[count++] = enter;
	words[count++] = pid;
	words[count] = NULL;
}

/* The tracer's process: it leaves our descriptors to its child. */
static void
sample_trace(int output, int orders, int steps, char *pid)
{
	const char *stepper = list_get(sample_tracer_words,
	    sample_tracer_words_n, "stepper");
	char *words[SAMPLE_ARGS];
	int null = open("/dev/null", O_RDONLY);

	sample_words(sample_tracer_words, sample_tracer_words_n, words, pid);
	setpgid(0, 0);
	dup2(null, 0);
	dup2(output, SAMPLE_OUTPUT);
	dup2(orders, SAMPLE_ORDERS);
	if (stepper != NULL) {
		dup2(steps, STEPPER_FD);
		setenv("LD_PRELOAD", STEPPER_PATH, 1);
		setenv("STEPPER_LEVEL", stepper, 1);
	}
	breaks_preload();
	execvp(words[0], words);
	dprintf(2, "labinit: %s: %s\n", words[0], strerror(errno));
	_exit(127);
}

void
sample_discard(void)
{
	if (sample_running)
		return;
	if (cell_pid() > 0) {
		kill(cell_pid(), SIGKILL);
		waitpid(cell_pid(), NULL, 0);
		cell_over();
	}
	/* It ends with the last process that it traced. */
	for (int i = 0; sample_tracer > 0 &&
	     waitpid(sample_tracer, NULL, WNOHANG) == 0; i++) {
		if (i >= 1000)
			kill(sample_tracer, SIGKILL);
		usleep(1000);
	}
	sample_tracer = 0;
	if (sample_pipe != -1)
		close(sample_pipe);
	if (sample_orders != -1)
		close(sample_orders);
	if (sample_steps_pipe != -1)
		close(sample_steps_pipe);
	sample_pipe = sample_orders = sample_steps_pipe = -1;
}

/* Makes the cell, the tracer and the process that waits; 0 or errno. */
static int
sample_stand(char *text, size_t size)
{
	int output[2], orders[2], steps[2], error = 0;
	char pid[16], byte;

	if (cell_start() == -1) {
		snprintf(text, size, "the cell: %s", strerror(errno));
		return errno;
	}
	/* Not before: the cell's init would hold them open. */
	if (pipe2(output, O_CLOEXEC | O_NONBLOCK) == -1)
		return errno;
	fcntl(output[1], F_SETFL, 0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, orders) == -1) {
		error = errno;
		close(output[0]);
		close(output[1]);
		return error;
	}
	/* Both ends: a tracer that nobody hears goes on all the same. */
	if (pipe2(steps, O_CLOEXEC | O_NONBLOCK) == -1) {
		error = errno;
		close(output[0]);
		close(output[1]);
		close(orders[0]);
		close(orders[1]);
		return error;
	}
	snprintf(pid, sizeof pid, "%d", cell_pid());
	fflush(NULL);
	sample_tracer = fork();
	if (sample_tracer == 0)
		sample_trace(output[1], orders[1], steps[1], pid);
	close(output[1]);
	close(steps[1]);
	close(orders[1]);
	sample_pipe = output[0];
	sample_orders = orders[0];
	sample_steps_pipe = steps[0];
	if (read(sample_orders, &byte, 1) != 1) {
		snprintf(text, size, "the tracer did not start");
		return EIO;
	}
	return 0;
}

int
sample_prepare(char *list, size_t n, char *text, size_t size)
{
	static char words[SAMPLE_WORDS];
	size_t words_n;
	int error;

	if (sample_running || sample_keep(list, n, words, &words_n) == -1)
		return EINVAL;
	if (sample_tracer > 0 && cell_pid() > 0 &&
	    words_n == sample_tracer_words_n &&
	    memcmp(words, sample_tracer_words, words_n) == 0)
		return 0;
	sample_discard();
	memcpy(sample_tracer_words, words, words_n);
	sample_tracer_words_n = words_n;
	/* Without a tracer the kernel counts nothing either. */
	if (syscount_prepare(words_n > 0) == -1)
		channel_log("the kernel does not count system calls: %s",
		    strerror(errno));
	ways_watch(words_n > 0);
	error = sample_stand(text, size);
	if (error != 0)
		sample_discard();
	return error;
}

/* Tells the process that waits what to become; 0 or errno. */
static int
sample_order(char *list, size_t n)
{
	char *p = list, *text, *path = list_get(list, n, "path");
	const char *skip = list_get(list, n, "skip");
	const char *sleeps = skip == NULL ? "" : SLEEPS_ORDER;
	int error = 0;

	if (write_all(sample_orders, sleeps, strlen(sleeps) + 1) == -1 ||
	    write_all(sample_orders, path, strlen(path) + 1) == -1)
		error = errno;
	while (error == 0 && (text = list_next(&p, list + n)) != NULL)
		if (strncmp(text, "arg=", 4) == 0 && write_all(sample_orders,
		    text + 4, strlen(text + 4) + 1) == -1)
			error = errno;
	/* Not by closing alone: the probes' pump has it open too. */
	shutdown(sample_orders, SHUT_WR);
	if (skip != NULL)
		sleeps_begin(atol(skip), sample_orders);
	else
		close(sample_orders);
	sample_orders = -1;
	return error;
}

int
sample_start(char *list, size_t n, char *text, size_t size)
{
	int error;

	if (list_get(list, n, "path") == NULL)
		return EINVAL;
	if ((error = sample_prepare(list, n, text, size)) != 0)
		return error;
	sample_blind = list_get(list, n, "sockets") != NULL;
	if (sample_tracer_words_n > 0)
		syscount_start();
	probes_pump_start();
	collect_mark();
	sample_running = 1;
	return sample_order(list, n);
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
	cores_send();
	probes_pump_stop();
	syscount_send();
	sockets_send(1);
	while (sample_pipe != -1) {
		fcntl(sample_pipe, F_SETFL, 0);
		sample_output();
	}
	while (sample_steps_pipe != -1)
		sample_steps();
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
		/* Nobody goes on unseen, unless that was wanted. */
		if (sample_tracer_words_n > 0)
			sample_stop();
	} else {
		cell_over();
	}
	if (sample_tracer == 0 && cell_pid() == 0 && sample_running)
		sample_over();
	return 1;
}
