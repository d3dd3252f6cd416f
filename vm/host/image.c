/*
 * A device's image.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "image.h"

/* Changes when the arguments of qemu.c change: old snapshots don't fit then. */
#define IMAGE_ARGUMENTS 1

char *
image_path(const struct image *image, const char *name)
{
	return xasprintf("%s/%s", image->folder, name);
}

/* Takes one line of "machine"; keys that are not ours are passed over. */
static void
image_line(struct image *image, char *line)
{
	struct {
		const char *key;
		char **value;
	} keys[] = {
		{ "arch", &image->arch }, { "qemu", &image->qemu },
		{ "machine", &image->machine }, { "cpu", &image->cpu },
		{ "append", &image->append },
		{ "kernel_version", &image->kernel_version },
		{ "elf", &image->elf },
		{ "emulator", &image->emulator },
		{ "loader_glibc", &image->loader_glibc },
		{ "loader_musl", &image->loader_musl },
	};
	char *value = strchr(line, '=');

	line[strcspn(line, "\n")] = '\0';
	if (value == NULL || line[0] == '#')
		return;
	*value++ = '\0';
	if (strcmp(line, "memory_mb") == 0)
		image->memory_mb = (unsigned)strtoul(value, NULL, 10);
	if (strcmp(line, "bare_restore") == 0)
		image->bare_restore = strcmp(value, "1") == 0;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (strcmp(line, keys[i].key) == 0) {
			free(*keys[i].value);
			*keys[i].value = xstrdup(value);
		}
	}
}

static int
image_read(struct image *image)
{
	char *path = image_path(image, "machine");
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	free(path);
	if (f == NULL)
		return -1;
	while (getline(&line, &size, f) != -1)
		image_line(image, line);
	free(line);
	fclose(f);
	/* It becomes part of a shell's command line: a plain name only. */
	if (image->qemu != NULL &&
	    image->qemu[strspn(image->qemu, "abcdefghijklmnopqrstuvwxyz"
		"0123456789_-")] != '\0')
		return -1;
	return image->arch == NULL || image->qemu == NULL ||
	    image->machine == NULL || image->elf == NULL ||
	    image->memory_mb == 0 ? -1 : 0;
}

/* The first line that a program prints; the caller frees it. */
static char *
image_version(const char *program)
{
	char *command = xasprintf("exec %s --version 2>/dev/null", program);
	FILE *f = popen(command, "re");
	char line[256] = "";

	free(command);
	if (f == NULL)
		return xstrdup("");
	if (fgets(line, sizeof line, f) == NULL)
		line[0] = '\0';
	while (getc(f) != EOF)
		;
	pclose(f);
	line[strcspn(line, "\n")] = '\0';
	return xstrdup(line);
}

const char *
image_qemu_version(const struct image *image)
{
	static const char start[] = "QEMU emulator version ";

	return image->version + (strncmp(image->version, start,
	    sizeof start - 1) == 0 ? sizeof start - 1 : 0);
}

char *
image_key(const struct image *image)
{
	static const char *const files[] = { "kernel", "initramfs.cpio" };
	char *key = xasprintf("qemu=%s\narguments=%d %s %s %u\nappend=%s\n",
	    image->version, IMAGE_ARGUMENTS, image->machine,
	    image->cpu == NULL ? "-" : image->cpu, image->memory_mb,
	    image->append == NULL ? "" : image->append);

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char *path = image_path(image, files[i]), *more;
		struct stat st = { 0 };

		if (stat(path, &st) == -1)
			st.st_size = -1;
		more = xasprintf("%s%s=%lld %lld.%09ld\n", key, files[i],
		    (long long)st.st_size, (long long)st.st_mtim.tv_sec,
		    st.st_mtim.tv_nsec);
		free(key);
		free(path);
		key = more;
	}
	return key;
}

/* Reads a small file whole; NULL if it can't. The caller frees it. */
static char *
image_slurp(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char b[4096];
	ssize_t n;

	if (fd == -1)
		return NULL;
	n = read(fd, b, sizeof b);
	close(fd);
	return n < 0 ? NULL : xmemdup0(b, (size_t)n);
}

int
image_write_key(const struct image *image)
{
	char *path = image_path(image, "snapshot.key"), *key = image_key(image);
	FILE *f = fopen(path, "we");
	int r = -1;

	if (f != NULL) {
		r = fputs(key, f) == EOF ? -1 : 0;
		if (fclose(f) == EOF)
			r = -1;
	}
	if (r == -1)
		log_error("%s: %s", path, strerror(errno));
	free(path);
	free(key);
	return r;
}

/* Says in image->no_snapshot why the snapshot is of no use, if so. */
static void
image_check_snapshot(struct image *image)
{
	char *path = image_path(image, "snapshot");
	char *key_path = image_path(image, "snapshot.key");
	char *want = image_key(image), *have = image_slurp(key_path);

	if (access(path, R_OK) == -1)
		image->no_snapshot = xstrdup("it has none");
	else if (have == NULL)
		image->no_snapshot = xstrdup("nothing says what made it");
	else if (strcmp(want, have) != 0)
		image->no_snapshot = xstrdup("another QEMU, or another "
					     "kernel or initramfs, made it");
	free(path);
	free(key_path);
	free(want);
	free(have);
}

struct image *
image_open(const char *folder, char *why, size_t size)
{
	static const char *const files[] = { "kernel", "initramfs.cpio" };
	struct image *image = xcalloc(1, sizeof *image);

	image->folder = xstrdup(folder);
	if (image_read(image) == -1) {
		snprintf(why, size, "%s: no image (its file \"machine\" is "
		    "missing or says too little)", folder);
		image_free(image);
		return NULL;
	}
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char *path = image_path(image, files[i]);
		int missing = access(path, R_OK);

		if (missing == -1)
			snprintf(why, size, "%s: %s", path, strerror(errno));
		free(path);
		if (missing == -1) {
			image_free(image);
			return NULL;
		}
	}
	image->version = image_version(image->qemu);
	if (image->version[0] == '\0') {
		snprintf(why, size, "%s can't be executed here: is it "
		    "installed? (Debian's packages: qemu-system-x86, "
		    "qemu-system-arm, qemu-system-mips)", image->qemu);
		image_free(image);
		return NULL;
	}
	image_check_snapshot(image);
	return image;
}

void
image_free(struct image *image)
{
	if (image == NULL)
		return;
	free(image->folder);
	free(image->arch);
	free(image->qemu);
	free(image->machine);
	free(image->cpu);
	free(image->append);
	free(image->kernel_version);
	free(image->elf);
	free(image->emulator);
	free(image->loader_glibc);
	free(image->loader_musl);
	free(image->version);
	free(image->no_snapshot);
	free(image);
}
