/*
 * The control socket of a running responder, for `kagemusha attach`: JSON
 * lines both ways over a Unix socket in the run's folder, for its owner alone.
 * Any number of attachers (up to a bound) watch what goes on, and send
 * commands of their own. The protocol is in captures/README.md.
 *
 * An attacher that reads too slowly misses events, and is told how many; it
 * never holds anybody up.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/attrib.h"

#define CONTROL_VERSION 1
/* Bytes of the longest line that an attacher may send. */
#define CONTROL_LINE 65536

struct attacher;
struct control;
struct event_base;
struct journal;
struct visits;

/* What it works on; all of it outlives the control socket. */
struct control_host {
	struct visits *visits;
	struct journal *journal; /* whose tap it takes while it is needed */
	const char *run;	 /* the folder */
	/* Somebody wants the floor, or nobody does any more. */
	void (*held)(void *, bool);
	void *arg;
};

/*
 * Listens at path (mode 0600; what was there is replaced). NULL, with the
 * reason in the log, if that fails.
 */
struct control *control_new(struct event_base *, const char *path,
    const struct control_host *) A_MUST_USE;
/* Tells every attacher that this is the end. Removes the socket, too. */
void control_free(struct control *);
/* An event of the device, for those who watch it. */
void control_device(struct control *, const json_t *event);
/* Does somebody hold the profiles back? */
bool control_held(const struct control *);

/* For control_request.c: */

/* Which events an attacher gets: of one session or all (0), of the device. */
struct attacher_watch {
	bool journal, device;
	uint64_t session;
};

void attacher_watch(struct attacher *, const struct attacher_watch *);
void attacher_hold(struct attacher *, bool);

#endif
