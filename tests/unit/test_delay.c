/*
 * Bytes that are handed on later: in their order, none twice, none lost, and
 * not before a tick is over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/clock.h"
#include "delay.h"

struct sink {
	struct delay *delay;
	char got[64];
	size_t n;
	const char *answer; /* what comes while bytes are handed on */
	int64_t at;	    /* when the last ones came */
};

static void
take(void *arg, const void *data, size_t n)
{
	struct sink *s = arg;
	const char *answer = s->answer;

	assert_true(n > 0 && s->n + n < sizeof s->got);
	memcpy(s->got + s->n, data, n);
	s->n += n;
	s->at = clock_mono();
	s->answer = NULL;
	if (answer != NULL)
		delay_bytes(s->delay, answer, strlen(answer));
}

static void
later(void **state)
{
	struct event_base *base = event_base_new();
	struct sink s = { .answer = "three" };
	int64_t began = clock_mono();

	(void)state;
	s.delay = delay_new(base, take, &s);
	delay_bytes(s.delay, "one", 3);
	delay_bytes(s.delay, "two", 3);
	assert_int_equal(s.n, 0);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(s.n, 0);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(s.n, 6);
	assert_true(s.at - began >= (int64_t)DELAY_TICK * 1000000);
	/* To the end of all timers: nothing is left. */
	event_base_dispatch(base);
	assert_string_equal(s.got, "onetwothree");
	delay_bytes(s.delay, "four", 4);
	delay_flush(s.delay);
	assert_string_equal(s.got, "onetwothreefour");
	delay_flush(s.delay);
	event_base_dispatch(base);
	assert_int_equal(s.n, strlen("onetwothreefour"));
	delay_bytes(s.delay, "lost", 4);
	delay_free(s.delay);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(later) };

	return cmocka_run_group_tests_name("delay", tests, NULL, NULL);
}
