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
#include "crash.h"
#include "decoded.h"
#include "events.h"
#include "files.h"

#define FILES_ALL_MAX (256u << 20)
#define FILES_PATH_MAX 4096

struct files {
	char *dir;
	struct events *events;
	struct decoded *decoded;
	const struct elf *program;
	const char *program_path;
	uint64_t command; /* what comes is there because of it, or 0 */
	char *name; /* of the file that is coming, or NULL */
	uint32_t mode;
	char *part; /* where its bytes go until their sum is known */
	int fd;
	EVP_MD_CTX *sum;
	uint64_t size, all;
	bool memory; /* it is a mapping */
};

struct files *
files_new(const char *dir, struct events *events, struct decoded *decoded)
{
	struct files *f = xcalloc(1, sizeof *f);

	f->dir = xasprintf("%s/files", dir);
	f->events = events;
	f->decoded = decoded;
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

void
files_set_program(struct files *f, const struct elf *program,
    const char *path)
{
	f->program = program;
	f->program_path = path;
}

void
files_set_command(struct files *f, uint64_t command)
{
	f->command = command;
}

/* Reads the name of a mapping; where the rest of it stands, or 0. */
static int
files_mapping(const char *name, long long *pid, unsigned long long *start,
    unsigned long long *end, char perms[static 8])
{
	int rest = 0;

	if (sscanf(name, NAME_MEMORY "%lld:%llx-%llx:%7[rwxps-]:%n", pid,
		start, end, perms, &rest) != 4)
		return 0;
	return rest;
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
	unsigned long long start, end;
	long long pid;
	char perms[8];

	f->memory = files_mapping(f->name, &pid, &start, &end, perms) > 0;
	if (f->memory)
		decoded_begin(f->decoded, start);
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
	if (f->memory)
		decoded_data(f->decoded, frame->payload, frame->length);
}

/* Begins an event of a process's. */
static struct jsonw *
files_event(struct files *f, const char *type, long long pid)
{
	struct jsonw *j = events_begin(f->events, clock_wall(), type);

	jsonw_int(j, "pid", pid);
	if (f->command != 0)
		jsonw_uint(j, "command", f->command);
	return j;
}

/* A piece of a process's memory; its bytes lie in files/ like a file's. */
static void
files_memory(struct files *f, const char *sum)
{
	unsigned long long start, end;
	char perms[8] = "";
	long long pid;
	int rest = files_mapping(f->name, &pid, &start, &end, perms);
	struct jsonw *j = files_event(f, "memory", pid);

	jsonw_object(j, "memory");
	jsonw_uint(j, "start", start);
	jsonw_uint(j, "end", end);
	jsonw_string(j, "protection", perms);
	jsonw_bytes(j, "mapping", "mapping_base64", f->name + rest,
	    strlen(f->name + rest));
	jsonw_uint(j, "size", f->size);
	jsonw_string(j, "sha256", sum);
	decoded_end(f->decoded, j);
	jsonw_object_end(j);
	events_end(f->events);
}

/* The list of a process's mappings. */
static void
files_maps(struct files *f, long long pid, const char *sum)
{
	struct jsonw *j = files_event(f, "maps", pid);

	jsonw_object(j, "maps");
	jsonw_uint(j, "size", f->size);
	jsonw_string(j, "sha256", sum);
	jsonw_object_end(j);
	events_end(f->events);
}

/* A core. */
static void
files_core(struct files *f, long long pid, int signal, const char *sum)
{
	char *path = xasprintf("%s/%s", f->dir, sum);
	struct crash crash = { pid, signal, path, sum, f->size, f->program,
		f->program_path };

	if (f->program != NULL)
		crash_event(f->events, &crash);
	free(path);
}

static void
files_end(struct files *f, bool cut)
{
	long long pid;
	int skip = 0, signal;
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
	if (f->memory) {
		files_memory(f, hex);
		return;
	}
	if (sscanf(f->name, NAME_MAPS "%lld%n", &pid, &skip) == 1 &&
	    f->name[skip] == '\0') {
		files_maps(f, pid, hex);
		return;
	}
	skip = 0;
	if (sscanf(f->name, NAME_CORE "%lld:%d", &pid, &signal) == 2) {
		files_core(f, pid, signal, hex);
		return;
	}
	snprintf(mode, sizeof mode, "%04o", f->mode & 07777);
	j = events_begin(f->events, clock_wall(), "file");
	if (sscanf(f->name, NAME_DELETED "%lld:%n", &pid, &skip) == 1 &&
	    skip > 0)
		jsonw_int(j, "pid", pid);
	if (f->command != 0)
		jsonw_uint(j, "command", f->command);
	jsonw_object(j, "fileinfo");
	if (skip > 0)
		jsonw_bool(j, "deleted", true);
	jsonw_bytes(j, "filename", "filename_base64", f->name + skip,
	    strlen(f->name + skip));
	jsonw_uint(j, "size", f->size);
	if (cut)
		jsonw_bool(j, "truncated", true);
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
		files_end(f, frame->length > 0);
}
