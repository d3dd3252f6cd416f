/*
 * What functions are called: those that bots whose source is public have for
 * commands, those of a C library, and those of it that compare texts.
 */
#ifndef HOST_PROBENAME_H
#define HOST_PROBENAME_H

#include <stdbool.h>
#include <stddef.h>

#include "elffile.h"
#include "probe.h"

/* The names that are probed without being asked for, from 0; NULL behind. */
const char *probename_standard(size_t);
/* How a function of this name is called, as far as is known. */
enum probe_kind probename_kind(const char *);
/* Is it the C library's, by its name or by the source file it stands under? */
bool probename_library(const struct elf *, const struct elf_symbol *);
/* "__strncmp_sse4_2" is strncmp; NULL for what compares no texts. */
const char *probename_compare(const char *);

#endif
