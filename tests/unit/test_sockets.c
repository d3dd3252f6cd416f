/*
 * Whose sockets send where: the kernel's histograms and lists, made events.
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

#include "events.h"
#include "sockets.h"

static void
on_failed(void *arg, const char *why)
{
	(void)arg;
	fail_msg("%s", why);
}

static bool
ours(void *arg, int64_t pid)
{
	(void)arg;
	return pid == 86;
}

#define HEAD "# event histogram\n#\n# trigger info: hist:keys=common_pid,dst," \
	"sport:vals=hitcount:sort=hitcount:size=4096 if iif == 1 && "

static void
events_of(void **state)
{
	static const char *const parts[] = {
		HEAD "proto == 17 [active]\n#\n\n"
		"{ common_pid:         86, dst:  150999750, sport:      40030 } "
		"hitcount:        100\n"
		/* Not the sample's; no line of it at all; a line cut short. */
		"{ common_pid:         87, dst:  150999750, sport:      40030 } "
		"hitcount:        100\n"
		"Totals:\n    Hits: 200\n{ common_pid: \n",
		HEAD "proto == 6 && sport != 0 [active]\n"
		"{ common_pid:         86, dst:   16777343, sport:         99 } "
		"hitcount:          1\n"
		"{ common_pid:         86, dst:   16777343, proto:          1 } "
		"hitcount:          2\n",
		/* Known better already; a port more; an address more. */
		"sock 86 UDP 0.0.0.0 40030 0.0.0.0 0\n"
		"sock 86 UDP 0.0.0.0 5 0.0.0.0 0\n"
		"sock 86 TCP 2001:db8::2 6 2001:db8::1 443\n"
		"sock 86 TCP 2001:db8::2 6 2001:db8::1 443\n"
		"sock 86 TCP 10.13.37.2 0 \n",
		/* More of the first: told at the end. */
		HEAD "proto == 17 [active]\n#\n\n"
		"{ common_pid:         86, dst:  150999750, sport:      40030 } "
		"hitcount:        900\n",
	};
	static const char *const want[] = {
		"{\"proto\":\"UDP\",\"src_port\":40030,\"dest_ip\":"
		"\"198.18.0.9\",\"sent\":100}",
		"{\"proto\":\"TCP\",\"src_port\":99,\"dest_ip\":\"127.0.0.1\","
		"\"sent\":1}",
		"{\"proto\":\"ICMP\",\"dest_ip\":\"127.0.0.1\",\"sent\":2}",
		"{\"proto\":\"UDP\",\"src_port\":5}",
		"{\"proto\":\"TCP\",\"src_ip\":\"2001:db8::2\",\"src_port\":6,"
		"\"dest_ip\":\"2001:db8::1\",\"dest_port\":443}",
		"{\"proto\":\"UDP\",\"src_port\":40030,\"dest_ip\":"
		"\"198.18.0.9\",\"sent\":900}",
	};
	char dir[] = "/tmp/kage-unit.XXXXXX", path[64], line[4096];
	struct event_base *base = event_base_new();
	struct events *events;
	struct sockets *s;
	size_t n = 0;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	events = events_new(base, dir, on_failed, NULL);
	s = sockets_new(events, ours, NULL);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		for (size_t at = 0, k; at < strlen(parts[i]); at += k) {
			k = strlen(parts[i]) - at;
			k = k < 50 ? k : 50;
			sockets_take(s, parts[i] + at, k);
		}
	sockets_write(s);
	sockets_free(s);
	events_free(events);
	event_base_free(base);
	snprintf(path, sizeof path, "%s/device.jsonl", dir);
	f = fopen(path, "r");
	while (fgets(line, sizeof line, f) != NULL) {
		json_t *j = json_loads(line, 0, NULL);
		char *text = json_dumps(json_object_get(j, "socket"),
		    JSON_COMPACT | JSON_PRESERVE_ORDER);

		assert_true(n < sizeof want / sizeof *want);
		assert_string_equal(text, want[n++]);
		assert_int_equal(json_integer_value(json_object_get(j, "pid")),
		    86);
		free(text);
		json_decref(j);
	}
	assert_int_equal(n, sizeof want / sizeof *want);
	fclose(f);
	unlink(path);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
