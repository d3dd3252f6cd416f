/*
 * Loaders.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xmalloc.h"
#include "loader.h"

/* What is sent lies in the guest's memory. */
#define LOADER_BYTES_MAX (32l << 20)
#define LOADER_FILES_MAX 500
#define LOADER_DEPTH_MAX 8

/* Whose a loader is, by the start of its name; the first that fits wins. */
static const struct {
	const char *start, *kind; /* NULL: not in Debian */
	const char *whose;
} loader_names[] = {
	{ "ld-musl-", "musl", "musl's" },
	{ "ld-linux", "glibc", "glibc's" },
	{ "ld.so.", "glibc", "glibc's" },
	{ "ld64.so.", "glibc", "glibc's" },
	{ "ld-uClibc", NULL, "uClibc's" },
	{ "ld64-uClibc", NULL, "uClibc's" },
	{ "linker", NULL, "Android's" },
};

/* Its path goes below the cell's root: no way out of there. */
static bool
loader_plain(const char *path)
{
	if (path[0] != '/' || strlen(path) > 200 || strstr(path, "/../") ||
	    path[strlen(path) - 1] == '/')
		return false;
	for (const char *p = path; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return true;
}

/* Takes the image's own tree of that kind; -1 if it has none. */
static int
loader_of_image(struct loader *l, const struct image *image, const char *kind)
{
	const char *path = strcmp(kind, "musl") == 0 ? image->loader_musl :
	    image->loader_glibc;
	char *name;

	if (path == NULL || path[0] == '\0')
		return -1;
	name = xasprintf("loaders/%s", kind);
	l->folder = image_path(image, name);
	free(name);
	l->file = xasprintf("%s%s", l->folder, path);
	return 0;
}

int
loader_find(struct loader *l, const struct image *image, const struct elf *elf,
    const char *choice, char *why, size_t size)
{
	static const char advice[] = "--loader DIR takes loader and libraries "
	    "from a folder, such as the firmware's that it ran on";
	const char *name = strrchr(elf->interpreter, '/'), *whose = NULL;
	const char *kind = choice;

	memset(l, 0, sizeof *l);
	if (!elf->interpreted)
		return 0;
	l->wanted = elf->interpreter;
	if (name == NULL || !loader_plain(l->wanted)) {
		snprintf(why, size, "it is dynamic, and names no loader that "
		    "can be: %s", advice);
		return -1;
	}
	for (size_t i = 0; choice == NULL && whose == NULL &&
	     i < sizeof loader_names / sizeof *loader_names; i++)
		if (strncmp(name + 1, loader_names[i].start,
			strlen(loader_names[i].start)) == 0) {
			kind = loader_names[i].kind;
			whose = loader_names[i].whose;
		}
	if (kind == NULL) {
		snprintf(why, size, "it is dynamic and wants the loader %s%s%s, "
		    "which Debian has not: %s", l->wanted,
		    whose == NULL ? "" : ", ", whose == NULL ? "" : whose,
		    advice);
		return -1;
	}
	if (strcmp(kind, "glibc") == 0 || strcmp(kind, "musl") == 0) {
		if (loader_of_image(l, image, kind) == 0)
			return 0;
		snprintf(why, size, "it is dynamic and wants the loader %s; "
		    "the image %s has no %s: %s", l->wanted, image->arch,
		    kind, advice);
		return -1;
	}
	l->folder = xstrdup(kind);
	l->file = xasprintf("%s%s", kind, l->wanted);
	if (access(l->file, R_OK) == -1) {
		snprintf(why, size, "its loader %s: %s", l->file,
		    strerror(errno));
		loader_free(l);
		return -1;
	}
	return 0;
}

/* Counts what has been sent. */
struct loader_load {
	struct control *control;
	long bytes;
	int files;
	char *why;
	size_t size;
};

static int
loader_send_file(struct loader_load *load, const char *file, const char *path)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), r = -1;
	char *data = NULL, *target;
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1) {
		snprintf(load->why, load->size, "%s: %s", file,
		    strerror(errno));
		goto out;
	}
	load->bytes += st.st_size;
	if (load->bytes > LOADER_BYTES_MAX ||
	    ++load->files > LOADER_FILES_MAX) {
		snprintf(load->why, load->size, "%s: with it the loader's "
		    "folder has more than %ld MiB or %d files; leave in it "
		    "what the sample needs", file, LOADER_BYTES_MAX >> 20,
		    LOADER_FILES_MAX);
		goto out;
	}
	data = xmalloc((size_t)st.st_size + 1);
	if (read(fd, data, (size_t)st.st_size) != st.st_size) {
		snprintf(load->why, load->size, "%s: it can't be read", file);
		goto out;
	}
	target = xasprintf(CELL_ROOT "%s", path);
	control_send_file(load->control, target, 0755, data,
	    (size_t)st.st_size);
	free(target);
	r = 0;
out:
	free(data);
	if (fd != -1)
		close(fd);
	return r;
}

/* Sends a folder's files, links as what they lead to. */
static int
loader_send_folder(struct loader_load *load, const char *folder,
    const char *path, int depth)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	int r = 0;

	if (d == NULL) {
		snprintf(load->why, load->size, "%s: %s", folder,
		    strerror(errno));
		return -1;
	}
	while (r == 0 && (e = readdir(d)) != NULL) {
		char *file, *target;
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		file = xasprintf("%s/%s", folder, e->d_name);
		target = xasprintf("%s/%s", path, e->d_name);
		/* A link that leads nowhere, a device: not what is needed. */
		if (stat(file, &st) == -1)
			r = 0;
		else if (S_ISREG(st.st_mode))
			r = loader_send_file(load, file, target);
		else if (S_ISDIR(st.st_mode) && depth < LOADER_DEPTH_MAX)
			r = loader_send_folder(load, file, target, depth + 1);
		free(file);
		free(target);
	}
	closedir(d);
	return r;
}

int
loader_send(const struct loader *l, struct control *c, char *why, size_t size)
{
	struct loader_load load = { c, 0, 0, why, size };

	if (l->folder == NULL)
		return 0;
	if (loader_send_folder(&load, l->folder, "", 0) == -1)
		return -1;
	/* Under the name that it wants too. */
	if (strcmp(l->file + strlen(l->folder), l->wanted) != 0 &&
	    loader_send_file(&load, l->file, l->wanted) == -1)
		return -1;
	return load.files;
}

void
loader_free(struct loader *l)
{
	free(l->folder);
	free(l->file);
	memset(l, 0, sizeof *l);
}
