/*
 * Dumps of the sample's memory while it runs: which commands they were asked
 * for, and one after the other when those have been handled.
 */
#ifndef HOST_DUMP_H
#define HOST_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dump;
struct link_command;

/*
 * The patterns, ended by NULL, must outlive it: a command's number, its name,
 * its text without the end of its line, or either with the wildcards of
 * fnmatch(3), in capitals or not.
 */
struct dump *dump_new(char *const *patterns);
void dump_free(struct dump *);
/*
 * A command has been handled: true if a dump after it was asked for. It waits
 * its turn then; each command has one dump.
 */
bool dump_take(struct dump *, const struct link_command *);
/* The next one's turn: its command, or 0 when none waits or one is on. */
uint64_t dump_begin(struct dump *);
/* The command whose dump is on, or 0. */
uint64_t dump_command(const struct dump *);
/* It is over. */
void dump_end(struct dump *);

#endif
