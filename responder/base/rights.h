/*
 * Giving up rights once they have served: a parser that a sample finds a hole
 * in should own nothing worth having.
 */
#ifndef BASE_RIGHTS_H
#define BASE_RIGHTS_H

#include "base/attrib.h"

/*
 * Gives up all capabilities(7) but CAP_DAC_OVERRIDE, which writing into a
 * folder of another user takes, and all ways to get them back. 0, or -1 with
 * errno set; without capabilities there is nothing to do.
 */
int rights_drop(void) A_MUST_USE;

#endif
