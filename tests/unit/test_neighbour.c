/*
 * wire/neighbour: a solicitation as Linux sends it, its answer, and what is
 * none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/neighbour.h"

/* Who has fd13:37::99? Tell fd13:37::2. */
static const uint8_t asked[] = {
	0x33, 0x33, 0xff, 0x00, 0x00, 0x99, 0x56, 0x47, 0x87, 0x09, 0x49, 0x4c,
	0x86, 0xdd, 0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x3a, 0xff, 0xfd, 0x13,
	0x00, 0x37, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x02,
	0xff, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
	0xff, 0x00, 0x00, 0x99, 0x87, 0x00, 0x57, 0x38, 0x00, 0x00, 0x00, 0x00,
	0xfd, 0x13, 0x00, 0x37, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x99, 0x01, 0x01, 0x56, 0x47, 0x87, 0x09, 0x49, 0x4c
};
static const uint8_t ours[NEIGHBOUR_MAC] = { 2, 0, 0x5e, 0x10, 0, 1 };

static void
a_question(void **state)
{
	struct neighbour q;
	char text[ADDR_TEXT_SIZE];

	(void)state;
	assert_int_equal(neighbour_parse(&q, asked, sizeof asked), 0);
	assert_string_equal(addr_text(&q.src, text), "fd13:37::2");
	assert_string_equal(addr_text(&q.target, text), "fd13:37::99");
	assert_memory_equal(q.mac, asked + 6, NEIGHBOUR_MAC);
}

/* Any byte of the ICMP message changed breaks its checksum. */
static void
no_question(void **state)
{
	uint8_t bytes[sizeof asked];
	struct neighbour q;

	(void)state;
	for (size_t n = 0; n < sizeof asked; n++)
		assert_int_equal(neighbour_parse(&q, asked, n), -1);
	for (size_t i = 20; i < sizeof asked; i++) {
		memcpy(bytes, asked, sizeof asked);
		bytes[i] ^= 0x10;
		assert_int_equal(neighbour_parse(&q, bytes, sizeof bytes), -1);
	}
}

/* As Linux would have answered: tcpdump finds the checksum correct, too. */
static void
an_answer(void **state)
{
	static const uint8_t message[] = { 0x88, 0x00, 0xbc, 0x7d, 0x60, 0x00,
		0x00, 0x00, 0xfd, 0x13, 0x00, 0x37, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x99, 0x02, 0x01,
		0x02, 0x00, 0x5e, 0x10, 0x00, 0x01 };
	uint8_t out[NEIGHBOUR_FRAME];
	struct neighbour q;

	(void)state;
	assert_int_equal(neighbour_parse(&q, asked, sizeof asked), 0);
	neighbour_answer(&q, ours, out);
	assert_memory_equal(out, asked + 6, NEIGHBOUR_MAC);
	assert_memory_equal(out + 6, ours, NEIGHBOUR_MAC);
	assert_memory_equal(out + 22, asked + 62, 16);
	assert_memory_equal(out + 38, asked + 22, 16);
	assert_memory_equal(out + 54, message, sizeof message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question),
		cmocka_unit_test(no_question),
		cmocka_unit_test(an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
