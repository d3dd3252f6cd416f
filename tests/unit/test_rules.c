/*
 * Policies, greetings and their memory; where a command's targets may lie; a
 * session's caps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <jansson.h>
#include <netinet/in.h>

#include "base/xmalloc.h"
#include "greeter.h"
#include "record/journal.h"
#include "record/run.h"
#include "record/session.h"
#include "rules.h"
#include "script/target.h"
#include "service_gate.h"

static struct addr
place(const char *ip, uint16_t port)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, ip), 0);
	a.port = port;
	return a;
}

static void
test_the_first_policy_that_fits(void **state)
{
	struct rules r = { 0 };
	struct policy net = { .action = POLICY_DROP }, port = { .port_first =
		20, .port_last = 30, .proto = IPPROTO_TCP },
		name = { .action = POLICY_REFUSE };
	struct addr a = place("192.0.2.1", 25), b = place("198.18.0.2", 25);

	(void)state;
	assert_int_equal(addr_prefix_parse(&net.address, "192.0.2.0/24"), 0);
	name.name = xstrdup("*.bad.example");
	rules_add_policy(&r, &net);
	rules_add_policy(&r, &name);
	rules_add_policy(&r, &port);
	assert_ptr_equal(rules_policy(&r, IPPROTO_TCP, &a, NULL),
	    &r.policies[0]);
	assert_ptr_equal(rules_policy(&r, IPPROTO_UDP, &b, "x.BAD.example"),
	    &r.policies[1]);
	assert_ptr_equal(rules_policy(&r, IPPROTO_TCP, &b, "good.example"),
	    &r.policies[2]);
	assert_null(rules_policy(&r, IPPROTO_UDP, &b, NULL));
	b.port = 31;
	assert_null(rules_policy(&r, IPPROTO_TCP, &b, NULL));
	rules_free(&r);
}

static void
test_greetings_are_tried_in_turn(void **state)
{
	struct greeter *g = greeter_new(2);
	struct addr a = place("192.0.2.1", 1), b = place("192.0.2.1", 2),
		c = place("2001:db8::1", 1);
	bool known;

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		size_t n = greeter_choose(g, &a, 3, &known);

		assert_int_equal(n, i % 3);
		assert_false(known);
		greeter_result(g, &a, n, false);
	}
	greeter_result(g, &a, 2, true);
	assert_int_equal(greeter_choose(g, &a, 3, &known), 2);
	assert_true(known);
	/* Another port is another place; a third one drives out the oldest. */
	assert_int_equal(greeter_choose(g, &b, 3, &known), 0);
	assert_int_equal(greeter_choose(g, &c, 3, &known), 0);
	assert_int_equal(greeter_choose(g, &a, 3, &known), 0);
	assert_false(known);
	greeter_free(g);
}

static void
test_targets(void **state)
{
	static const struct {
		const char *text, *bad; /* NULL: allowed */
	} cases[] = {
		{ "!* UDP 198.18.0.1 80 10", NULL },
		{ "!* UDP 10.13.37.2 80 10", NULL },
		{ "!* UDP 8.8.8.8 80 10", "8.8.8.8" },
		{ "get http://93.184.216.34/x", "93.184.216.34" },
		{ "udp 198.18.0.0/15", NULL },
		{ "udp 198.18.0.0/14", "198.18.0.0" },
		{ "flood [2001:db8::1]:80", "2001:db8::1" },
		{ "flood 2001:2::5 and 1.1.1.1", "1.1.1.1" },
		{ "version 1.2.3, at 12:34:56", NULL },
		{ "udp 134744072 9", "8.8.8.8 (134744072)" },
		{ "udp 3323068417 9", NULL },
		{ "udp 0306.022.0.1 9", NULL },
		/* In octal 8.13.37.2. */
		{ "udp 010.13.37.2 9", "8.13.37.2 (010.13.37.2)" },
		{ "", NULL },
	};
	struct target_rules r = { 0 };
	char bad[ADDR_TEXT_SIZE];

	(void)state;
	assert_int_equal(target_allow(&r, "198.18.0.0/15"), 0);
	assert_int_equal(target_allow(&r, "2001:2::/48"), 0);
	assert_int_equal(target_allow(&r, "10.13.37.2"), 0);
	assert_int_equal(target_allow(&r, "10.13.37.2/8"), -1);
	assert_int_equal(target_allow(&r, "example"), -1);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool fine = target_scan(&r, cases[i].text,
		    strlen(cases[i].text), bad);

		if (fine != (cases[i].bad == NULL))
			fail_msg("%s", cases[i].text);
		if (!fine)
			assert_string_equal(bad, cases[i].bad);
	}
}

/* The journal of a folder, as a list of events. */
static json_t *
journal_read(const char *dir)
{
	char *path = xasprintf("%s/session.jsonl", dir), line[65536];
	json_t *events = json_array();
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL) {
		json_t *event = json_loads(line, 0, NULL);

		assert_non_null(event);
		json_array_append_new(events, event);
	}
	fclose(f);
	free(path);
	return events;
}

static void
test_caps_on_what_is_shown(void **state)
{
	char dir[] = "/tmp/kage-rules.XXXXXX", sum[RUN_SHA256_SIZE];
	struct run_limits caps = { 10, 15, 4, 6 };
	struct event_base *base = event_base_new();
	struct addr src = place("10.13.37.2", 4000);
	struct addr dest = place("198.18.0.2", 80);
	struct session a, b;
	json_int_t shown = 0, hidden = 0;
	size_t i, errors = 0;
	json_t *event, *events;

	(void)state;
	assert_non_null(mkdtemp(dir));
	struct run *run = run_open(base, dir, &caps);

	assert_non_null(run);
	session_open(&a, run, IPPROTO_TCP, &src, &dest, "a.example");
	session_open(&b, run, IPPROTO_TCP, &src, &dest, NULL);
	session_data(&a, SESSION_TO_SERVER, "12345678", 8, 0);
	session_data(&a, SESSION_TO_SERVER, "\xff\0" "5678", 6, 0);
	session_data(&a, SESSION_TO_SERVER, "more", 4, 0);
	session_data(&b, SESSION_TO_CLIENT, "12345678", 8, 0);
	assert_int_equal(run_store(run, "1234", 4, sum), 0);
	assert_int_equal(run_store(run, "1234", 4, sum), 0);
	assert_int_equal(run_store(run, "12345", 5, sum), -1);
	assert_int_equal(run_store(run, "123", 3, sum), -1);
	assert_int_equal(run_store(run, "12", 2, sum), 0);
	session_close(&a, "test");
	session_close(&b, "test");
	run_close(run);
	event_base_free(base);
	events = journal_read(dir);
	json_array_foreach(events, i, event) {
		const char *type = json_string_value(json_object_get(event,
		    "event_type"));

		shown += json_integer_value(json_object_get(json_object_get(
		    event, "data"), "length"));
		hidden += json_integer_value(json_object_get(json_object_get(
		    event, "close"), "bytes_not_shown"));
		errors += strcmp(type, "error") == 0;
	}
	assert_int_equal(shown, 15);
	assert_int_equal(hidden, 8 + 6 + 4 + 8 - 15);
	assert_int_equal(errors, 2);
	json_decref(events);
	char *command = xasprintf("rm -r %s", dir);

	assert_int_equal(system(command), 0);
	free(command);
}

/*
 * What the kernel is told: in the order of the policies, up to the last that
 * stops anything; a name is a set for each family.
 */
static void
test_policies_as_rules_of_the_kernel(void **state)
{
#define RULE "add rule inet kagemusha gate"
#define SYN " tcp flags & (fin|syn|rst|ack) == syn"
#define LOG(what) " counter log prefix \"" what "\" group 9000 snaplen 65535 " \
	"queue-threshold 1 "
#define SET(name, type) "add set inet kagemusha " name " { type " type \
	"; }\nflush set inet kagemusha " name "\n"
	static const char want[] =
	    RULE SYN " tcp dport 26-26 counter return\n"
	    RULE " ip daddr 203.0.113.0/24" SYN LOG("drop") "drop\n"
	    RULE " ip daddr 203.0.113.0/24 meta l4proto udp" LOG("drop") "drop\n"
	    SET("name2ip", "ipv4_addr") SET("name2ip6", "ipv6_addr")
	    RULE " ip daddr @name2ip meta l4proto udp udp dport 20-30"
	    LOG("refuse") "goto refuse\n"
	    RULE " ip6 daddr @name2ip6 meta l4proto udp udp dport 20-30"
	    LOG("refuse") "goto refuse\n";
	struct rules r = { 0 };
	struct policy port = { .port_first = 26, .port_last = 26,
		.proto = IPPROTO_TCP, .delay = 1 };
	struct policy net = { .action = POLICY_DROP };
	struct policy name = { .action = POLICY_REFUSE, .port_first = 20,
		.port_last = 30, .proto = IPPROTO_UDP };
	struct policy last = { .port_first = 1, .port_last = 9 };
	char *got = service_gate_commands(&r);

	(void)state;
	assert_string_equal(got, "");
	free(got);
	assert_int_equal(addr_prefix_parse(&net.address, "203.0.113.0/24"), 0);
	name.name = xstrdup("*.bad.example; drop");
	rules_add_policy(&r, &port);
	rules_add_policy(&r, &net);
	rules_add_policy(&r, &name);
	rules_add_policy(&r, &last);
	got = service_gate_commands(&r);
	assert_string_equal(got, want);
	free(got);
	rules_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_policy_that_fits),
		cmocka_unit_test(test_policies_as_rules_of_the_kernel),
		cmocka_unit_test(test_greetings_are_tried_in_turn),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_caps_on_what_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
