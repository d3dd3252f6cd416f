/*
 * Giving up rights once they have served: a parser that a sample finds a hole
 * in should own nothing worth having. What each program keeps, and why, is the
 * table in rights.c.
 */
#ifndef BASE_RIGHTS_H
#define BASE_RIGHTS_H

#include "base/attrib.h"

enum rights_role { RIGHTS_RECORDER, RIGHTS_RESPONDER };

/*
 * After everything is open: root becomes the owner of the run's folder, or, if
 * that is root, the role's own user; capabilities(7) go but for the role's;
 * nothing is ever executed again, and nothing is written outside the folder
 * (landlock(7), where the kernel has it). Without root it does what of this
 * needs none. 0, or -1 with the reason in the log; what has gone stays away.
 */
int rights_drop(enum rights_role, const char *folder) A_MUST_USE;

#endif
