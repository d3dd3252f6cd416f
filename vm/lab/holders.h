/*
 * Which process holds what: a socket of another namespace inside the lab, a
 * socket of the lab outside it, or the lab's tap outside it, is a way out that
 * no list of links shows.
 */
#ifndef LAB_HOLDERS_H
#define LAB_HOLDERS_H

#include <sys/types.h>

#include "lab/problems.h"

/*
 * Looks through the descriptors of all processes but our own and other canaries. lab is the
 * lab's namespace; taps the names of its taps that have somebody at their
 * other end, NULL after the last. Returns the number of sockets looked at.
 */
unsigned holders_check(ino_t lab, char *const *taps, struct problems *);

#endif
