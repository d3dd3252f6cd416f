/*
 * The control port, from outside: frames in and out over one descriptor.
 */
#ifndef HOST_CONTROL_H
#define HOST_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "controllist.h"
#include "ctlframe.h"

struct control;
struct event_base;

struct control_callbacks {
	/* The frame's payload is valid during the call. */
	void (*frame)(void *arg, const struct ctlframe *);
	/* The port is closed or says what no labinit says. Called once. */
	void (*lost)(void *arg, const char *why);
};

/* Takes the descriptor. Nothing is sent before the first control_send. */
struct control *control_new(struct event_base *, int fd,
    const struct control_callbacks *, void *arg);
void control_free(struct control *);
/* Takes what has come already, and is waiting to be read. */
void control_drain(struct control *);
void control_send(struct control *, enum frame_type, const void *, size_t n);
/* Sends a file in as many frames as it takes; one RESULT comes back. */
void control_send_file(struct control *, const char *path, unsigned mode,
    const void *, size_t n);
/* Bytes that have not left yet. */
size_t control_waiting(const struct control *);

#endif
