/*
 * What the tracer says of itself: lines that are some, and those that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "step.h"

static void
lines(void **state)
{
	static const struct {
		const char *line;
		int result;
		struct step want;
	} cases[] = {
		{ "level 86 5.000000007 observe flood 355 packets", 0,
		    { STEP_LEVEL, 86, 5000000007, LEVEL_OBSERVE, LEVEL_FLOOD,
			355, "packets", 0, false, 0 } },
		{ "level 86 5.000000007 flood full 0 calm", 0,
		    { STEP_LEVEL, 86, 5000000007, LEVEL_FLOOD, LEVEL_FULL, 0,
			"calm", 0, false, 0 } },
		{ "fork 86 5.000000000 90", 0,
		    { .kind = STEP_FORK, .pid = 86, .time = 5000000000,
			.child = 90, .ran = 90 } },
		{ "fork 86 5.000000000 90 thread", 0,
		    { .kind = STEP_FORK, .pid = 86, .time = 5000000000,
			.child = 90, .ran = 90, .thread = true } },
		{ "busy 86 5.000000000 159692841", 0,
		    { .kind = STEP_BUSY, .pid = 86, .time = 5000000000,
			.child = 159692841, .ran = 159692841 } },
		{ "", -1, { 0 } },
		{ "level 86 5.000000007 observe flood 355", -1, { 0 } },
		{ "level 86 5.000000007 observe deluge 355 packets", -1, { 0 } },
		{ "level 86 5.000000007 observe flood -1 packets", -1, { 0 } },
		{ "level 0 5.000000007 observe flood 355 packets", -1, { 0 } },
		{ "fork 86 5.000000000 ", -1, { 0 } },
		{ "fork 86 5.000000000 0", -1, { 0 } },
		{ "spoon 86 5.000000000 90", -1, { 0 } },
		{ "busy 86 5 90", -1, { 0 } },
		{ "busy -86 5.000000000 90", -1, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct step *w = &cases[i].want;
		struct step s;

		assert_int_equal(step_parse(&s, cases[i].line,
		    strlen(cases[i].line)), cases[i].result);
		if (cases[i].result == -1)
			continue;
		assert_int_equal(s.kind, w->kind);
		assert_int_equal(s.pid, w->pid);
		assert_int_equal(s.time, w->time);
		assert_int_equal(s.from, w->from);
		assert_int_equal(s.to, w->to);
		assert_int_equal(s.rate, w->rate);
		assert_string_equal(s.reason, w->reason);
		assert_int_equal(s.child, w->child);
		assert_int_equal(s.thread, w->thread);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
