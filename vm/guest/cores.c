/*
 * Core dumps of the sample's processes. The kernel pipes each into a process
 * of ours outside the cell ("labinit core"), which keeps so much of it and
 * tells PID 1 through a FIFO; that sends it out while the run goes on. The
 * dying process waits for it, so its core is out before its end is seen.
 *
 * Of a program under an emulator the kernel sees the emulator: then a core of
 * what it emulates is made (emucore.c).
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define CORES_FOLDER "/cores"
#define CORES_FIFO CORES_FOLDER "/new"
#define CORES_PATTERN "/proc/sys/kernel/core_pattern"
#define CORES_MAX 16		   /* of one run: a keeper starts it again */

static int cores_fifo = -1, cores_count;

static void
cores_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd == -1)
		return;
	write_all(fd, text, strlen(text));
	close(fd);
}

void
cores_watch(void)
{
	mkdir(CORES_FOLDER, 0700);
	/* What the sample reads as the pattern (cell.c). */
	cores_write(CORES_SHOWN, "core\n");
	if (mkfifo(CORES_FIFO, 0600) == -1 ||
	    (cores_fifo = open(CORES_FIFO, O_RDWR | O_NONBLOCK | O_CLOEXEC)) ==
		-1) {
		perror("labinit: cores");
		return;
	}
	/* So many at once; each waits until its core is taken. */
	cores_write("/proc/sys/kernel/core_pipe_limit", "4");
	cores_write(CORES_PATTERN, "|/init core %P %s");
}

void
cores_off(void)
{
	cores_write(CORES_PATTERN, "core");
}

int
cores_fd(void)
{
	return cores_fifo;
}

/* Sends one core and forgets it. */
static void
cores_send_one(int pid, int signal)
{
	char path[64], name[64];
	int fd;

	snprintf(path, sizeof path, CORES_FOLDER "/%d", pid);
	snprintf(name, sizeof name, NAME_CORE "%d:%d", pid, signal);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return;
	unlink(path);
	collect_stream(name, 0600, fd, 0, CORES_SIZE_MAX);
	close(fd);
	if (++cores_count == CORES_MAX) {
		cores_off();
		channel_log("the sample crashed %d times: no more cores",
		    CORES_MAX);
	}
}

void
cores_send(void)
{
	/* Lines are written whole: they are shorter than PIPE_BUF. */
	char b[4096], *line = b, *end;
	ssize_t n = cores_fifo == -1 ? -1 :
	    read(cores_fifo, b, sizeof b - 1);
	int pid, signal;

	if (n <= 0)
		return;
	b[n] = '\0';
	for (; (end = strchr(line, '\n')) != NULL; line = end + 1)
		if (sscanf(line, "%d %d", &pid, &signal) == 2)
			cores_send_one(pid, signal);
}

int
cores_take(int argc, char **argv)
{
	static char b[65536];
	char path[64], line[64];
	long left = CORES_SIZE_MAX;
	ssize_t n;
	int out, fifo;

	if (argc < 4)
		return 2;
	snprintf(path, sizeof path, CORES_FOLDER "/%d", atoi(argv[2]));
	out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out == -1)
		return 1;
	if (binfmt_emulates() && emucore_write(atoi(argv[2]), out, left) == -1) {
		close(out);
		unlink(path);
		return 1;
	}
	while (!binfmt_emulates() && left > 0 &&
	    (n = read(0, b, sizeof b)) > 0) {
		if (n > left)
			n = left;
		if (write_all(out, b, (size_t)n) == -1)
			break;
		left -= n;
	}
	close(out);
	/* Standard input stays open until PID 1 has been told: until then
	 * the process isn't gone. */
	fifo = open(CORES_FIFO, O_WRONLY | O_CLOEXEC);
	snprintf(line, sizeof line, "%d %d\n", atoi(argv[2]), atoi(argv[3]));
	return fifo == -1 || write_all(fifo, line, strlen(line)) == -1;
}
