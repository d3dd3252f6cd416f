/*
 * console.log: what the device's console and the sample's standard output
 * printed, the first 4 MiB of it. The rest is read and thrown away, so that a
 * sample that prints for ever costs no disk and blocks nobody.
 */
#ifndef HOST_CONSOLE_H
#define HOST_CONSOLE_H

#include <stddef.h>

#include "base/attrib.h"

struct console;

/* Opens DIR/console.log; NULL with errno if it can't. */
struct console *console_new(const char *dir) A_MUST_USE;
void console_free(struct console *);
void console_write(struct console *, const void *, size_t n);

#endif
