/*
 * A dialogue: a .chat file, which says what a peer says and what a profile
 * must say and do. One line a step; lua-profiles/README.md lists the steps.
 */
#ifndef CHAT_DIALOGUE_H
#define CHAT_DIALOGUE_H

#include <stddef.h>

#include "base/attrib.h"

struct dialogue;

/* Reads and parses a file. NULL with "FILE:LINE: …", which the caller frees. */
struct dialogue *dialogue_read(const char *path, char **error) A_MUST_USE;
void dialogue_free(struct dialogue *);
/* The profile that the file names, or NULL. */
const char *dialogue_profile(const struct dialogue *);
/* The n-th KEY=VALUE that it sets, or NULL. */
const char *dialogue_setting(const struct dialogue *, size_t n);

struct stage;

/* Plays it; NULL, or "FILE:LINE: …" for the first step that fails. */
char *dialogue_play(struct dialogue *, struct stage *) A_MUST_USE;
/* Steps that were played. */
size_t dialogue_steps(const struct dialogue *);
/* Bytes as a quoted text with escapes, as dialogues have them; freed by the
 * caller. */
char *dialogue_quote(const void *, size_t) A_MUST_USE;
/*
 * The bytes that a quoted text or `hex 00 01` stands for; NULL if it is
 * neither. The caller frees them; rest is set behind them.
 */
char *dialogue_bytes(const char *text, size_t *n, const char **rest)
    A_MUST_USE;

#endif
