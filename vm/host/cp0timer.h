/*
 * QEMU (7.2) does not arm the MIPS CP0 timer again after it has loaded a
 * guest's state: if the moment of Compare lies in the past, the guest's timers
 * stand still until Count wraps, 21.5 s later. Writing Cause with its bit DC
 * (disable Count) set and then cleared arms it. The only way in is QEMU's
 * debugger stub.
 */
#ifndef HOST_CP0TIMER_H
#define HOST_CP0TIMER_H

#include <stdbool.h>

#include "base/attrib.h"

/*
 * Arms the timer of a guest that is loaded and stands still, over its stub's
 * socket; wide for 64-bit registers. 0 or -1. Blocks for some milliseconds.
 */
int cp0timer_arm(int fd, bool wide) A_MUST_USE;

#endif
