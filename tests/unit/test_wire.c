/*
 * wire/: the cursor and the writer, addresses in command text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wire/cursor.h"
#include "wire/target.h"

static void
cursor_stops(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7 };
	struct cursor c = cursor_of(bytes, sizeof bytes);

	(void)state;
	assert_int_equal(cursor_u8(&c), 1);
	assert_int_equal(cursor_u16(&c), 0x0203);
	struct cursor sub = cursor_sub(&c, 3);

	assert_int_equal(cursor_u24(&sub), 0x040506);
	assert_int_equal(cursor_left(&sub), 0);
	assert_false(sub.failed);
	assert_true(cursor_has(&c, 1));
	assert_false(cursor_has(&c, 2));
	/* a step that doesn't fit moves nothing, and the failure stays */
	assert_int_equal(cursor_u32(&c), 0);
	assert_true(c.failed);
	assert_int_equal(cursor_left(&c), 1);
	assert_int_equal(cursor_u8(&c), 0);
	assert_null(cursor_bytes(&c, 0));
	sub = cursor_sub(&c, 0);
	assert_true(sub.failed);
	assert_int_equal(cursor_u8(&sub), 0);
}

static void
writer_stops(void **state)
{
	uint8_t bytes[8];
	struct writer w = writer_of(bytes, 7);

	(void)state;
	memset(bytes, 0xee, sizeof bytes);
	writer_u16(&w, 0x0102);
	writer_u32(&w, 0x03040506);
	writer_patch_u16(&w, 0, 0xaabb);
	assert_memory_equal(bytes, "\xaa\xbb\3\4\5\6\xee\xee", 8);
	writer_u16(&w, 1);
	assert_true(w.failed);
	assert_int_equal(w.length, 6);
	writer_u8(&w, 1);
	assert_int_equal(w.length, 6);
	writer_rewind(&w, 2);
	writer_u8(&w, 9);
	assert_memory_equal(bytes, "\xaa\xbb\x09", 3);
	writer_patch_u16(&w, 2, 0);
	assert_true(w.failed);
}

static void
targets(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "! UDP 198.18.0.1 80 10", "198.18.0.1" },
		{ "PING", "" },
		{ "1.2.3", "" },
		{ "1.2.3.", "" },
		{ "999.1.2.3", "" },
		{ "256.1.1.1 1.1.1.255", "1.1.1.255" },
		{ "http://203.0.113.7:8080/x?y=192.0.2.1",
		    "203.0.113.7 192.0.2.1" },
		{ "10.0.0.0/8,172.16.0.1;192.168.1.1",
		    "10.0.0.0 172.16.0.1 192.168.1.1" },
		{ "x1.2.3.4y", "1.2.3.4" },
		{ "1.2.3.4.5", "1.2.3.4" },
		{ "1.2.3.4567", "1.2.3.45" },
		{ "1.2.3.300", "1.2.3.30" },
		{ "08.8.8.008", "8.8.8.8" },
		{ "tcp6 2001:2::1 22", "2001:2::1" },
		{ "[2001:db8::1]:80", "2001:db8::1" },
		{ "2001:DB8:0:0:0:0:0:1/64", "2001:db8::1" },
		{ "::1", "::1" },
		{ "ping ::", "::" },
		{ "::ffff:8.8.8.8", "8.8.8.8" },
		{ "64:ff9b::8.8.8.8 x", "64:ff9b::808:808" },
		{ "addr:fe80::1%eth0", "fe80::1" },
		{ "fe80::1:", "fe80::1" },
		{ "12:34:56 at noon", "" },
		{ "use Foo::Bar, std::foo", "" },
		{ "mac 02:00:5e:10:00:01", "" },
		{ "1.2.3.4:80:tcp", "1.2.3.4" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char got[256] = "", text[ADDR_TEXT_SIZE];
		size_t offset = 0, n = strlen(cases[i].text);
		struct addr a;

		while (target_next(cases[i].text, n, &offset, &a) == 1) {
			if (got[0] != '\0')
				strcat(got, " ");
			strcat(got, addr_text(&a, text));
			assert_int_equal(a.port, 0);
		}
		assert_string_equal(got, cases[i].want);
		assert_int_equal(offset, n);
	}
}

/* No NUL ends the text, and it may hold some. */
static void
targets_in_bytes(void **state)
{
	static const char text[] = { 0, '1', '.', '2', '.', '3', '.', '4',
		0, 0xff, '9', '.', '9', '.', '9', '.', '9', '9' };
	char buf[ADDR_TEXT_SIZE];
	size_t offset = 0;
	struct addr a;

	(void)state;
	assert_int_equal(target_next(text, sizeof text - 1, &offset, &a), 1);
	assert_string_equal(addr_text(&a, buf), "1.2.3.4");
	assert_int_equal(target_next(text, sizeof text - 1, &offset, &a), 1);
	assert_string_equal(addr_text(&a, buf), "9.9.9.9");
	assert_int_equal(target_next(text, sizeof text - 1, &offset, &a), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cursor_stops),
		cmocka_unit_test(writer_stops),
		cmocka_unit_test(targets),
		cmocka_unit_test(targets_in_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
