/*
 * strace stamps each line with the seconds since 1970 by way of the local time
 * and back, and looks for the time zone's file twice on the way. Here a time is
 * turned into years and days only where those are asked for.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "preload.h"

static time_t stamps_seconds;
static struct tm stamps_tm; /* stands for them until it is filled */
static size_t (*stamps_strftime)(char *, size_t, const char *,
    const struct tm *);

struct tm *
localtime(const time_t *t)
{
	stamps_seconds = *t;
	return &stamps_tm;
}

size_t
strftime(char *restrict out, size_t size, const char *restrict format,
    const struct tm *restrict tm)
{
	if (tm != &stamps_tm)
		return stamps_strftime(out, size, format, tm);
	if (strcmp(format, "%s") == 0)
		return (size_t)snprintf(out, size, "%lld",
		    (long long)stamps_seconds);
	return stamps_strftime(out, size, format,
	    localtime_r(&stamps_seconds, &stamps_tm));
}

void
stamps_begin(void)
{
	*(void **)&stamps_strftime = dlsym(RTLD_NEXT, "strftime");
	if (stamps_strftime == NULL)
		_exit(127);
}
