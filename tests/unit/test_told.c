/*
 * Probes that a library in the guest tells of: what it is told to do, and what
 * is made of its records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "told.h"

static void
definition(void **state)
{
	struct probe b = { .kind = PROBE_ARGV, .address = 0x104e0, .thumb = true,
		.next = { 0x104e2, 0 } };
	char *line = told_definition(&b, 7, " argc=%r0:s32"
	    " w0=+0(+0(%r1)):string w1=+0(+4(%r1)):string", 4);

	(void)state;
	assert_string_equal(line, "t 7 104e0 104e2 0 1 20000 n0,p1+0,p1+4,");
	free(line);
	assert_int_equal(b.entry.count, 3);
	assert_string_equal(b.entry.fields[0].name, "argc");
	assert_true(b.entry.fields[0].is_signed);
	assert_false(b.entry.fields[0].text);
	assert_string_equal(b.entry.fields[2].name, "w1");
	assert_int_equal(b.entry.fields[2].offset, 8);
	assert_true(b.entry.fields[2].text);
	assert_int_equal(b.back.count, 1);

	b.kind = PROBE_NUMBERS;
	b.entry_only = b.takers_only = true;
	line = told_definition(&b, 8, " a0=%r0:x32 s0=+0(%r0):string", 4);
	assert_string_equal(line, "t 8 104e0 104e2 0 0 500 n0,s0,");
	assert_false(b.entry.fields[0].is_signed);
	free(line);

	b.kind = PROBE_BLOCK;
	line = told_definition(&b, 9, "", 4);
	assert_string_equal(line, "t 9 104e0 104e2 0 0 5000 ");
	assert_int_equal(b.entry.count, 0);
	free(line);
}

static void
marker(void **state)
{
	/* Common head; magic, probe 7, a return, pid 84; a number, a text. */
	static const uint8_t hit[] = { 5, 0, 0, 0, 1, 0, 0, 0,
		'B', 'K', 'R', 'K', 7, 0, 0, 0, 1, 0, 0, 0, 84, 0, 0, 0,
		4, 0, 0, 0, 8, 0, 5, 0, 'P', 'I', 'N', 'G', 0, 0, 0, 0 };
	const struct tracebuf_order order = { false, 4 };
	struct tracebuf_event e = { 0, 5, 1, hit, sizeof hit };
	struct probe b = { .kind = PROBE_BUFFER, .thumb = true };
	char *line = told_definition(&b, 7, "", 4);
	size_t index, n;
	int64_t value;
	const char *text;
	bool back;

	(void)state;
	free(line);
	for (size_t cut = 0; cut < 24; cut++) {
		struct tracebuf_event part = { 0, 5, 1, hit, cut };

		assert_int_equal(told_hit(&part, 8, &index, &back), -1);
	}
	assert_int_equal(told_hit(&e, 8, &index, &back), 0);
	assert_int_equal(index, 7);
	assert_true(back);
	assert_int_equal(e.pid, 84);
	assert_int_equal(tracebuf_number(&order, &e,
	    tracebuf_field(&b.back, "ret"), &value), 0);
	assert_int_equal(value, 4);
	text = tracebuf_text(&order, &e, tracebuf_field(&b.back, "buf"), &n);
	assert_non_null(text);
	assert_int_equal(n, 4);
	assert_memory_equal(text, "PING", 4);
}

/* The emulator's plugin: words of 8 bytes; whose hit it is says the kernel. */
static void
plugin(void **state)
{
	static const uint8_t hit[] = { 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		'B', 'K', 'R', 'K', 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		2, 0, 0, 0, 0, 0, 0, 0, 16, 0, 4, 0, 0, 0, 0, 0,
		'U', 'D', 'P', 0, 0, 0, 0, 0 };
	const struct tracebuf_order order = { false, 8 };
	struct tracebuf_event e = { 0, 9, 84, hit, sizeof hit };
	struct probe b = { .kind = PROBE_ARGV };
	char *line = told_definition(&b, 7, " argc=%r0:s32"
	    " w0=+0(+8(%r1)):string", 8);
	size_t index, n;
	int64_t value;
	const char *text;
	bool back;

	(void)state;
	assert_string_equal(line, "t 7 0 0 0 1 20000 n0,p1+8,");
	free(line);
	assert_int_equal(told_hit(&e, 12, &index, &back), 0);
	assert_int_equal(index, 7);
	assert_false(back);
	assert_int_equal(e.pid, 84);
	assert_int_equal(tracebuf_number(&order, &e, &b.entry.fields[0],
	    &value), 0);
	assert_int_equal(value, 2);
	text = tracebuf_text(&order, &e, &b.entry.fields[1], &n);
	assert_non_null(text);
	assert_memory_equal(text, "UDP", 4);
}

/* A marker that the sample wrote itself, if it could, is none of ours. */
static void
foreign(void **state)
{
	static const uint8_t hit[32] = { 5 };
	struct tracebuf_event e = { 0, 5, 1, hit, sizeof hit };
	size_t index;
	bool back;

	(void)state;
	assert_int_equal(told_hit(&e, 8, &index, &back), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(definition),
		cmocka_unit_test(marker),
		cmocka_unit_test(plugin),
		cmocka_unit_test(foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
