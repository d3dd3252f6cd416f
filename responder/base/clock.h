/*
 * Time. Wall time stamps the evidence and is nanoseconds since 1970-01-01 UTC;
 * monotonic time measures durations. Tests set both by hand, so that nothing
 * that uses this file ever sleeps in a test.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT_SIZE 32

/* CLOCK_REALTIME in nanoseconds. */
int64_t clock_wall(void);
/* CLOCK_MONOTONIC in nanoseconds. */
int64_t clock_mono(void);
/*
 * Freezes both clocks at these values until called again; clock_test_off()
 * brings back the machine's own.
 */
void clock_test_set(int64_t wall, int64_t mono);
void clock_test_off(void);

/*
 * Wall time as Suricata EVE writes it: 2026-11-22T19:15:00.123456+0000.
 * Returns buf.
 */
const char *clock_text(int64_t wall, char buf[static CLOCK_TEXT_SIZE]);

#endif
