/*
 * The emulator's plugin (plugin/plugin.c): it comes with us, is put beside the
 * emulator, and the kernel's uprobes are put on it.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "breaks.h"
#include "guest.h"

#ifdef GUEST_PLUGIN
#include "plugin_at.h"

__asm__(".section .rodata\n"
	".balign 8\n"
	"plugin_begin: .incbin \"" GUEST_PLUGIN "\"\n"
	"plugin_end:\n"
	".previous\n");
extern const char plugin_begin[], plugin_end[];

void
plugin_install(void)
{
	int fd;

	if (!binfmt_emulates())
		return;
	fd = open(PLUGIN_LIBRARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0755);
	if (fd == -1 || write_all(fd, plugin_begin,
	    (size_t)(plugin_end - plugin_begin)) == -1)
		fprintf(stderr, "labinit: " PLUGIN_LIBRARY ": %s\n",
		    strerror(errno));
	if (fd != -1)
		close(fd);
}

int
plugin_event(size_t i, char *text, size_t size)
{
	static const struct {
		const char *name;
		unsigned long at;
		unsigned bytes;
	} events[] = {
		{ "small", AT_plugin_tell_small, PLUGIN_SMALL },
		{ "middle", AT_plugin_tell_middle, PLUGIN_MIDDLE },
		{ "large", AT_plugin_tell_large, PLUGIN_LARGE },
	};
	size_t n;

	if (i >= sizeof events / sizeof *events)
		return 0;
	n = (size_t)snprintf(text, size, "p:" PROBE_GROUP "/" PLUGIN_EVENT
	    "%s " PLUGIN_LIBRARY ":0x%lx", events[i].name, events[i].at);
	for (unsigned at = 0; at < events[i].bytes; at += PLUGIN_FIELD) {
		unsigned left = events[i].bytes - at;

		n += (size_t)snprintf(text + n, size - n, " r%u=+%u(%%di):"
		    "x64[%u]", at / PLUGIN_FIELD, at,
		    (left < PLUGIN_FIELD ? left : PLUGIN_FIELD) / 8);
	}
	return 1;
}
uint64_t
plugin_death_at(void)
{
	return AT_plugin_death;
}
#else
void
plugin_install(void)
{
}

int
plugin_event(size_t i, char *text, size_t size)
{
	(void)i;
	(void)text;
	(void)size;
	return 0;
}

uint64_t
plugin_death_at(void)
{
	return 0;
}
#endif
