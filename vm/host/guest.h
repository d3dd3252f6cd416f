/*
 * A guest from outside: QEMU's process with its ports, from start to the
 * moment when labinit answers, and on to its end. What it is for (a run, a
 * snapshot, a shell) is up to who made it.
 */
#ifndef HOST_GUEST_H
#define HOST_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control.h"
#include "image.h"
#include "qemu.h"

struct event_base;
struct guest;

struct guest_callbacks {
	/* labinit answers: frames may be sent. */
	void (*ready)(void *arg);
	void (*frame)(void *arg, const struct ctlframe *);
	/* Bytes of the streams and the console, as they come. */
	void (*stream)(void *arg, enum qemu_port, const void *, size_t n);
	/*
	 * QEMU or the guest is gone; all that it said has been handed over
	 * before. Called at most once. guest_free is for later, not in here.
	 */
	void (*lost)(void *arg, const char *why);
};

struct guest_options {
	const char *tap;
	unsigned cpu_seconds;
	int save;  /* a descriptor for a snapshot, or -1 */
	bool cold; /* boot also where a snapshot is at hand */
};

/* NULL, with a line in why, if QEMU can't be started. */
struct guest *guest_new(struct event_base *, const struct image *,
    const struct guest_options *, const struct guest_callbacks *, void *arg,
    char *why, size_t size) A_MUST_USE;
/* Ends QEMU without asking the guest. */
void guest_free(struct guest *);
struct control *guest_control(struct guest *);
struct qmp *guest_qmp(struct guest *);
pid_t guest_pid(const struct guest *);
/* Processor time that QEMU has used so far, ns; 0 if that is not known. */
int64_t guest_cpu(const struct guest *);
/* It was restored from the snapshot. */
bool guest_restored(const struct guest *);
/*
 * Writes the guest's state to the save descriptor; done is told whether it
 * worked, in words if not.
 */
void guest_save(struct guest *, void (*done)(void *arg, const char *error));

#endif
