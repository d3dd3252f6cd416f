/*
 * QEMU's process: the machine, started without rights. It is given open
 * descriptors (files, the tap, one end of a socket pair for each port), and no
 * way to get others: user nobody, no capability, no_new_privs, QEMU's own
 * seccomp sandbox, limits.
 */
#ifndef HOST_QEMU_H
#define HOST_QEMU_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/attrib.h"
#include "image.h"

/* Our ends of its ports. */
enum qemu_port {
	QEMU_QMP,
	QEMU_CONTROL,
	QEMU_STRACE,
	QEMU_TRACE,
	QEMU_CONSOLE,
	QEMU_ERRORS, /* its standard error */
	QEMU_PORTS
};

struct qemu_options {
	const char *tap; /* an interface of this namespace, or NULL for none */
	bool restore;	 /* from the image's snapshot */
	bool writes;	 /* it may write files: it is to make a snapshot */
	unsigned cpu_seconds; /* of processor time, then it is killed */
};

struct qemu {
	pid_t pid; /* 0 when it doesn't run */
	int ports[QEMU_PORTS]; /* non-blocking, close-on-exec; -1 if none */
};

/* 0, or -1 with a line in why; nothing is left open then. */
int qemu_start(struct qemu *, const struct image *,
    const struct qemu_options *, char *why, size_t size) A_MUST_USE;
/* Whether it ended by itself; how, in words, goes to why. */
bool qemu_ended(const struct qemu *, char *why, size_t size);
/*
 * Ends it and waits for it. Returns the wait status it left with, or -1 if it
 * had been waited for before. Descriptors stay their owners'.
 */
int qemu_kill(struct qemu *);

#endif
