/*
 * A prompt in a fresh guest, outside the cell, for looking around by hand.
 */
#ifndef HOST_SHELL_H
#define HOST_SHELL_H

#include <stdbool.h>

#include "image.h"

/* The program's exit status. tap may be NULL. */
int shell_run(const struct image *, const char *tap, bool cold);

#endif
