/*
 * How often each system call was made: as the tracer showed it, and as the
 * kernel counted it for the sample's processes.
 */
#ifndef HOST_TALLY_H
#define HOST_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strace.h"

struct events;
struct tally;

struct tally *tally_new(void);
void tally_free(struct tally *);
/* This process is the sample's. */
void tally_process(struct tally *, int64_t pid);
bool tally_has(const struct tally *, int64_t pid);
/* A call of such a process was shown; nr is its number, or -1. */
void tally_call(struct tally *, struct text name, int64_t nr, int64_t pid);
/* Not all calls of this process are shown: its counts are told apart. */
void tally_apart(struct tally *, int64_t pid);
/* So many events could not be kept. */
void tally_lose(struct tally *, uint64_t n);
/*
 * Takes a piece of the kernel's histogram of system calls (FRAME_COUNTS); of
 * it only the processes count that are known as the sample's by then.
 */
void tally_kernel(struct tally *, const char *, size_t n);
/* Writes the `stats` event of all so far. */
void tally_write(struct tally *, struct events *);

#endif
