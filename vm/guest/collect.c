/*
 * What the sample left behind: every regular file of the cell whose inode
 * changed after the sample started. The change time is the kernel's, and the
 * sample may not set the clock.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define COLLECT_FILE_MAX (16l << 20)
#define COLLECT_ALL_MAX (64l << 20)
#define COLLECT_COUNT_MAX 1000

static struct timespec collect_since;
static long collect_bytes;
static int collect_count, collect_skipped;

void
collect_mark(void)
{
	/* The coarse clock is the one that stamps inodes. */
	clock_gettime(CLOCK_REALTIME_COARSE, &collect_since);
}

/* Sends one file: its mode and path, its bytes, its end. */
static void
collect_file(const char *path, const struct stat *st)
{
	static unsigned char b[65536];
	size_t n = strlen(path) - strlen(CELL_ROOT) + 1;
	long sent = 0;
	ssize_t k;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1)
		return;
	put32(b, (uint32_t)st->st_mode);
	memcpy(b + 4, path + strlen(CELL_ROOT), n);
	channel_send(FRAME_FILE, b, 4 + n);
	while (sent < COLLECT_FILE_MAX && (k = read(fd, b, sizeof b)) > 0) {
		channel_send(FRAME_DATA, b, (size_t)k);
		sent += k;
	}
	close(fd);
	collect_bytes += sent;
	collect_count++;
	channel_send(FRAME_FILE_END, NULL, 0);
}

static int
collect_visit(const char *path, const struct stat *st, int kind,
    struct FTW *ftw)
{
	(void)ftw;
	if (kind != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	if (st->st_ctim.tv_sec < collect_since.tv_sec ||
	    (st->st_ctim.tv_sec == collect_since.tv_sec &&
		st->st_ctim.tv_nsec <= collect_since.tv_nsec))
		return 0;
	if (collect_count >= COLLECT_COUNT_MAX ||
	    collect_bytes >= COLLECT_ALL_MAX || strlen(path) > 4000)
		collect_skipped++;
	else
		collect_file(path, st);
	return 0;
}

/* Sends every changed file; says in text what was left out. */
int
collect_send(char *text, size_t size)
{
	collect_bytes = 0;
	collect_count = collect_skipped = 0;
	nftw(CELL_ROOT, collect_visit, 16, FTW_PHYS | FTW_MOUNT);
	if (collect_skipped > 0)
		snprintf(text, size, "%d more files were left out",
		    collect_skipped);
	return 0;
}
