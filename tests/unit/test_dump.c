/*
 * Which commands are dumped after, and which texts of a memory are told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/jsonw.h"
#include "decoded.h"
#include "dump.h"
#include "link.h"

static void
patterns(void **state)
{
	static const struct {
		const char *pattern, *name, *text;
		uint64_t id;
		bool match;
	} rows[] = {
		{ "UDP", "UDP", "!* UDP 198.18.0.1 9\n", 3, true },
		{ "udp", "UDP", "!* UDP 198.18.0.1 9\n", 3, true },
		{ "TCP", "UDP", "!* UDP 198.18.0.1 9\n", 3, false },
		{ "!\\* UDP*", "UDP", "!* UDP 198.18.0.1 9\n", 3, true },
		{ "!* UDP 198.18.0.1 9", "x", "!* UDP 198.18.0.1 9\r\n", 3, true },
		{ "*9", "x", "!* UDP 198.18.0.1 9\r\n", 3, true },
		{ "3", "UDP", "", 3, true },
		{ "3", "3", "3", 4, false },
		{ "[", "UDP", "", 3, false },
		{ "", "", "", 1, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char pattern[64];
		char *list[] = { pattern, NULL };
		struct link_command c = { rows[i].id, rows[i].name,
			rows[i].text };

		strcpy(pattern, rows[i].pattern);
		struct dump *d = dump_new(list);

		if (dump_take(d, &c) != rows[i].match)
			fail_msg("'%s' and '%s'", rows[i].pattern,
			    rows[i].text);
		assert_false(dump_take(d, &c));
		dump_free(d);
	}
}

static void
turns(void **state)
{
	char all[] = "*";
	char *list[] = { all, NULL };
	struct dump *d = dump_new(list);

	(void)state;
	assert_int_equal(dump_begin(d), 0);
	for (uint64_t id = 1; id <= 3; id++)
		assert_true(dump_take(d,
		    &(struct link_command) { id, "", "" }));
	for (uint64_t id = 1; id <= 3; id++) {
		assert_int_equal(dump_begin(d), id);
		assert_int_equal(dump_command(d), id);
		assert_int_equal(dump_begin(d), 0);
		dump_end(d);
	}
	assert_int_equal(dump_command(d), 0);
	assert_int_equal(dump_begin(d), 0);
	dump_free(d);
}

/* The strings of a memory as JSON; pieces are split at '|'. */
static void
texts(void **state)
{
	static const char file[] = "\0in the file\0the end of it";
	static const char *const known[] = { "/tmp/sample", "argument", NULL };
	static const struct {
		const char *memory, *json;
	} rows[] = {
		{ "\1\2", "" },
		{ "short\1", "" },
		{ "in the file\1end of it\1", "" },
		{ "in the fil|e\1", "" },
		{ "decoded\1", "\"strings\":[{\"address\":4096,"
		    "\"text\":\"decoded\"}]" },
		{ "\1dec|oded\1decoded", "\"strings\":[{\"address\":4097,"
		    "\"text\":\"decoded\"}]" },
		{ "/tmp/sample\1argument\1SHELL=/bin/sh\1", "" },
		{ "%&$-!/()=\1", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct decoded *d = decoded_new(file, sizeof file, known);
		struct jsonw j = { 0 };
		const char *p = rows[i].memory;

		decoded_begin(d, 4096);
		while (*p != '\0') {
			size_t n = strcspn(p, "|");

			decoded_data(d, p, n);
			p += n + (p[n] == '|');
		}
		decoded_end(d, &j);
		assert_int_equal(j.length, strlen(rows[i].json));
		assert_memory_equal(j.length > 0 ? j.data : "", rows[i].json,
		    j.length);
		jsonw_free(&j);
		decoded_free(d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(patterns),
		cmocka_unit_test(turns), cmocka_unit_test(texts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
