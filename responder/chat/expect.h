/*
 * What a dialogue expects of the journal: "TYPE KEY=VALUE...", where a key is
 * a path like note.kind, and a value may be quoted; "-" is a key that isn't
 * there.
 */
#ifndef CHAT_EXPECT_H
#define CHAT_EXPECT_H

#include <jansson.h>

#include "base/attrib.h"

/*
 * How many events fit; -1 with what is wrong with the text, which the caller
 * frees.
 */
long expect_count(json_t *events, const char *text, char **wrong);
/* All events of the text's type, a line each. The caller frees it. */
char *expect_list(json_t *events, const char *text) A_MUST_USE;

#endif
