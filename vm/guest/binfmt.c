/*
 * Programs of a foreign architecture: an image for one brings an emulator and
 * the line that registers it with the kernel's binfmt_misc.
 */
#include <sys/mount.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define BINFMT_FOLDER "/proc/sys/fs/binfmt_misc"

int
binfmt_emulates(void)
{
	return access(EMULATOR_LINES, F_OK) == 0;
}

void
binfmt_register(void)
{
	FILE *f = fopen(EMULATOR_LINES, "re");
	char line[1024];

	if (f == NULL)
		return; /* a native image */
	if (mount("binfmt_misc", BINFMT_FOLDER, "binfmt_misc", 0, NULL) == -1)
		fprintf(stderr, "labinit: binfmt_misc: %s\n", strerror(errno));
	while (fgets(line, sizeof line, f) != NULL) {
		int fd = open(BINFMT_FOLDER "/register", O_WRONLY | O_CLOEXEC);

		/* One line is one write. */
		if (fd == -1 ||
		    write(fd, line, strlen(line)) != (ssize_t)strlen(line))
			fprintf(stderr, "labinit: binfmt_misc: %s\n",
			    strerror(errno));
		if (fd != -1)
			close(fd);
	}
	fclose(f);
}
