/*
 * wire/frame: addresses out of frames of each kind, and nothing read beyond
 * the captured bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/xmalloc.h"
#include "frames.h"
#include "wire/frame.h"

static void
assert_addr(const struct addr *a, const char *text, unsigned port)
{
	char buf[ADDR_TEXT_SIZE];

	assert_string_equal(addr_text(a, buf), text);
	assert_int_equal(a->port, port);
}

/* Parses every shorter capture too, from memory that ends where it ends. */
static void
parse_all_lengths(struct frame *f, const struct frames *in)
{
	for (size_t n = 0; n <= in->n; n++) {
		uint8_t *copy = xmalloc(n + 1);

		memcpy(copy, in->bytes, n);
		int status = frame_parse(f, FRAME_ETHERNET, copy, n);
		if (f->payload != NULL) {
			assert_true(f->payload >= copy);
			assert_true(f->payload + f->payload_size <= copy + n);
		}
		free(copy);
		if (n < 14)
			assert_int_equal(status, -1);
	}
	assert_int_equal(frame_parse(f, FRAME_ETHERNET, in->bytes, in->n), 0);
}

static void
tcp_over_ipv4(void **state)
{
	struct frames in;
	struct frame f;

	(void)state;
	frames_tcp4(&in, "10.13.37.2", 40000, "198.18.0.2", 23,
	    FRAME_SYN | FRAME_ACK, 0xfffffffe, 5);
	parse_all_lengths(&f, &in);
	assert_true(f.ip && f.ports && !f.fragment);
	assert_addr(&f.src, "10.13.37.2", 40000);
	assert_addr(&f.dst, "198.18.0.2", 23);
	assert_int_equal(f.tcp_flags, FRAME_SYN | FRAME_ACK);
	assert_true(f.tcp_seq == 0xfffffffe);
	assert_int_equal(f.payload_length, 5);
	/* Ethernet's padding is no payload. */
	frames_zeros(&in, 6);
	assert_int_equal(frame_parse(&f, FRAME_ETHERNET, in.bytes, in.n), 0);
	assert_int_equal(f.payload_size, 5);
}

static void
udp_over_vlan_and_ipv6(void **state)
{
	struct frames in;
	struct frame f;

	(void)state;
	frames_ether(&in, 0x86dd, 42);
	frames_ipv6(&in, IPPROTO_HOPOPTS, "fd13:37::2", "2001:2::2", 8 + 12);
	in.bytes[in.n++] = IPPROTO_UDP; /* one extension header of 8 bytes */
	frames_zeros(&in, 7);
	frames_udp(&in, 5353, 53, 4);
	parse_all_lengths(&f, &in);
	assert_int_equal(f.ethertype, 0x86dd);
	assert_int_equal(f.proto, IPPROTO_UDP);
	assert_addr(&f.src, "fd13:37::2", 5353);
	assert_addr(&f.dst, "2001:2::2", 53);
	assert_int_equal(f.payload_length, 4);
}

static void
fragments(void **state)
{
	struct frames in;
	struct frame f;

	(void)state;
	frames_ether(&in, 0x0800, 0);
	frames_ipv4(&in, IPPROTO_UDP, "10.13.37.2", "198.18.0.2", 16, 7,
	    0x2000);
	frames_udp(&in, 1, 2, 8);
	parse_all_lengths(&f, &in);
	assert_true(f.fragment && f.first && f.ports);
	frames_ether(&in, 0x0800, 0);
	frames_ipv4(&in, IPPROTO_UDP, "10.13.37.2", "198.18.0.2", 8, 7, 2);
	frames_zeros(&in, 8);
	parse_all_lengths(&f, &in);
	assert_true(f.fragment && !f.first && !f.ports);
	assert_int_equal(f.fragment_id, 7);
	/* IPv6: a later fragment has no transport header either. */
	frames_ether(&in, 0x86dd, 0);
	frames_ipv6(&in, IPPROTO_FRAGMENT, "fd13:37::2", "2001:2::2", 16);
	in.bytes[in.n++] = IPPROTO_UDP;
	frames_zeros(&in, 1);
	frames_u16(&in, 8 | 1); /* offset 1, more */
	frames_u16(&in, 0);
	frames_u16(&in, 9);
	frames_zeros(&in, 8);
	parse_all_lengths(&f, &in);
	assert_true(f.fragment && !f.first && !f.ports);
	assert_int_equal(f.proto, IPPROTO_UDP);
	assert_int_equal(f.fragment_id, 9);
}

static void
not_ip_and_malformed(void **state)
{
	struct frames in;
	struct frame f;

	(void)state;
	frames_ether(&in, 0x0806, 0); /* ARP */
	frames_zeros(&in, 28);
	parse_all_lengths(&f, &in);
	assert_false(f.ip);
	assert_int_equal(f.ethertype, 0x0806);
	/* A header length below 20, and a version that the type denies. */
	frames_tcp4(&in, "1.2.3.4", 1, "5.6.7.8", 2, 0, 0, 0);
	in.bytes[14] = 0x44;
	assert_int_equal(frame_parse(&f, FRAME_ETHERNET, in.bytes, in.n), -1);
	in.bytes[14] = 0x65;
	assert_int_equal(frame_parse(&f, FRAME_ETHERNET, in.bytes, in.n), -1);
	/* A chain of extension headers without end. */
	frames_ether(&in, 0x86dd, 0);
	frames_ipv6(&in, IPPROTO_DSTOPTS, "::1", "::2", 400);
	for (int i = 0; i < 50; i++) {
		in.bytes[in.n++] = IPPROTO_DSTOPTS;
		frames_zeros(&in, 7);
	}
	parse_all_lengths(&f, &in);
	assert_true(f.ip && !f.ports);
	assert_int_equal(frame_parse(&f, 147, in.bytes, in.n), -1);
}

static void
link_layers(void **state)
{
	struct frames in;
	struct frame f;

	(void)state;
	frames_tcp4(&in, "1.2.3.4", 1, "5.6.7.8", 2, 0, 0, 0);
	assert_int_equal(frame_parse(&f, FRAME_RAW, in.bytes + 14, in.n - 14),
	    0);
	assert_addr(&f.dst, "5.6.7.8", 2);
	/* Linux cooked v2: the ethertype comes first, in 20 bytes. */
	uint8_t sll2[20 + 40] = { 0x08, 0x00 };
	memcpy(sll2 + 20, in.bytes + 14, 40);
	assert_int_equal(frame_parse(&f, FRAME_SLL2, sll2, sizeof sll2), 0);
	assert_addr(&f.src, "1.2.3.4", 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_over_ipv4),
		cmocka_unit_test(udp_over_vlan_and_ipv6),
		cmocka_unit_test(fragments),
		cmocka_unit_test(not_ip_and_malformed),
		cmocka_unit_test(link_layers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
