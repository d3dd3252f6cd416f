/*
 * The library for breakpoints in Thumb code (breaks/breaks.c): it comes with
 * us, is put beside the tracer's own libraries, and is told what is wanted.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "breaks.h"
#include "guest.h"

#ifdef GUEST_BREAKS
__asm__(".section .rodata\n"
	".balign 8\n"
	"breaks_begin: .incbin \"" GUEST_BREAKS "\"\n"
	"breaks_end:\n"
	".previous\n");
extern const char breaks_begin[], breaks_end[];

void
breaks_install(void)
{
	int fd = open(BREAKS_LIBRARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0755);

	if (fd == -1 || write_all(fd, breaks_begin,
	    (size_t)(breaks_end - breaks_begin)) == -1)
		channel_log("%s: %s", BREAKS_LIBRARY, strerror(errno));
	close(fd);
}
#else
void
breaks_install(void)
{
}
#endif

void
breaks_preload(void)
{
	const char *others = getenv("LD_PRELOAD");
	char list[300] = BREAKS_LIBRARY;

	if (access(BREAKS_LIBRARY, R_OK) == -1)
		return;
	/* Behind them: what it keeps to itself they don't see either. */
	if (others != NULL)
		snprintf(list, sizeof list, "%.200s:" BREAKS_LIBRARY, others);
	setenv("LD_PRELOAD", list, 1);
}

int
breaks_define(const char *line)
{
	const char *path = binfmt_emulates() ? PLUGIN_FILE : BREAKS_FILE;
	int begin = line[0] == 'f', error = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
	    (begin ? O_TRUNC : 0), 0600);
	const char *sample = begin ? strchr(line, '/') : NULL;
	struct stat st;

	if (fd == -1)
		return errno;
	if (dprintf(fd, "%s\n", line) < 0)
		error = errno;
	if (sample != NULL && stat(sample, &st) == 0)
		dprintf(fd, "i %llx %llx\n", (unsigned long long)st.st_dev,
		    (unsigned long long)st.st_ino);
	close(fd);
	return error;
}
