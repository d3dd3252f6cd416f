/*
 * The control protocol's frames: what is whole, what is not yet, what is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctlframe.h"

static void
parsing(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		int64_t used; /* 0 waits, -1 is refused */
		uint8_t type;
		size_t length;
	} cases[] = {
		{ "", 0, 0, 0, 0 },
		{ "K", 1, 0, 0, 0 },
		{ "X", 1, -1, 0, 0 },
		{ "K\2", 2, -1, 0, 0 },
		{ "K\1\101\1", 4, -1, 0, 0 },
		{ "K\1\101\0\0\0\0\0", 8, 8, 65, 0 },
		{ "K\1\101\0\0\0\0\3ab", 10, 0, 0, 0 },
		{ "K\1\101\0\0\0\0\3abcK", 12, 11, 65, 3 },
		{ "K\1\101\0\0\4\0\0", 8, 0, 0, 0 },	/* as long as may be */
		{ "K\1\101\0\0\4\0\1", 8, -1, 0, 0 },	/* one more */
		{ "K\1\101\0\377\377\377\377", 8, -1, 0, 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ctlframe f = { 0 };

		assert_int_equal(ctlframe_parse((const uint8_t *)cases[i].bytes,
		    cases[i].n, &f), cases[i].used);
		if (cases[i].used <= 0)
			continue;
		assert_int_equal(f.type, cases[i].type);
		assert_int_equal(f.length, cases[i].length);
	}
}

static void
heads(void **state)
{
	uint8_t head[FRAME_HEAD];
	struct ctlframe f;

	(void)state;
	ctlframe_head(head, FRAME_PING, 0);
	assert_int_equal(ctlframe_parse(head, sizeof head, &f), FRAME_HEAD);
	assert_int_equal(f.type, FRAME_PING);
}

static void
payloads(void **state)
{
	static const uint8_t result[] = { FRAME_RUN, 0, 0, 0, 2, 'n', 'o' };
	uint8_t pong[24];
	struct ctlframe f = { FRAME_RESULT, result, sizeof result };
	struct ctlframe_result r;
	struct ctlframe_pong p;

	(void)state;
	assert_int_equal(ctlframe_parse_result(&f, &r), 0);
	assert_int_equal(r.request, FRAME_RUN);
	assert_int_equal(r.error, 2);
	assert_int_equal(r.length, 2);
	f.length = 4;
	assert_int_equal(ctlframe_parse_result(&f, &r), -1);
	ctlframe_put64(pong, 1);
	ctlframe_put64(pong + 8, 1795376657000000000);
	ctlframe_put64(pong + 16, (uint64_t)-5);
	f = (struct ctlframe) { FRAME_PONG, pong, sizeof pong };
	assert_int_equal(ctlframe_parse_pong(&f, &p), 0);
	assert_int_equal(p.wall, 1795376657000000000);
	assert_int_equal(p.mono, -5);
	f.length = 23;
	assert_int_equal(ctlframe_parse_pong(&f, &p), -1);
}

static void
values(void **state)
{
	static const uint8_t list[] = "machine=i686\0release=6.1\n\0x=";
	char *v;

	(void)state;
	v = ctlframe_value(list, sizeof list - 1, "machine");
	assert_string_equal(v, "i686");
	free(v);
	v = ctlframe_value(list, sizeof list - 1, "release");
	assert_string_equal(v, "6.1?");
	free(v);
	v = ctlframe_value(list, sizeof list - 1, "x");
	assert_string_equal(v, "");
	free(v);
	assert_null(ctlframe_value(list, sizeof list - 1, "mach"));
	assert_null(ctlframe_value(list, 0, "x"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parsing),
		cmocka_unit_test(heads),
		cmocka_unit_test(payloads),
		cmocka_unit_test(values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
