/*
 * record/flows: what a flow's line says, when it ends, and that a flood
 * can't fill the table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <jansson.h>

#include "frames.h"
#include "record/flow_names.h"
#include "record/flows.h"

#define T0 INT64_C(1700000000000000000)
#define S INT64_C(1000000000)

struct lines {
	json_t *all; /* array */
};

static void
lines_add(void *arg, const char *line, size_t n)
{
	struct lines *l = arg;
	json_t *o = json_loadb(line, n, 0, NULL);

	assert_non_null(o);
	assert_int_equal(line[n - 1], '\n');
	json_array_append_new(l->all, o);
}

static int
setup(void **state)
{
	static struct lines l;

	l.all = json_array();
	*state = &l;
	return 0;
}

static int
teardown(void **state)
{
	struct lines *l = *state;

	json_decref(l->all);
	return 0;
}

static void
feed(struct flows *f, int64_t wall, const struct frames *in)
{
	struct frame frame;

	assert_int_equal(frame_parse(&frame, FRAME_ETHERNET, in->bytes, in->n),
	    0);
	flows_packet(f, wall, &frame, (uint32_t)in->n);
}

/* The i-th line's value at "key" or "key.key", as text. */
static const char *
at(struct lines *l, size_t i, const char *path)
{
	static char text[4][128];
	static unsigned turn;
	char *out = text[turn++ % 4];
	json_t *v = json_array_get(l->all, i);
	char key[64];

	assert_non_null(v);
	snprintf(key, sizeof key, "%s", path);
	char *dot = strchr(key, '.');
	if (dot != NULL)
		*dot = '\0';
	v = json_object_get(v, key);
	if (dot != NULL)
		v = json_object_get(v, dot + 1);
	if (v == NULL)
		return "";
	if (json_is_string(v))
		return json_string_value(v);
	snprintf(out, 128, "%.15g",
	    json_is_true(v) ? 1.0 : json_number_value(v));
	return out;
}

static void
a_tcp_connection(void **state)
{
	struct lines *l = *state;
	struct flows *f = flows_new(&flows_defaults, lines_add, l);
	struct frames up, down;
	struct addr dst;

	assert_int_equal(addr_parse(&dst, "198.18.0.2"), 0);
	flows_name(f, &dst, "cnc.example");
	frames_tcp4(&up, "10.13.37.2", 4000, "198.18.0.2", 23, FRAME_SYN, 1, 0);
	feed(f, T0, &up);
	frames_tcp4(&down, "198.18.0.2", 23, "10.13.37.2", 4000,
	    FRAME_SYN | FRAME_ACK, 9, 0);
	feed(f, T0 + 1000, &down);
	flows_tick(f, T0 + S / 2);
	assert_int_equal(json_array_size(l->all), 0);
	flows_tick(f, T0 + S);
	assert_int_equal(json_array_size(l->all), 1);
	assert_string_equal(at(l, 0, "flow.state"), "open");
	/* Nothing new: no further line. */
	flows_tick(f, T0 + 3 * S);
	assert_int_equal(json_array_size(l->all), 1);
	frames_tcp4(&up, "10.13.37.2", 4000, "198.18.0.2", 23,
	    FRAME_FIN | FRAME_ACK, 2, 100);
	feed(f, T0 + 4 * S, &up);
	frames_tcp4(&down, "198.18.0.2", 23, "10.13.37.2", 4000,
	    FRAME_FIN | FRAME_ACK, 10, 0);
	feed(f, T0 + 4 * S, &down);
	flows_tick(f, T0 + 6 * S);
	assert_int_equal(json_array_size(l->all), 2);
	assert_string_equal(at(l, 1, "flow.state"), "closed");
	assert_string_equal(at(l, 1, "flow_id"), at(l, 0, "flow_id"));
	assert_string_equal(at(l, 1, "src_ip"), "10.13.37.2");
	assert_string_equal(at(l, 1, "dest_port"), "23");
	assert_string_equal(at(l, 1, "name"), "cnc.example");
	assert_string_equal(at(l, 1, "proto"), "TCP");
	assert_string_equal(at(l, 1, "flow.pkts_toserver"), "2");
	assert_string_equal(at(l, 1, "flow.bytes_toserver"), "208");
	assert_string_equal(at(l, 1, "flow.bytes_toclient"), "108");
	assert_string_equal(at(l, 1, "flow.peak_pps"), "2");
	assert_string_equal(at(l, 1, "flow.age"), "4");
	assert_string_equal(at(l, 1, "tcp.syn"), "2");
	assert_string_equal(at(l, 1, "tcp.fin"), "2");
	flows_stop(f);
	assert_int_equal(json_array_size(l->all), 2);
	flows_free(f);
}

static void
the_same_ports_again(void **state)
{
	struct lines *l = *state;
	struct flows *f = flows_new(&flows_defaults, lines_add, l);
	struct frames in;

	frames_tcp4(&in, "10.13.37.2", 4000, "198.18.0.2", 23, FRAME_SYN, 1, 0);
	feed(f, T0, &in);
	feed(f, T0 + S, &in); /* repeated, no answer: still the same */
	frames_tcp4(&in, "198.18.0.2", 23, "10.13.37.2", 4000, FRAME_RST, 0, 0);
	feed(f, T0 + S, &in);
	frames_tcp4(&in, "10.13.37.2", 4000, "198.18.0.2", 23, FRAME_SYN, 5, 0);
	feed(f, T0 + S, &in);
	flows_stop(f);
	assert_int_equal(json_array_size(l->all), 2);
	assert_string_equal(at(l, 0, "flow_id"), "1");
	assert_string_equal(at(l, 0, "flow.state"), "closed");
	assert_string_equal(at(l, 0, "flow.pkts_toserver"), "2");
	assert_string_equal(at(l, 1, "flow_id"), "2");
	assert_string_equal(at(l, 1, "flow.pkts_toserver"), "1");
	assert_string_equal(at(l, 1, "flow.state"), "stopped");
	flows_free(f);
}

static void
echo_and_its_reply(void **state)
{
	struct lines *l = *state;
	struct flows *f = flows_new(&flows_defaults, lines_add, l);
	struct frames in;

	for (int i = 0; i < 2; i++) {
		frames_ether(&in, 0x0800, 0);
		frames_ipv4(&in, IPPROTO_ICMP, i ? "198.18.0.9" : "10.13.37.2",
		    i ? "10.13.37.2" : "198.18.0.9", 8, 0, 0);
		frames_u16(&in, i ? 0x0000 : 0x0800);
		frames_zeros(&in, 6);
		feed(f, T0, &in);
	}
	flows_stop(f);
	assert_int_equal(json_array_size(l->all), 1);
	assert_string_equal(at(l, 0, "proto"), "ICMP");
	assert_string_equal(at(l, 0, "icmp_type"), "8");
	assert_string_equal(at(l, 0, "dest_port"), "");
	assert_string_equal(at(l, 0, "flow.pkts_toclient"), "1");
	flows_free(f);
}

static void
fragments_join_their_flow(void **state)
{
	struct lines *l = *state;
	struct flows *f = flows_new(&flows_defaults, lines_add, l);
	struct frames in;

	frames_ether(&in, 0x0800, 0);
	frames_ipv4(&in, IPPROTO_UDP, "10.13.37.2", "198.18.0.2", 16, 7,
	    0x2000);
	frames_udp(&in, 1000, 2000, 8);
	feed(f, T0, &in);
	frames_ether(&in, 0x0800, 0);
	frames_ipv4(&in, IPPROTO_UDP, "10.13.37.2", "198.18.0.2", 8, 7, 2);
	frames_zeros(&in, 8);
	feed(f, T0, &in);
	flows_stop(f);
	assert_int_equal(json_array_size(l->all), 1);
	assert_string_equal(at(l, 0, "dest_port"), "2000");
	assert_string_equal(at(l, 0, "flow.pkts_toserver"), "2");
	assert_string_equal(at(l, 0, "fragments"), "1");
	flows_free(f);
}

/* Every packet of a flood is counted, in few lines. */
static void
a_flood(void **state)
{
	static const struct flows_limits small = { .flows = 60,
		.per_destination = 50, .destinations = 20, .names = 1,
		.interim = 5 };
	struct lines *l = *state;
	struct flows *f = flows_new(&small, lines_add, l);
	uint64_t sent = 0, counted = 0;
	struct frames in;
	char src[32];

	for (unsigned i = 0; i < 5000; i++) {
		snprintf(src, sizeof src, "10.%u.%u.7", i >> 8, i & 255);
		frames_tcp4(&in, src, 1000 + i, "198.18.0.1", 80, FRAME_SYN, i,
		    0);
		feed(f, T0, &in);
		sent++;
	}
	/* Then a scan of as many hosts. */
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(src, sizeof src, "198.19.%u.%u", i >> 8, i & 255);
		frames_tcp4(&in, "10.13.37.2", 1000, src, 23, FRAME_SYN, i, 0);
		feed(f, T0, &in);
		sent++;
	}
	flows_tick(f, T0 + S);
	assert_true(json_array_size(l->all) <= 5 + 5);
	size_t interim = json_array_size(l->all);
	flows_stop(f);
	size_t n = json_array_size(l->all);
	assert_true(n - interim <= 60 + 20 + 1);
	for (size_t i = interim; i < n; i++) {
		json_t *o = json_object_get(json_array_get(l->all, i), "flow");

		counted += (uint64_t)json_integer_value(
		    json_object_get(o, "pkts_toserver"));
	}
	assert_true(counted == sent);
	assert_true(flows_counts(f).aggregated == sent - 60);
	flows_free(f);
}

static void
silence_ends_datagrams(void **state)
{
	struct lines *l = *state;
	struct flows *f = flows_new(&flows_defaults, lines_add, l);
	struct frames in;

	frames_ether(&in, 0x86dd, 0);
	frames_ipv6(&in, IPPROTO_UDP, "fd13:37::2", "2001:2::2", 12);
	frames_udp(&in, 1000, 2000, 4);
	feed(f, T0, &in);
	flows_tick(f, T0 + 60 * S);
	assert_int_equal(json_array_size(l->all), 1);
	assert_string_equal(at(l, 0, "flow.state"), "idle");
	feed(f, T0 + 61 * S, &in);
	flows_packet(f, T0 + 61 * S, NULL, 60);
	flows_stop(f);
	assert_string_equal(at(l, 1, "flow_id"), "2");
	assert_true(flows_counts(f).other == 1);
	flows_free(f);
}

/* "CnC.example" asked over UDP; the answer goes through a CNAME. */
static void
names_from_dns(void **state)
{
	static const uint8_t answer[] =
	    "\0\1\x81\x80\0\1\0\2\0\0\0\0\3CnC\7example\0\0\1\0\1"
	    "\xc0\x0c\0\5\0\1\0\0\0\1\0\4\1x\xc0\x10"
	    "\xc0\x29\0\1\0\1\0\0\0\1\0\4\xc6\x12\0\2";
	struct lines *l = *state;
	struct flows *f = flows_new(&flows_defaults, lines_add, l);
	struct frames in;
	struct frame frame;

	for (size_t cut = 0; cut < sizeof answer; cut++) {
		frames_ether(&in, 0x0800, 0);
		frames_ipv4(&in, IPPROTO_UDP, "8.8.8.8", "10.13.37.2",
		    8 + cut, 0, 0);
		frames_udp(&in, 53, 4000, cut);
		memcpy(in.bytes + in.n - cut, answer, cut);
		assert_int_equal(frame_parse(&frame, FRAME_ETHERNET, in.bytes,
				     in.n),
		    0);
		flow_names_learn(f, &frame);
	}
	frames_tcp4(&in, "10.13.37.2", 4000, "198.18.0.2", 23, FRAME_SYN, 1, 0);
	feed(f, T0, &in);
	flows_stop(f);
	assert_string_equal(at(l, 0, "name"), "cnc.example");
	flows_free(f);
}

int
main(void)
{
#define FLOWS_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		FLOWS_TEST(a_tcp_connection),
		FLOWS_TEST(the_same_ports_again),
		FLOWS_TEST(echo_and_its_reply),
		FLOWS_TEST(fragments_join_their_flow),
		FLOWS_TEST(a_flood),
		FLOWS_TEST(silence_ends_datagrams),
		FLOWS_TEST(names_from_dns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
