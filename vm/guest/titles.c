/*
 * What the sample's processes call themselves: /proc/PID/comm and cmdline. A
 * process may write over both (PR_SET_NAME of prctl(2); its own argv), to look
 * like another one in ps, and no call tells of the second. They are looked at
 * from time to time, and told when they are new.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

/* Processes beyond this are not looked at. */
#define TITLES_MAX 256
#define TITLES_NAME 16 /* of comm, proc(5) */
/* Not more often than so many nanoseconds. */
#define TITLES_PAUSE 200000000

struct titles_one {
	int pid;
	uint64_t sum;
};
/* Of the last look. */
static struct titles_one titles_known[TITLES_MAX];
static unsigned titles_count;
static int64_t titles_last;

/* What a file of the process's folder holds; its length, 0 for nothing. */
static size_t
titles_read(int pid, const char *name, unsigned char *b, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	n = read(fd, b, size);
	close(fd);
	return n > 0 ? (size_t)n : 0;
}

/* FNV-1a */
static uint64_t
titles_sum(const unsigned char *b, size_t n)
{
	uint64_t sum = 0xcbf29ce484222325;

	for (size_t i = 0; i < n; i++)
		sum = (sum ^ b[i]) * 0x100000001b3;
	return sum;
}

/*
 * Has the process had this title at the last look? One that is new has if any
 * had: a child has its parent's.
 */
static int
titles_old(int pid, uint64_t sum)
{
	int any = 0;

	for (unsigned i = 0; i < titles_count; i++) {
		if (titles_known[i].pid == pid)
			return titles_known[i].sum == sum;
		any |= titles_known[i].sum == sum;
	}
	return any;
}

/* Looks at one process, and tells; 0 for one that has no title. */
static uint64_t
titles_look(int pid)
{
	unsigned char b[12 + TITLES_NAME + TITLE_WORDS_MAX];
	unsigned char *name = b + 12, *words;
	size_t n = titles_read(pid, "comm", name, TITLES_NAME), words_n;
	uint64_t sum;

	if (n == 0)
		return 0;
	/* It ends with a newline: a NUL takes its place. */
	name[n - 1] = '\0';
	words = name + n;
	words_n = titles_read(pid, "cmdline", words, TITLE_WORDS_MAX);
	if (words_n == 0)
		return 0;
	sum = titles_sum(name, n + words_n);
	if (!titles_old(pid, sum)) {
		put32(b, (uint32_t)pid);
		put64(b + 4, (uint64_t)guest_now(CLOCK_REALTIME));
		channel_send(FRAME_TITLE, b, 12 + n + words_n);
	}
	return sum;
}

void
titles_send(int last)
{
	struct titles_one seen[TITLES_MAX];
	int64_t now = guest_now(CLOCK_MONOTONIC);
	unsigned count = 0;
	FILE *f;
	int pid;

	/* Under an emulator the words are the emulator's. */
	if (binfmt_emulates() || (!last && now - titles_last < TITLES_PAUSE))
		return;
	titles_last = now;
	f = fopen("/sys/fs/cgroup/cell/cgroup.procs", "re");
	while (f != NULL && count < TITLES_MAX && fscanf(f, "%d", &pid) == 1)
		if (pid != cell_pid() &&
		    (seen[count].sum = titles_look(pid)) != 0)
			seen[count++].pid = pid;
	if (f != NULL)
		fclose(f);
	memcpy(titles_known, seen, count * sizeof *seen);
	titles_count = count;
}
