/*
 * The link to the responder: device.jsonl's lines go out as they are written,
 * and "finished" comes back, and word of each command that has been handled.
 * It never blocks and never fails a run: what does not fit is dropped and
 * counted.
 */
#ifndef HOST_LINK_H
#define HOST_LINK_H

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct link;

/* A command of the responder's; texts are valid during the call. */
struct link_command {
	uint64_t id;
	const char *name; /* "" without one */
	const char *text; /* "" when its bytes are no text */
};

struct link_callbacks {
	/* The family profile has done all. */
	void (*finished)(void *arg, const char *reason);
	/* The sample had its time with a command; link_answer is due. */
	void (*handled)(void *arg, const struct link_command *);
};

/*
 * Connects to a Unix stream socket. NULL if there is no such socket; that is
 * logged.
 */
struct link *link_new(struct event_base *, const char *path,
    const struct link_callbacks *, void *arg);
void link_free(struct link *);
/* Sends a line with its newline, or drops it. */
void link_send(struct link *, const char *, size_t n);
/* The responder may go on behind this command. */
void link_answer(struct link *, uint64_t command);
uint64_t link_dropped(const struct link *);

#endif
