/*
 * What is wrong, collected for one check of the table and printed as its line:
 * "CHECK<tab>ok|fail<tab>DETAIL". The first three problems are told in words,
 * the rest counted.
 */
#ifndef LAB_PROBLEMS_H
#define LAB_PROBLEMS_H

#include <stdbool.h>

#include "base/attrib.h"

struct problems {
	unsigned count;
	char text[512];
};

void problem(struct problems *, const char *, ...) A_PRINTF(2, 3);
/* Prints the check's line; with no problem, detail. True if there is none. */
bool problems_print(const struct problems *, const char *check,
    const char *detail);

#endif
