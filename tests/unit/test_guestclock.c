/*
 * The guest's clocks: offsets, and stamps before and after its wall clock was
 * set ahead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guestclock.h"

#define HOUR 3600000000000ll

static void
pings(void **state)
{
	static struct guestclock c;

	(void)state;
	guestclock_ping(&c, 1000, 1200, 5100, 300);
	assert_int_equal(c.wall, 4000);
	assert_int_equal(c.error, 100);
	/* A worse one changes nothing, a better one does. */
	guestclock_ping(&c, 2000, 2400, 9000, 1);
	assert_int_equal(c.wall, 4000);
	guestclock_ping(&c, 3000, 3020, 7011, 2300);
	assert_int_equal(c.wall, 4001);
	assert_int_equal(guestclock_from_wall(&c, 8001), 4000);
	assert_int_equal(guestclock_from_mono(&c, 8000 - 710), 8000);
}

static void
moves(void **state)
{
	static struct guestclock c = { .wall = 500, .known = true };
	static const struct {
		int64_t guest, host;
	} rows[] = {
		{ 1500, 1000 },			/* before */
		{ 2500, 2000 },			/* the moment of it */
		{ 2500 + HOUR, 2000 },		/* just after */
		{ 3500 + HOUR, 3000 },
		{ 4500 + HOUR, 4000 },
		{ 4500 + 3 * HOUR, 4000 },	/* after the second */
		{ 9500 + 3 * HOUR, 9000 },
		{ INT64_MIN, 0 },		/* no overflow */
	};

	(void)state;
	assert_int_equal(guestclock_move(&c, 2500, HOUR), 0);
	assert_int_equal(guestclock_move(&c, 4500 + HOUR, 2 * HOUR), 0);
	assert_int_equal(guestclock_moved(&c), 3 * HOUR);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(guestclock_from_wall(&c, rows[i].guest),
		    rows[i].host);
	/* What no clock does. */
	assert_int_equal(guestclock_move(&c, 4500, HOUR), -1);
	assert_int_equal(guestclock_move(&c, 9 * HOUR, 0), -1);
	assert_int_equal(guestclock_move(&c, 9 * HOUR, -1), -1);
	assert_int_equal(guestclock_move(&c, 9 * HOUR, INT64_MAX), -1);
	assert_int_equal(guestclock_moved(&c), 3 * HOUR);
	while (c.move_count < GUESTCLOCK_MOVES_MAX)
		assert_int_equal(guestclock_move(&c,
		    c.moves[c.move_count - 1].from, 1), 0);
	assert_int_equal(guestclock_move(&c, 9 * HOUR, 1), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(pings),
		cmocka_unit_test(moves) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
