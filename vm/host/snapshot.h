/*
 * Makes an image's snapshot: boots the guest once, without a network, and
 * writes its state when labinit has said hello.
 */
#ifndef HOST_SNAPSHOT_H
#define HOST_SNAPSHOT_H

#include "image.h"

/* The program's exit status: 0, 1 or 3. A half-written file never stays. */
int snapshot_make(const struct image *);

#endif
