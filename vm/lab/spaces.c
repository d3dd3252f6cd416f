#include "lab/spaces.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xmalloc.h"

#define NAMED "/run/netns"

/* Adds the namespace behind a path unless it is known or can't be opened. */
static void
spaces_add(struct spaces *s, const char *path, const char *what)
{
	struct space *space;
	struct stat st;
	size_t i;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		if (errno == EACCES || errno == EPERM)
			s->unseen++;
		return;
	}
	if (fstat(fd, &st) == -1)
		fatal("fstat %s: %s", path, strerror(errno));
	for (i = 0; i < s->count && s->list[i].inode != st.st_ino; i++)
		;
	if (i < s->count) {
		close(fd);
		return;
	}
	s->list = xreallocarray(s->list, s->count + 1, sizeof *s->list);
	space = &s->list[s->count++];
	space->fd = fd;
	space->inode = st.st_ino;
	snprintf(space->what, sizeof space->what, "%s", what);
}

/* Adds the namespace that a process lives in. */
static void
spaces_add_process(pid_t pid, void *arg)
{
	char path[64], name[16], what[64];

	process_name(pid, name);
	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	snprintf(what, sizeof what, "of process %d (%s)", (int)pid, name);
	spaces_add(arg, path, what);
}

/* Adds those that have a name; files that are no namespace can't be entered. */
static void
spaces_add_named(struct spaces *s)
{
	char path[512];
	struct dirent *e;
	DIR *dir;

	if ((dir = opendir(NAMED)) == NULL)
		return;
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, NAMED "/%s", e->d_name);
		spaces_add(s, path, e->d_name);
	}
	closedir(dir);
}

struct spaces *
spaces_new(void)
{
	struct spaces *s = xcalloc(1, sizeof *s);

	spaces_add(s, "/proc/self/ns/net", "this namespace");
	spaces_add_named(s);
	each_process(spaces_add_process, s);
	return s;
}

void
spaces_free(struct spaces *s)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		close(s->list[i].fd);
	free(s->list);
	free(s);
}

ino_t
space_of_process(pid_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

void
process_name(pid_t pid, char name[static 16])
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
	if ((f = fopen(path, "re")) == NULL || fgets(name, 16, f) == NULL)
		strcpy(name, "?");
	name[strcspn(name, "\n")] = '\0';
	if (f != NULL)
		fclose(f);
}

void
each_process(void (*fn)(pid_t, void *), void *arg)
{
	struct dirent *e;
	char *end;
	long pid;
	DIR *dir;

	if ((dir = opendir("/proc")) == NULL)
		fatal("can't read /proc: %s", strerror(errno));
	while ((e = readdir(dir)) != NULL) {
		pid = strtol(e->d_name, &end, 10);
		if (pid > 0 && *end == '\0')
			fn((pid_t)pid, arg);
	}
	closedir(dir);
}
