/*
 * One step of a dialogue: a word, and what stands behind it. What there is to
 * say stands in lua-profiles/README.md.
 */
#ifndef CHAT_STEP_H
#define CHAT_STEP_H

#include "base/attrib.h"

struct stage;
struct step_kind;

struct step {
	const struct step_kind *kind;
	unsigned line;
	char *text; /* what stands behind the word */
};

/* NULL: there is no such word. */
const struct step_kind *step_kind_find(const char *word);
const char *step_word(const struct step *);
/* Plays it; NULL, or what is wrong, which the caller frees. */
char *step_play(struct stage *, const struct step *) A_MUST_USE;

#endif
