/*
 * What the sample left behind: every regular file of the cell whose inode
 * changed after the sample started. The change time is the kernel's, and the
 * sample may not set the clock.
 */
#include <sys/stat.h>

#include <dirent.h>
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
#define COLLECT_MEMORY_MAX (4l << 20) /* of one process */
#define COLLECT_PROCESSES_MAX 16
#define COLLECT_GROUP "/sys/fs/cgroup/cell"

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

/* Sends what a name stands for, from a descriptor; at most max bytes. */
static void
collect_stream(const char *name, unsigned mode, int fd, off_t at, long max)
{
	static unsigned char b[65536];
	size_t n = strlen(name) + 1;
	long sent = 0;

	if (n > sizeof b - 4)
		return;
	put32(b, mode);
	memcpy(b + 4, name, n);
	channel_send(FRAME_FILE, b, 4 + n);
	while (sent < max) {
		size_t want = max - sent < (long)sizeof b ?
		    (size_t)(max - sent) : sizeof b;
		ssize_t k = pread(fd, b, want, at + sent);

		if (k <= 0)
			break;
		channel_send(FRAME_DATA, b, (size_t)k);
		sent += k;
	}
	collect_bytes += sent;
	channel_send(FRAME_FILE_END, NULL, 0);
}

/* The writable private memory of one process: what it decoded lies there. */
static void
collect_memory(int pid)
{
	char path[64], line[512], name[600], perms[8], rest[256];
	unsigned long long start, end;
	long left = COLLECT_MEMORY_MAX;
	FILE *maps;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (maps != NULL && fd != -1 && left > 0 &&
	    fgets(line, sizeof line, maps) != NULL) {
		rest[0] = '\0';
		if (sscanf(line, "%llx-%llx %7s %*s %*s %*s %255[^\n]", &start,
			&end, perms, rest) < 3 ||
		    strncmp(perms, "rw", 2) != 0)
			continue;
		long size = end - start > (unsigned long long)left ? left :
		    (long)(end - start);
		snprintf(name, sizeof name, NAME_MEMORY "%d:%llx-%llx:%s:%s",
		    pid, start, end, perms, rest);
		collect_stream(name, 0600, fd, (off_t)start, size);
		left -= size;
	}
	if (maps != NULL)
		fclose(maps);
	if (fd != -1)
		close(fd);
}

/* Open files of one process that have no name any more. */
static void
collect_deleted(int pid)
{
	char path[300], name[600], target[400];
	struct dirent *e;
	struct stat st;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	if ((d = opendir(path)) == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		ssize_t n;
		int fd;

		snprintf(path, sizeof path, "/proc/%d/fd/%s", pid, e->d_name);
		if (stat(path, &st) == -1 || !S_ISREG(st.st_mode) ||
		    st.st_nlink != 0 ||
		    (n = readlink(path, target, sizeof target - 1)) == -1 ||
		    (fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
			continue;
		target[n] = '\0';
		snprintf(name, sizeof name, NAME_DELETED "%d:%s", pid, target);
		collect_stream(name, (unsigned)st.st_mode, fd, 0,
		    COLLECT_FILE_MAX);
		close(fd);
	}
	closedir(d);
}

/* Stands or moves on: all of the cell at once. */
static void
collect_freeze(const char *word)
{
	int fd = open(COLLECT_GROUP "/cgroup.freeze", O_WRONLY | O_CLOEXEC);

	if (fd == -1)
		return;
	write_all(fd, word, 1);
	close(fd);
}

void
collect_processes(void)
{
	FILE *f;
	int pid, count = 0;

	collect_freeze("1");
	collect_bytes = 0;
	f = fopen(COLLECT_GROUP "/cgroup.procs", "re");
	while (f != NULL && count < COLLECT_PROCESSES_MAX &&
	    fscanf(f, "%d", &pid) == 1) {
		count++;
		collect_deleted(pid);
		collect_memory(pid);
	}
	if (f != NULL)
		fclose(f);
}

void
collect_thaw(void)
{
	collect_freeze("0");
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
