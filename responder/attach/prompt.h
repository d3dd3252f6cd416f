/*
 * Where a person's lines come from: a terminal, with a prompt, editing and a
 * history, where what comes meanwhile is printed above the line that is being
 * typed; or a pipe.
 */
#ifndef ATTACH_PROMPT_H
#define ATTACH_PROMPT_H

#include <stdbool.h>

#include "base/attrib.h"

struct prompt;

/*
 * Called when `fd` has something to read; what it prints goes above the
 * prompt. False: there will be no more.
 */
typedef bool prompt_cb(void *);

/* Reads from standard input; a terminal if in and out are one. */
struct prompt *prompt_new(int fd, prompt_cb *, void *) A_MUST_USE;
/* Restores the terminal. */
void prompt_free(struct prompt *);
bool prompt_is_terminal(const struct prompt *);
/* What stands before the line, as a constant or until the next call. */
void prompt_set(struct prompt *, const char *);
/*
 * The next line, without its end, valid until the next call. NULL at the end
 * of the input, after Ctrl-C, or when the callback has said that it's over.
 */
const char *prompt_line(struct prompt *);
/* Did the callback say so? */
bool prompt_over(const struct prompt *);
/* After the end of input: calls the callback until it is over. */
void prompt_drain(struct prompt *);

#endif
