/*
 * Thumb code, where a library in the tracer sets breakpoints (told.h): each
 * comes back when its instruction is done.
 */
#ifndef HOST_THUMB_H
#define HOST_THUMB_H

#include <stdint.h>

#include "elffile.h"

/* Where the instruction at an address leads; 0 where that is not known. */
void thumb_next(const struct elf *, uint64_t address, uint64_t next[2]);

#endif
