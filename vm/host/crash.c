/*
 * Crashes: from a core to an event.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "core.h"
#include "crash.h"
#include "events.h"

static void
crash_registers(struct jsonw *j, const struct core *c)
{
	jsonw_object(j, "registers");
	for (size_t i = 0; i < c->register_count; i++) {
		char *name = xmemdup0(c->registers[i].name,
		    strcspn(c->registers[i].name, " "));

		char value[24];

		/* As text: JSON's numbers end at 53 bits for many readers. */
		snprintf(value, sizeof value, "0x%llx",
		    (unsigned long long)c->registers[i].value);
		jsonw_string(j, name, value);
		free(name);
	}
	jsonw_object_end(j);
}

static void
crash_backtrace(struct jsonw *j, const struct core *c)
{
	jsonw_array(j, "backtrace");
	for (size_t i = 0; i < c->frame_count; i++) {
		const struct core_frame *f = &c->frames[i];

		jsonw_object(j, NULL);
		jsonw_uint(j, "address", f->address);
		if (f->function != NULL) {
			jsonw_string(j, "function", f->function->name);
			jsonw_uint(j, "offset", f->offset);
		}
		jsonw_string(j, "how", f->how);
		jsonw_object_end(j);
	}
	jsonw_array_end(j);
}

/* What the core says of the process. */
static void
crash_core(struct jsonw *j, const struct core *c)
{
	if (c->has_address)
		jsonw_uint(j, "address", c->address);
	jsonw_int(j, "code", c->code);
	if (c->program[0] != '\0')
		jsonw_bytes(j, "program", "program_base64", c->program,
		    strlen(c->program));
	if (c->has_pc)
		jsonw_uint(j, "pc", c->pc);
	if (c->register_count > 0)
		crash_registers(j, c);
	if (c->frame_count > 0)
		crash_backtrace(j, c);
}

/* Maps a whole file; NULL with errno. */
static void *
crash_map(const char *path, size_t *n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *data = MAP_FAILED;
	struct stat st;

	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size > 0) {
		*n = (size_t)st.st_size;
		data = mmap(NULL, *n, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	close(fd);
	return data == MAP_FAILED ? NULL : data;
}

void
crash_event(struct events *events, const struct crash *crash)
{
	static struct core core;
	char why[200] = "";
	size_t n = 0;
	void *data = crash_map(crash->path, &n);
	bool read = data != NULL && core_read(&core, data, n, crash->program,
	    crash->name, why, sizeof why) == 0;
	int number = crash->signal != 0 ? crash->signal :
	    read ? core.signal : 0;
	const char *signal = core_signal(number);
	struct jsonw *j = events_begin(events, clock_wall(), "crash");
	char text[16];

	snprintf(text, sizeof text, "%d", number);
	if (crash->pid != 0)
		jsonw_int(j, "pid", crash->pid);
	jsonw_object(j, "crash");
	jsonw_string(j, "signal", signal == NULL ? text : signal);
	if (read)
		crash_core(j, &core);
	else
		log_warn("a core could not be read: %s",
		    why[0] != '\0' ? why : strerror(errno));
	jsonw_uint(j, "size", crash->size);
	jsonw_string(j, "sha256", crash->sha256);
	jsonw_object_end(j);
	events_end(events);
	if (data != NULL)
		munmap(data, n);
}
