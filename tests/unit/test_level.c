/*
 * What strace is told: levels, and return values that are forged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "level.h"

static bool
has(const struct control_list *l, const char *word)
{
	for (size_t at = 0; at < l->n; at += strlen(l->data + at) + 1)
		if (strcmp(l->data + at, word) == 0)
			return true;
	return false;
}

static void
names(void **state)
{
	enum level level;

	(void)state;
	assert_int_equal(level_parse("observe", &level), 0);
	assert_int_equal(level, LEVEL_OBSERVE);
	assert_string_equal(level_name(level), "observe");
	assert_int_equal(level_parse("", &level), -1);
	assert_int_equal(level_parse("fulll", &level), -1);
}

static void
rewrites(void **state)
{
	static const struct {
		const char *text;
		int result;
	} cases[] = {
		{ "connect=0", 0 }, { "connect=0,recv=1", 0 },
		{ "", -1 }, { "connect", -1 }, { "connect=", -1 },
		{ "connect=-1", -1 }, { "=1", -1 }, { "Connect=1", -1 },
		{ "connect=1x", -1 }, { "connect=0:error=EIO", -1 },
		{ "connect=4294967296", -1 }, { "a b=1", -1 },
	};
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(level_check_rewrite(cases[i].text, why,
		    sizeof why), cases[i].result);
}

static void
words(void **state)
{
	struct control_list l = { NULL, 0 };

	(void)state;
	level_words(LEVEL_FULL, true, NULL, &l);
	assert_true(has(&l, "tracer=strace"));
	assert_true(has(&l, "stepper=full,keep"));
	control_list_free(&l);
	level_words(LEVEL_OBSERVE, false, "connect=0,recv=1", &l);
	assert_true(has(&l, "stepper=observe"));
	assert_true(has(&l, "tracer=--seccomp-bpf"));
	assert_true(has(&l, "tracer=inject=connect:retval=0"));
	assert_true(has(&l, "tracer=inject=recv:retval=1"));
	control_list_free(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(rewrites),
		cmocka_unit_test(words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
