/*
 * base/: addresses, clock text, JSON lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/utf8.h"

static void
prefixes(void **state)
{
	static const struct {
		const char *prefix, *in, *out;
	} cases[] = {
		{ "198.18.0.0/15", "198.19.255.255", "198.20.0.0" },
		{ "10.13.37.0/24", "10.13.37.2", "10.13.38.2" },
		{ "0.0.0.0/0", "203.0.113.9", "2001:2::1" },
		{ "2001:2::/48", "2001:2:0:ffff::1", "2001:2:1::1" },
		{ "fd13:37::1/128", "fd13:37::1", "fd13:37::2" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct addr_prefix p;
		struct addr in, out;

		assert_int_equal(addr_prefix_parse(&p, cases[i].prefix), 0);
		assert_int_equal(addr_parse(&in, cases[i].in), 0);
		assert_int_equal(addr_parse(&out, cases[i].out), 0);
		assert_true(addr_prefix_has(&p, &in));
		assert_false(addr_prefix_has(&p, &out));
	}
	static const char *const bad[] = { "198.18.0.1/15", "1.2.3.4", "::/129",
		"1.2.3.4/33", "x/8", "1.2.3.4/", "1.2.3.4/8x", "1.2.3.4/-1" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct addr_prefix p;

		assert_int_equal(addr_prefix_parse(&p, bad[i]), -1);
	}
}

static void
prefix_counts(void **state)
{
	struct addr_prefix p;
	struct addr a;
	char text[ADDR_TEXT_SIZE];

	(void)state;
	assert_int_equal(addr_prefix_parse(&p, "198.18.0.0/15"), 0);
	assert_int_equal(addr_prefix_nth(&p, 0x1ffff, &a), 0);
	assert_string_equal(addr_text(&a, text), "198.19.255.255");
	assert_int_equal(addr_prefix_nth(&p, 0x20000, &a), -1);
	assert_int_equal(addr_prefix_parse(&p, "2001:2::/48"), 0);
	assert_int_equal(addr_prefix_nth(&p, UINT64_MAX, &a), 0);
	assert_string_equal(addr_text(&a, text),
	    "2001:2::ffff:ffff:ffff:ffff");
}

static void
mapped_is_ipv4(void **state)
{
	struct addr a, b;

	(void)state;
	assert_int_equal(addr_parse(&a, "::ffff:10.13.37.2"), 0);
	assert_int_equal(addr_parse(&b, "10.13.37.2"), 0);
	assert_true(addr_equal(&a, &b));
}

static void
clock_texts(void **state)
{
	static const struct {
		int64_t wall;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000+0000" },
		{ 1795374900123456789, "2026-11-22T19:15:00.123456+0000" },
		{ -1, "1969-12-31T23:59:59.999999+0000" },
		{ INT64_MAX, "2262-04-11T23:47:16.854775+0000" },
	};
	char text[CLOCK_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(clock_text(cases[i].wall, text),
		    cases[i].text);
}

static void
json_lines(void **state)
{
	struct jsonw j = { 0 };

	(void)state;
	jsonw_object(&j, NULL);
	jsonw_int(&j, "n", -3);
	jsonw_array(&j, "a");
	jsonw_bool(&j, NULL, true);
	jsonw_null(&j, NULL);
	jsonw_int(&j, NULL, INT64_MIN);
	jsonw_uint(&j, NULL, UINT64_MAX);
	jsonw_uint(&j, NULL, 0);
	jsonw_real(&j, NULL, 0.25);
	jsonw_real(&j, NULL, 1.0 / 0.0);
	jsonw_seconds(&j, NULL, 0);
	jsonw_seconds(&j, NULL, -5);
	jsonw_seconds(&j, NULL, 61000012999);
	jsonw_array_end(&j);
	jsonw_bytes(&j, "text", "base64", "a\"\\\n\0\x7f\xc3\xa9", 8);
	jsonw_bytes(&j, "text", "base64", "\xff\xfe", 2);
	jsonw_string(&j, "s", "\xffz");
	jsonw_object_end(&j);
	jsonw_line_end(&j);
	const char want[] = "{\"n\":-3,\"a\":[true,null,"
			    "-9223372036854775808,18446744073709551615,0,0.25,null,"
			    "0.000000,0.000000,61.000012],"
			    "\"text\":\"a\\\"\\\\\\n\\u0000\\u007f\xc3\xa9\","
			    "\"base64\":\"//4=\",\"s\":\"\xef\xbf\xbdz\"}\n";
	assert_int_equal(j.length, sizeof want - 1);
	assert_memory_equal(j.data, want, sizeof want - 1);
	jsonw_free(&j);
}

/*
 * Every pair of bytes, alone and at every place of a longer text, survives a
 * JSON parser that nobody here wrote.
 */
static void
json_survives(void **state)
{
	struct jsonw j = { 0 };

	(void)state;
	for (unsigned v = 0; v < 0x10000; v++) {
		uint8_t b[20] = "twenty plain letters";
		size_t n = v % 3 == 0 ? 2 : sizeof b;
		size_t at = n == 2 ? 0 : v % 19;

		b[at] = (uint8_t)(v >> 8);
		b[at + 1] = (uint8_t)v;
		jsonw_reset(&j);
		jsonw_object(&j, NULL);
		jsonw_bytes(&j, "text", "base64", b, n);
		jsonw_object_end(&j);
		json_t *root = json_loadb(j.data, j.length, JSON_ALLOW_NUL,
		    NULL);
		assert_non_null(root);
		json_t *text = json_object_get(root, "text");
		assert_int_equal(text != NULL, utf8_valid(b, n));
		assert_int_equal(text != NULL, utf8_valid(b + at, 2));
		if (text != NULL) {
			assert_int_equal(json_string_length(text), n);
			assert_memory_equal(json_string_value(text), b, n);
		}
		json_decref(root);
	}
	jsonw_free(&j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes),
		cmocka_unit_test(prefix_counts),
		cmocka_unit_test(mapped_is_ipv4),
		cmocka_unit_test(clock_texts),
		cmocka_unit_test(json_lines),
		cmocka_unit_test(json_survives),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
