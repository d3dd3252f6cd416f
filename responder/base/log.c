/*
 * The operator's log. Each line is built in one buffer and written with one
 * write(2), so that lines of programs that share stderr don't mix. Control
 * characters, which may come from the sample, are shown as \xNN: a terminal
 * never obeys the guest.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static const char *log_program = "kagemusha";
static enum log_level log_limit = LOG_INFO;
static const char *const log_names[] = { "error", "warn", "info", "debug" };

void
log_open(const char *program, enum log_level limit)
{
	log_program = program;
	log_limit = limit;
}

int
log_parse_level(const char *text, enum log_level *level)
{
	for (size_t i = 0; i < sizeof log_names / sizeof *log_names; i++) {
		if (strcmp(text, log_names[i]) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}

/* Writes one message; what does not fit in a line of 2 KiB is cut. */
A_PRINTF(2, 0)
static void
log_vwrite(enum log_level level, const char *fmt, va_list ap)
{
	char text[1024], line[2048];
	size_t n;

	if (level > log_limit)
		return;
	int saved = errno;
	vsnprintf(text, sizeof text, fmt, ap);
	n = (size_t)snprintf(line, 128, "%.64s: %s: ", log_program,
	    log_names[level]);
	for (const unsigned char *p = (unsigned char *)text; *p != '\0'; p++) {
		if (n > sizeof line - 6)
			break;
		if (*p < 0x20 || *p == 0x7f)
			n += (size_t)snprintf(line + n, 5, "\\x%02x", *p);
		else
			line[n++] = (char)*p;
	}
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0) {
		/* Nowhere left to say so. */
	}
	errno = saved;
}

#define LOG_AT(level)                              \
	do {                                       \
		va_list ap;                        \
		va_start(ap, fmt);                 \
		log_vwrite((level), fmt, ap);      \
		va_end(ap);                        \
	} while (0)

void
log_error(const char *fmt, ...)
{
	LOG_AT(LOG_ERROR);
}

void
log_warn(const char *fmt, ...)
{
	LOG_AT(LOG_WARN);
}

void
log_info(const char *fmt, ...)
{
	LOG_AT(LOG_INFO);
}

void
log_debug(const char *fmt, ...)
{
	LOG_AT(LOG_DEBUG);
}

void
fatal(const char *fmt, ...)
{
	LOG_AT(LOG_ERROR);
	exit(70);
}
