/* The canary's frames: well-formed, found again anywhere, told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include "lab/frames.h"
#include "lab/problems.h"
#include "lab/watch.h"

static const uint8_t bridge[6] = { 2, 0, 0x5e, 0x10, 0, 1 };
static struct canary canary = { .mac = { 2, 0x4b, 0x4d, 7, 8, 9 },
	.marker = "0123456789abcdef" };

static struct addr
parse(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, text), 0);
	return addr;
}

static void
make(struct frame *f, enum frame_kind kind, const char *to, bool broadcast)
{
	struct addr addr = parse(to);

	frame_make(f, &canary, kind, &addr, broadcast, bridge, 0x1234);
}

/* The one's complement sum of 16-bit words; 0xffff where a checksum is right. */
static unsigned
sum(const uint8_t *p, size_t n, uint32_t s)
{
	for (; n > 1; p += 2, n -= 2)
		s += (uint32_t)(p[0] << 8 | p[1]);
	if (n == 1)
		s += (uint32_t)(p[0] << 8);
	while (s > 0xffff)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void
test_checksums(void **state)
{
	static const enum frame_kind kinds[] = { FRAME_ICMP, FRAME_TCP,
		FRAME_UDP };
	static const uint8_t proto4[] = { 1, 6, 17 }, proto6[] = { 58, 6, 17 };
	struct frame f;
	size_t i, n;

	(void)state;
	for (i = 0; i < 3; i++) {
		make(&f, kinds[i], "203.0.113.77", false);
		assert_int_equal(f.bytes[12] << 8 | f.bytes[13], 0x0800);
		assert_int_equal(f.bytes[23], proto4[i]);
		n = (size_t)(f.bytes[16] << 8 | f.bytes[17]);
		assert_int_equal(n + 14, f.length);
		assert_int_equal(sum(f.bytes + 14, 20, 0), 0xffff);
		assert_int_equal(sum(f.bytes + 34, n - 20, i == 0 ? 0
		    : sum(f.bytes + 26, 8, (uint32_t)(proto4[i] + n - 20))),
		    0xffff);

		make(&f, kinds[i], "2001:db8::5", false);
		assert_int_equal(f.bytes[12] << 8 | f.bytes[13], 0x86dd);
		assert_int_equal(f.bytes[20], proto6[i]);
		n = (size_t)(f.bytes[18] << 8 | f.bytes[19]);
		assert_int_equal(n + 54, f.length);
		assert_int_equal(sum(f.bytes + 54, n,
		    sum(f.bytes + 22, 32, (uint32_t)(proto6[i] + n))), 0xffff);
	}
	make(&f, FRAME_NS, "2001:db8::5", true);
	assert_int_equal(sum(f.bytes + 54, 32, sum(f.bytes + 22, 32, 58 + 32)),
	    0xffff);
	assert_memory_equal(f.bytes, "\x33\x33\xff\x00\x00\x05", 6);
	assert_memory_equal(f.bytes + 38,
	    "\xff\x02\0\0\0\0\0\0\0\0\0\x01\xff\0\0\x05", 16);
}

static void
test_addresses(void **state)
{
	struct frame f;

	(void)state;
	make(&f, FRAME_TCP, "198.51.100.1", false);
	assert_memory_equal(f.bytes, bridge, 6);
	assert_memory_equal(f.bytes + 6, canary.mac, 6);
	make(&f, FRAME_TCP, "198.51.100.1", true);
	assert_memory_equal(f.bytes, "\xff\xff\xff\xff\xff\xff", 6);
	make(&f, FRAME_ARP, "198.51.100.1", true);
	assert_int_equal(f.length, 60);
	assert_memory_equal(f.bytes + 38, "\xc6\x33\x64\x01", 4);
}

static void
test_find(void **state)
{
	struct canary other = canary;
	uint8_t tunnel[256] = { 0 };
	struct frame f;
	size_t n;

	(void)state;
	make(&f, FRAME_UDP, "192.0.2.1", false);
	assert_int_equal(frame_find(&canary, f.bytes, f.length), 0x1234);
	memcpy(tunnel + 90, f.bytes, f.length);
	assert_int_equal(frame_find(&canary, tunnel, sizeof tunnel), 0x1234);
	other.marker[15]++;
	assert_int_equal(frame_find(&other, f.bytes, f.length), -1);
	for (n = 0; n < f.length; n++)
		assert_int_equal(frame_find(&canary, f.bytes, n), -1);
}

/* The kernel passes the marker at any offset, and nothing else. */
static void
test_filter(void **state)
{
	uint8_t frame[1400] = { 0 }, got[sizeof frame];
	int pair[2];
	size_t at;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0,
	    pair), 0);
	assert_int_equal(watch_filter(pair[1], &canary), 0);
	for (at = 0; at < 300; at++) {
		memset(frame, 'x', sizeof frame);
		assert_int_equal(send(pair[0], frame, sizeof frame, 0),
		    sizeof frame);
		assert_int_equal(send(pair[0], frame, at, 0), at);
		assert_int_equal(recv(pair[1], got, sizeof got, 0), -1);
		memcpy(frame + at, canary.marker, CANARY_MARKER);
		assert_int_equal(send(pair[0], frame, at + 100, 0), at + 100);
		assert_int_equal(recv(pair[1], got, sizeof got, 0), at + 100);
		assert_memory_equal(got, frame, at + 100);
	}
	close(pair[0]);
	close(pair[1]);
}

/* An echo reply as the lab's kernel would make it of our request. */
static void
test_answers(void **state)
{
	struct frame f, reply;
	size_t n;

	(void)state;
	make(&f, FRAME_ICMP, "203.0.113.9", false);
	reply = f;
	memcpy(reply.bytes, canary.mac, 6);
	memcpy(reply.bytes + 26, f.bytes + 30, 4);
	reply.bytes[34] = 0;
	assert_true(frame_answers(reply.bytes, reply.length, &canary, &f));
	for (n = 0; n < 42; n++)
		assert_false(frame_answers(reply.bytes, n, &canary, &f));
	reply.bytes[29]++;
	assert_false(frame_answers(reply.bytes, reply.length, &canary, &f));
	reply.bytes[29]--;
	reply.bytes[34] = 3;
	assert_false(frame_answers(reply.bytes, reply.length, &canary, &f));
	reply.bytes[34] = 0;
	reply.bytes[5]++;
	assert_false(frame_answers(reply.bytes, reply.length, &canary, &f));
	make(&f, FRAME_TCP, "203.0.113.9", false);
	assert_false(frame_answers(reply.bytes, reply.length, &canary, &f));
}

static void
test_problems(void **state)
{
	struct problems p = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 200; i++)
		problem(&p, "problem %d %0200d", i, 0);
	assert_int_equal(p.count, 200);
	assert_true(strlen(p.text) < sizeof p.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_problems),
	};

	canary.ip4 = parse("10.13.37.254");
	canary.ip6 = parse("fd13:37::fe");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
