/*
 * Any frames as a guest's files, memory and cores: what comes is kept or
 * refused, and nothing is written but below the run's files/. Events go
 * nowhere, but are all built.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "decoded.h"
#include "elffile.h"
#include "events.h"
#include "files.h"
#include "guestclock.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char dir[] = "/dev/shm/kage-fuzz-files.XXXXXX";

/* Forgets what was kept; a name that is no checksum would be a mistake. */
static void
sweep(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char name[512];

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' && strcmp(e->d_name, ".device-part") != 0)
			continue;
		if (e->d_name[0] != '.' &&
		    strspn(e->d_name, "0123456789abcdef") != 64)
			abort();
		snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		unlink(name);
	}
	if (d != NULL)
		closedir(d);
}

static void
leave(void)
{
	char path[64];

	snprintf(path, sizeof path, "%s/files", dir);
	sweep(path);
	rmdir(path);
	if (rmdir(dir) == -1)
		fprintf(stderr, "%s: something else was written\n", dir);
}

/* A frame of one byte for its kind, one for a name's beginning, and a length. */
static const uint8_t *
take(struct files *f, struct guestclock *clock, const uint8_t *p, size_t *n)
{
	static const char *const names[] = { "/cell/tmp/x", "memory:7:1000-2000",
		"memory:7:1000-2000:rw-p:[heap]", "deleted:7:/tmp/x", "maps:7",
		"core:7:11", "../../../tmp/", "" };
	static const uint8_t types[] = { FRAME_FILE, FRAME_DATA, FRAME_FILE_END,
		FRAME_SKIPPED };
	const char *name = names[p[1] % 8];
	size_t length = p[2] < *n - 3 ? p[2] : *n - 3, at = 0;
	struct ctlframe_skipped s;
	uint8_t payload[600];
	struct ctlframe frame = { types[p[0] % 4], payload, 0 };

	if (frame.type == FRAME_FILE) {
		memcpy(payload, p, 3);
		payload[3] = 0;
		memcpy(payload + 4, name, strlen(name));
		at = 4 + strlen(name);
	}
	memcpy(payload + at, p + 3, length);
	frame.length = at + length;
	if (ctlframe_parse_skipped(&frame, &s) == 0 &&
	    guestclock_move(clock, s.before, s.moved) == 0)
		guestclock_from_wall(clock, s.wanted);
	files_frame(f, &frame);
	*n -= 3 + length;
	return p + 3 + length;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char *const known[] = { "/tmp/x", NULL };
	static struct guestclock clock;
	static struct elf program = { .bits = 32 };
	static char kept[64];
	struct decoded *decoded = decoded_new("in the file", 11, known);
	struct files *f;

	if (kept[0] == '\0') {
		log_open("fuzz", LOG_ERROR);
		if (mkdtemp(dir) == NULL)
			abort();
		snprintf(kept, sizeof kept, "%s/files", dir);
		atexit(leave);
	}
	memset(&clock, 0, sizeof clock);
	f = files_new(dir, NULL, decoded);
	files_set_program(f, &program, "/tmp/x");
	while (n >= 3)
		bytes = take(f, &clock, bytes, &n);
	files_free(f);
	decoded_free(decoded);
	sweep(kept);
	return 0;
}
