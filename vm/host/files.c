/*
 * Files that the sample left behind.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "events.h"
#include "files.h"

#define FILES_ALL_MAX (256u << 20)
#define FILES_PATH_MAX 4096

struct files {
	char *dir;
	struct events *events;
	char *name; /* of the file that is coming, or NULL */
	uint32_t mode;
	char *part; /* where its bytes go until their sum is known */
	int fd;
	EVP_MD_CTX *sum;
	uint64_t size, all;
};

struct files *
files_new(const char *dir, struct events *events)
{
	struct files *f = xcalloc(1, sizeof *f);

	f->dir = xasprintf("%s/files", dir);
	f->events = events;
	f->fd = -1;
	f->part = xasprintf("%s/.device-part", f->dir);
	f->sum = EVP_MD_CTX_new();
	if (f->sum == NULL)
		fatal("no memory for a checksum");
	if (mkdir(f->dir, 0755) == -1 && errno != EEXIST)
		log_warn("%s: %s", f->dir, strerror(errno));
	return f;
}

void
files_free(struct files *f)
{
	if (f == NULL)
		return;
	if (f->fd != -1) {
		close(f->fd);
		unlink(f->part);
	}
	EVP_MD_CTX_free(f->sum);
	free(f->name);
	free(f->part);
	free(f->dir);
	free(f);
}

static void
files_begin(struct files *f, const struct ctlframe *frame)
{
	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
	if (frame->length < 5 || frame->length > 4 + FILES_PATH_MAX)
		return;
	free(f->name);
	f->name = xmemdup0(frame->payload + 4, frame->length - 4);
	f->mode = ctlframe_get32(frame->payload);
	f->size = 0;
	f->fd = open(f->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (f->fd == -1)
		log_warn("%s: %s", f->part, strerror(errno));
	EVP_DigestInit_ex(f->sum, EVP_sha256(), NULL);
}

static void
files_data(struct files *f, const struct ctlframe *frame)
{
	if (f->fd == -1)
		return;
	f->all += frame->length;
	if (f->all > FILES_ALL_MAX ||
	    write(f->fd, frame->payload, frame->length) !=
		(ssize_t)frame->length) {
		log_warn("%s: not stored: %s", f->name,
		    f->all > FILES_ALL_MAX ? "too much" : strerror(errno));
		close(f->fd);
		f->fd = -1;
		unlink(f->part);
		return;
	}
	f->size += frame->length;
	EVP_DigestUpdate(f->sum, frame->payload, frame->length);
}

/* A piece of a process's memory; its bytes lie in files/ like a file's. */
static void
files_memory(struct files *f, const char *sum)
{
	unsigned long long start, end;
	char perms[8] = "";
	long long pid;
	struct jsonw *j;
	int rest = 0;

	if (sscanf(f->name, NAME_MEMORY "%lld:%llx-%llx:%7[rwxps-]:%n", &pid,
		&start, &end, perms, &rest) != 4 || rest == 0)
		return;
	j = events_begin(f->events, clock_wall(), "memory");
	jsonw_int(j, "pid", pid);
	jsonw_object(j, "memory");
	jsonw_uint(j, "start", start);
	jsonw_uint(j, "end", end);
	jsonw_string(j, "protection", perms);
	jsonw_bytes(j, "mapping", "mapping_base64", f->name + rest,
	    strlen(f->name + rest));
	jsonw_uint(j, "size", f->size);
	jsonw_string(j, "sha256", sum);
	jsonw_object_end(j);
	events_end(f->events);
}

static void
files_end(struct files *f)
{
	long long pid;
	int skip = 0;
	unsigned char sum[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1], mode[8], *path;
	unsigned n = 0;
	struct jsonw *j;

	if (f->fd == -1)
		return;
	close(f->fd);
	f->fd = -1;
	EVP_DigestFinal_ex(f->sum, sum, &n);
	for (unsigned i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	path = xasprintf("%s/%s", f->dir, hex);
	if (rename(f->part, path) == -1)
		log_warn("%s: %s", path, strerror(errno));
	free(path);
	if (strncmp(f->name, NAME_MEMORY, strlen(NAME_MEMORY)) == 0) {
		files_memory(f, hex);
		return;
	}
	snprintf(mode, sizeof mode, "%04o", f->mode & 07777);
	j = events_begin(f->events, clock_wall(), "file");
	if (sscanf(f->name, NAME_DELETED "%lld:%n", &pid, &skip) == 1 &&
	    skip > 0)
		jsonw_int(j, "pid", pid);
	jsonw_object(j, "fileinfo");
	if (skip > 0)
		jsonw_bool(j, "deleted", true);
	jsonw_bytes(j, "filename", "filename_base64", f->name + skip,
	    strlen(f->name + skip));
	jsonw_uint(j, "size", f->size);
	jsonw_string(j, "sha256", hex);
	jsonw_string(j, "mode", mode);
	jsonw_object_end(j);
	events_end(f->events);
}

void
files_frame(struct files *f, const struct ctlframe *frame)
{
	if (frame->type == FRAME_FILE)
		files_begin(f, frame);
	else if (frame->type == FRAME_DATA)
		files_data(f, frame);
	else if (frame->type == FRAME_FILE_END)
		files_end(f);
}
