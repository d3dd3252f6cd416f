/*
 * Lua's patterns (Lua 5.4 manual, 6.4.1) with a bound on the work: Lua's own
 * matcher runs in C, where no hook can stop it, and takes time like n^k for k
 * repetitions. This one takes steps, and gives up when they are used up.
 *
 * A pattern is compiled once: into nodes, each with the set of bytes that it
 * takes. Repetitions concern single bytes only, so every node has at most one
 * choice open, which it keeps itself: backtracking needs no stack.
 *
 * It knows no Lua; the bindings are in strings.c.
 */
#ifndef SCRIPT_PATTERN_H
#define SCRIPT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"

#define PATTERN_CAPTURES 32
/* What pattern_match gives in place of an end. */
#define PATTERN_NONE SIZE_MAX
#define PATTERN_SPENT (SIZE_MAX - 1)

struct pattern;

struct pattern_capture {
	size_t start, end;
	bool position; /* "()": start alone counts */
};

/* Has the text any character that means more than itself? */
bool pattern_special(const char *, size_t);
/* Bytes that a pattern of n characters takes at most, once compiled. */
size_t pattern_size(size_t n);
/*
 * Compiles into that many bytes. With anchor a first ^ is one, as everywhere
 * but in gmatch. NULL, or what is wrong with it.
 */
const char *pattern_compile(struct pattern *, const char *, size_t n,
    bool anchor) A_MUST_USE;
/*
 * Finds the first match that begins at `at` or, unless the pattern is
 * anchored, behind it. Returns its end and sets at to its begin; or
 * PATTERN_NONE, or PATTERN_SPENT when *steps came to 0. What it took is
 * subtracted from them.
 */
size_t pattern_search(struct pattern *, const char *subject, size_t length,
    size_t *at, uint64_t *steps) A_MUST_USE;
bool pattern_anchored(const struct pattern *);
/* The captures of the latest match, valid until the next. */
size_t pattern_captures(const struct pattern *);
struct pattern_capture pattern_capture(const struct pattern *, size_t i);

#endif
