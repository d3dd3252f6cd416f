/*
 * Allocation that can't fail: no memory ends the program through fatal().
 * Sizes that a peer chooses are bounded before they come here.
 */
#ifndef BASE_XMALLOC_H
#define BASE_XMALLOC_H

#include <stddef.h>

#include "base/attrib.h"

void *xmalloc(size_t) A_MUST_USE;
void *xcalloc(size_t count, size_t size) A_MUST_USE;
void *xreallocarray(void *, size_t count, size_t size) A_MUST_USE;
char *xstrdup(const char *) A_MUST_USE;
/* A copy of n bytes with a NUL behind them. */
char *xmemdup0(const void *, size_t n) A_MUST_USE;
/* The formatted text; the caller frees it. */
char *xasprintf(const char *, ...) A_PRINTF(1, 2) A_MUST_USE;

#endif
