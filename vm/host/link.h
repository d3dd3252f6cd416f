/*
 * The link to the responder: device.jsonl's lines go out as they are written,
 * and "finished" comes back. It never blocks and never fails a run: what does
 * not fit is dropped and counted.
 */
#ifndef HOST_LINK_H
#define HOST_LINK_H

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct link;

/*
 * Connects to a Unix stream socket. finished is called when the responder says
 * that the family profile has done all (the reason is valid during the call).
 * NULL if there is no such socket; that is logged.
 */
struct link *link_new(struct event_base *, const char *path,
    void (*finished)(void *arg, const char *reason), void *arg);
void link_free(struct link *);
/* Sends a line with its newline, or drops it. */
void link_send(struct link *, const char *, size_t n);
uint64_t link_dropped(const struct link *);

#endif
