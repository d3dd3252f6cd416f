/*
 * Packet sockets that look for the canary: one in each namespace but the lab,
 * where it must not turn up, on all of its links at once.
 */
#ifndef LAB_WATCH_H
#define LAB_WATCH_H

#include "lab/frames.h"
#include "lab/problems.h"

struct watch;

struct watch *watch_new(void) A_MUST_USE;
void watch_free(struct watch *);
/*
 * Opens a socket in the namespace that we are in; what (copied) names it. A
 * namespace that can't be watched is a problem.
 */
void watch_here(struct watch *, const char *what, struct problems *);
/*
 * Reads what has come until nothing is there; tells of each of the canary's
 * frames, once for each link.
 */
void watch_read(struct watch *, const struct canary *, const struct frame *,
    size_t frames, struct problems *);
/* Tells where the kernel had more packets than we could take. */
void watch_lost(struct watch *, struct problems *);
/* Sockets open, and packets looked at. */
unsigned watch_count(const struct watch *);
unsigned long watch_packets(const struct watch *);

/* A packet socket on one link of the namespace that we are in, or on all (0). */
int packet_socket(int ifindex) A_MUST_USE;

#endif
