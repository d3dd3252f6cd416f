/*
 * Packet sockets that look for the canary: one in each namespace but the lab,
 * where it must not turn up, on all of its links at once. The kernel hands over
 * nothing but what holds the canary's marker, so that a flood in a lab beside
 * this one is no hindrance.
 */
#ifndef LAB_WATCH_H
#define LAB_WATCH_H

#include "lab/frames.h"
#include "lab/problems.h"

struct watch;

/* For this canary, which must outlive it. */
struct watch *watch_new(const struct canary *) A_MUST_USE;
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
void watch_read(struct watch *, const struct frame *, size_t frames,
    struct problems *);
/* Tells where the kernel had more packets than we could take. */
void watch_lost(struct watch *, struct problems *);
/* Sockets open. */
unsigned watch_count(const struct watch *);

/*
 * A packet socket for the canary's frames on one link of the namespace that we
 * are in, or on all (0); -1 with errno.
 */
int packet_socket(int ifindex, const struct canary *) A_MUST_USE;
/* Lets this socket, of any family, take nothing but what holds the marker. */
int watch_filter(int fd, const struct canary *) A_MUST_USE;

#endif
