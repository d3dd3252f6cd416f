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

#define COLLECT_ALL_MAX (64l << 20)
#define COLLECT_COUNT_MAX 1000
#define COLLECT_MEMORY_MAX (8l << 20) /* of one process */
#define COLLECT_MAPPING_MAX (2l << 20)
#define COLLECT_MAPS_MAX (256l << 10)
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

void
collect_stream(const char *name, unsigned mode, int fd, off_t at, long max)
{
	static unsigned char b[65536];
	size_t n = strlen(name) + 1;
	long sent = 0;
	int more;

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
	more = sent == max && pread(fd, b, 1, at + sent) == 1;
	channel_send(FRAME_FILE_END, b, more ? 1 : 0);
}

/* Sends one file of the cell. */
static void
collect_file(const char *path, const struct stat *st)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1)
		return;
	collect_stream(path + strlen(CELL_ROOT), (unsigned)st->st_mode, fd, 0,
	    FILE_KEPT_MAX);
	close(fd);
	collect_count++;
}

/* The list of all mappings of one process, as the kernel writes it. */
static void
collect_maps(int pid)
{
	char path[64], name[64];
	int fd;

	snprintf(path, sizeof path, "/proc/%d/maps", pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return;
	snprintf(name, sizeof name, NAME_MAPS "%d", pid);
	collect_stream(name, 0600, fd, 0, COLLECT_MAPS_MAX);
	close(fd);
}

/*
 * The memory of one process that no file holds: what can be written, and what
 * was unpacked to a place of its own.
 */
static void
collect_memory(int pid)
{
	char path[64], line[512], name[600], perms[8], rest[256];
	unsigned long long start, end, inode;
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
		if (sscanf(line, "%llx-%llx %7s %*s %*s %llu %255[^\n]", &start,
			&end, perms, &inode, rest) < 4 || perms[0] != 'r' ||
		    (perms[1] != 'w' && inode != 0) ||
		    strncmp(rest, "[v", 2) == 0)
			continue;
		long size = left < COLLECT_MAPPING_MAX ? left :
		    COLLECT_MAPPING_MAX;
		if (end - start < (unsigned long long)size)
			size = (long)(end - start);
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

/* A file that a process holds by a link below /proc, if it has no name. */
static void
collect_nameless(int pid, const char *link)
{
	char name[600], target[400];
	struct stat st;
	ssize_t n;
	int fd;

	if (stat(link, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_nlink != 0 ||
	    (n = readlink(link, target, sizeof target - 1)) == -1 ||
	    (fd = open(link, O_RDONLY | O_CLOEXEC)) == -1)
		return;
	target[n] = '\0';
	snprintf(name, sizeof name, NAME_DELETED "%d:%s", pid, target);
	collect_stream(name, (unsigned)st.st_mode, fd, 0, FILE_KEPT_MAX);
	close(fd);
}

/* What one process runs and has open, if it has no name any more. */
static void
collect_deleted(int pid)
{
	char path[300];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/exe", pid);
	collect_nameless(pid, path);
	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	if ((d = opendir(path)) == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		snprintf(path, sizeof path, "/proc/%d/fd/%s", pid, e->d_name);
		collect_nameless(pid, path);
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

/* Waits until all of the cell stands still, a fifth of a second at most. */
static void
collect_frozen(void)
{
	for (int i = 0; i < 100; i++) {
		char text[256];
		int fd = open(COLLECT_GROUP "/cgroup.events",
		    O_RDONLY | O_CLOEXEC);
		ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof text - 1);

		if (fd != -1)
			close(fd);
		if (n <= 0)
			return;
		text[n] = '\0';
		if (strstr(text, "frozen 1") != NULL)
			return;
		usleep(2000);
	}
}

void
collect_processes(void)
{
	FILE *f;
	int pid, count = 0;

	collect_freeze("1");
	collect_frozen();
	collect_bytes = 0;
	f = fopen(COLLECT_GROUP "/cgroup.procs", "re");
	while (f != NULL && count < COLLECT_PROCESSES_MAX &&
	    fscanf(f, "%d", &pid) == 1) {
		count++;
		collect_deleted(pid);
		collect_maps(pid);
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

/* Sends every changed file; says in text how many were left out. */
int
collect_send(char *text, size_t size)
{
	collect_bytes = 0;
	collect_count = collect_skipped = 0;
	nftw(CELL_ROOT, collect_visit, 16, FTW_PHYS | FTW_MOUNT);
	if (collect_skipped > 0)
		snprintf(text, size, "%d", collect_skipped);
	return 0;
}
