/*
 * Time: the machine's clocks, or the ones that a test set.
 */
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

static bool clock_frozen;
static int64_t clock_frozen_wall, clock_frozen_mono;

static int64_t
clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t
clock_wall(void)
{
	return clock_frozen ? clock_frozen_wall : clock_read(CLOCK_REALTIME);
}

int64_t
clock_mono(void)
{
	return clock_frozen ? clock_frozen_mono : clock_read(CLOCK_MONOTONIC);
}

void
clock_test_set(int64_t wall, int64_t mono)
{
	clock_frozen = true;
	clock_frozen_wall = wall;
	clock_frozen_mono = mono;
}

void
clock_test_off(void)
{
	clock_frozen = false;
}

/* Formats through a cached second: the journal stamps thousands a second. */
const char *
clock_text(int64_t wall, char buf[static CLOCK_TEXT_SIZE])
{
	static _Thread_local int64_t cached = INT64_MIN;
	static _Thread_local char prefix[24];
	int64_t second = wall / 1000000000, rest = wall % 1000000000;

	if (rest < 0) {
		second--;
		rest += 1000000000;
	}
	if (second != cached) {
		time_t t = (time_t)second;
		struct tm tm;

		/* A guest may claim any time; years beyond four digits
		 * become the epoch rather than odd text. */
		if (gmtime_r(&t, &tm) == NULL || tm.tm_year < -1900 ||
		    tm.tm_year > 8099) {
			t = 0;
			gmtime_r(&t, &tm);
		}
		strftime(prefix, sizeof prefix, "%Y-%m-%dT%H:%M:%S", &tm);
		cached = second;
	}
	memcpy(buf, prefix, 19);
	memcpy(buf + 19, ".000000+0000", 13);
	for (int64_t us = rest / 1000, at = 25; us > 0; us /= 10)
		buf[at--] = (char)('0' + us % 10);
	return buf;
}
