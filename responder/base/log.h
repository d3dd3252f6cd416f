/*
 * The operator's log, on stderr: one line a message, with the program's name
 * and the level. The evidence goes to the journal (record/journal.h), never
 * here. The world's mistakes are logged once, where they are handled; our own
 * stop the program through fatal().
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/attrib.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Names the program (kept, not copied) and sets what is worth printing. */
void log_open(const char *program, enum log_level);
/* 0 and the level for "error", "warn", "info" or "debug"; -1 otherwise. */
int log_parse_level(const char *, enum log_level *) A_MUST_USE;

void log_error(const char *, ...) A_PRINTF(1, 2);
void log_warn(const char *, ...) A_PRINTF(1, 2);
void log_info(const char *, ...) A_PRINTF(1, 2);
void log_debug(const char *, ...) A_PRINTF(1, 2);
/* Ends the program with status 70: a mistake of ours, or no memory. */
A_NORETURN void fatal(const char *, ...) A_PRINTF(1, 2);

#endif
