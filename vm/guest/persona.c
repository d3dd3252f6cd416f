/*
 * Personas: what the cell looks like, router or camera or server. Each is a
 * small folder in the image, /personas/NAME, whose files are put over the
 * cell's; those below proc/ are mounted over the kernel's own, because /proc
 * is where samples look for the kind of machine that they are on.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define PERSONA_FOLDER "/personas"
/* A folder in a folder in a folder …: deeper is a mistake in the image. */
#define PERSONA_DEPTH 8

static char persona_folder[160]; /* the chosen one's, or empty */

/* Copies one file with its mode; 0 or errno. */
static int
persona_file(const char *from, const char *to, mode_t mode)
{
	char b[4096];
	int in = open(from, O_RDONLY | O_CLOEXEC), out, error = 0;
	ssize_t n;

	if (in == -1)
		return errno;
	unlink(to);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (out == -1) {
		error = errno;
		close(in);
		return error;
	}
	while (error == 0 && (n = read(in, b, sizeof b)) != 0)
		if (n == -1 || write_all(out, b, (size_t)n) == -1)
			error = errno;
	close(out);
	close(in);
	return error;
}

/*
 * Mounts one file over another that is there, or over a link as it is, such as
 * /proc/mounts; 0 or errno.
 */
static int
persona_cover(const char *from, const char *to, mode_t mode)
{
	int fd = open(to, O_PATH | O_NOFOLLOW | O_CLOEXEC), error = 0;
	char path[40];

	(void)mode;
	if (fd == -1)
		return 0; /* this kernel has no such file */
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (mount(from, path, NULL, MS_BIND, NULL) == -1)
		error = errno;
	close(fd);
	return error;
}

/* Does the same to every file below a folder, but for `skip` at the top. */
static int
persona_walk(const char *from, const char *to, const char *skip, int depth,
    int (*act)(const char *, const char *, mode_t))
{
	char source[320], target[320];
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(from);
	int error = 0;

	if (d == NULL)
		return errno;
	while (error == 0 && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    (skip != NULL && strcmp(e->d_name, skip) == 0))
			continue;
		snprintf(source, sizeof source, "%.60s/%.250s", from,
		    e->d_name);
		snprintf(target, sizeof target, "%.60s/%.250s", to, e->d_name);
		if (stat(source, &st) == -1) {
			error = errno;
		} else if (!S_ISDIR(st.st_mode)) {
			error = act(source, target, st.st_mode & 07777);
		} else if (depth < PERSONA_DEPTH) {
			if (act == persona_file)
				mkdir(target, 0755);
			error = persona_walk(source, target, NULL, depth + 1,
			    act);
		}
	}
	closedir(d);
	return error;
}

/* Writes one line to a file; 0 or errno. */
static int
persona_line(const char *path, const char *text, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
	int error = 0;

	if (fd == -1)
		return errno;
	if (write_all(fd, text, n) == -1 || write_all(fd, "\n", 1) == -1)
		error = errno;
	close(fd);
	return error;
}

/*
 * Keeps what /proc/version says, "Linux version RELEASE (by whom) (with what)
 * #VERSION" (proc(5)), in two files: for sysctl's, and for uname(2), whose
 * answers preload/uname.c makes the same. glibc gives up on a release below the
 * one that it was made for: 3.2, and 3.7 on arm64.
 */
static int
persona_kernel(void)
{
	char path[sizeof persona_folder + 16], line[512];
	const char *release = line + strlen("Linux version "), *version;
	FILE *f;
	int error;

	unlink(PERSONA_RELEASE);
	unlink(PERSONA_VERSION);
	snprintf(path, sizeof path, "%s/proc/version", persona_folder);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	if (fgets(line, sizeof line, f) == NULL)
		line[0] = '\0';
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "Linux version ", strlen("Linux version ")) != 0 ||
	    (version = strchr(line, '#')) == NULL)
		return EINVAL;
	if (mkdir(PERSONA_UNAME, 0755) == -1 && errno != EEXIST)
		return errno;
	error = persona_line(PERSONA_RELEASE, release, strcspn(release, " "));
	return error != 0 ? error :
	    persona_line(PERSONA_VERSION, version, strlen(version));
}

int
persona_apply(const char *name)
{
	int error;

	if (name[0] == '\0' || strchr(name, '/') != NULL ||
	    strlen(name) > 100 || name[0] == '.')
		return EINVAL;
	snprintf(persona_folder, sizeof persona_folder, PERSONA_FOLDER "/%s",
	    name);
	if ((error = persona_kernel()) != 0)
		return error;
	return persona_walk(persona_folder, CELL_ROOT, "proc", 0,
	    persona_file);
}

int
persona_mounts(void)
{
	char folder[sizeof persona_folder + 8];
	int error;

	if (persona_folder[0] == '\0')
		return 0;
	snprintf(folder, sizeof folder, "%s/proc", persona_folder);
	if (access(folder, F_OK) == -1)
		return 0;
	error = persona_walk(folder, CELL_ROOT "/proc", NULL, 0,
	    persona_cover);
	if (error == 0 && access(PERSONA_RELEASE, F_OK) == 0)
		error = persona_cover(PERSONA_RELEASE,
		    CELL_ROOT "/proc/sys/kernel/osrelease", 0);
	if (error == 0 && access(PERSONA_VERSION, F_OK) == 0)
		error = persona_cover(PERSONA_VERSION,
		    CELL_ROOT "/proc/sys/kernel/version", 0);
	errno = error;
	return error == 0 ? 0 : -1;
}
