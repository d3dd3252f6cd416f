/*
 * One command of the operator's, on a terminal of its own, outside the cell:
 * what `kagemusha device shell` shows.
 */
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

static pid_t command_pid;
static int command_terminal = -1, command_status, command_ended;

/* Opens a terminal; the path of its other side goes to path. */
static int
command_pty(char *path, size_t size)
{
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	int unlock = 0;
	unsigned number;

	if (fd == -1)
		return -1;
	if (ioctl(fd, TIOCSPTLCK, &unlock) == -1 ||
	    ioctl(fd, TIOCGPTN, &number) == -1) {
		close(fd);
		return -1;
	}
	snprintf(path, size, "/dev/pts/%u", number);
	return fd;
}

int
command_start(char *list, size_t n)
{
	char *argv[64], path[32], *p = list, *text;
	struct winsize size = { 0 };
	int count = 0, master;
	char *rows = list_next(&p, list + n);

	while ((text = list_next(&p, list + n)) != NULL && count < 63)
		argv[count++] = text;
	argv[count] = NULL;
	if (count == 0 || command_pid > 0)
		return EINVAL;
	if ((master = command_pty(path, sizeof path)) == -1)
		return errno;
	if (sscanf(rows, "%hu %hu", &size.ws_row, &size.ws_col) == 2)
		ioctl(master, TIOCSWINSZ, &size);
	fflush(NULL);
	command_pid = fork();
	if (command_pid == 0) {
		int tty;

		setsid();
		tty = open(path, O_RDWR);
		ioctl(tty, TIOCSCTTY, 0);
		for (int fd = 0; fd < 3; fd++)
			dup2(tty, fd);
		if (tty > 2)
			close(tty);
		execvp(argv[0], argv);
		fprintf(stderr, "labinit: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	command_terminal = master;
	command_ended = 0;
	return 0;
}

int
command_fd(void)
{
	return command_terminal;
}

/* Says that the command ended once its output is out as well. */
static void
command_over(void)
{
	unsigned char b[4];

	if (command_terminal != -1 || !command_ended)
		return;
	command_ended = 0;
	put32(b, (uint32_t)command_status);
	channel_send(FRAME_EXITED, b, sizeof b);
}

void
command_output(void)
{
	static char b[16384];
	ssize_t n = read(command_terminal, b, sizeof b);

	if (n > 0) {
		channel_send(FRAME_OUTPUT, b, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(command_terminal);
		command_terminal = -1;
		command_over();
	}
}

void
command_input(const void *data, size_t n)
{
	if (command_terminal != -1)
		write_all(command_terminal, data, n);
}

int
command_reaped(pid_t pid, int status)
{
	if (pid <= 0 || pid != command_pid)
		return 0;
	command_pid = 0;
	command_status = status;
	command_ended = 1;
	command_over();
	return 1;
}
