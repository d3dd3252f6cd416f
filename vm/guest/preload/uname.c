/*
 * A sample that is told of a router's kernel by /proc/version must not hear of
 * Debian's by uname(2). No namespace holds release and version; but the call
 * stops the sample for strace, and what it was told is written over before it
 * goes on.
 */
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "preload.h"
#include "protocol.h"

static struct utsname uname_persona;

/* Takes a line into a field; 0, or -1 if the persona has none. */
static int
uname_read(const char *path, char *field, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return -1;
	n = read(fd, field, size - 1);
	close(fd);
	if (n <= 0)
		return -1;
	field[n] = '\0';
	field[strcspn(field, "\n")] = '\0';
	return 0;
}

void
uname_told(pid_t tid, uint64_t at)
{
	static int known; /* 1; -1: there is nothing to tell */
	struct utsname *u = &uname_persona;
	struct iovec ours[] = { { u->release, sizeof u->release },
		{ u->version, sizeof u->version } };
	struct iovec theirs[] = {
		{ (void *)(uintptr_t)(at + offsetof(struct utsname, release)),
		    sizeof u->release },
		{ (void *)(uintptr_t)(at + offsetof(struct utsname, version)),
		    sizeof u->version },
	};

	/* Not before: which persona it is may change until the sample starts. */
	if (known == 0)
		known = uname_read(PERSONA_RELEASE, u->release,
			    sizeof u->release) == 0 &&
			uname_read(PERSONA_VERSION, u->version,
			    sizeof u->version) == 0 ? 1 : -1;
	/* Where the call has failed for want of such a place, this does too. */
	if (known == 1)
		(void)process_vm_writev(tid, ours, 2, theirs, 2, 0);
}
