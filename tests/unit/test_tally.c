/*
 * System calls counted: as shown, and as the kernel's histogram has them.
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
#include "tally.h"

static void
on_failed(void *arg, const char *why)
{
	(void)arg;
	fail_msg("%s", why);
}

/* The kernel's names become strace's, and only the sample's calls count. */
static void
histogram(void **state)
{
	static const char text[] = "# trigger info: hist:keys=id\n"
	    "{ id: sys_mmap_pgoff         [192], common_pid:  7 } hitcount: 2\n"
	    "{ id: sys_rt_sigaction       [174], common_pid:  8 } hitcount: 3\n"
	    "{ id: sys_clock_nanosleep_time32 [267], common_pid: 7 } hitcount: "
	    "          4\n"
	    "{ id: sys_socketcall         [102], common_pid:  7 } hitcount: 5\n"
	    "{ id: sys_select             [142], common_pid:  7 } hitcount: 6\n"
	    "{ id: sys_select             [ 23], common_pid:  7 } hitcount: 7\n"
	    "{ id: sys_getrlimit          [191], common_pid:  7 } hitcount: 8\n"
	    "{ id: sys_brk                [ 45], common_pid:  9 } hitcount: 9\n"
	    "Totals:\n    Hits: 44\n";
	char dir[] = "/tmp/kage-unit.XXXXXX", path[64], line[4096];
	struct event_base *base = event_base_new();
	struct tally *t = tally_new();
	struct events *events;
	json_t *j, *want;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	events = events_new(base, dir, on_failed, NULL);
	tally_call(t, (struct text) { "send", 4 }, 102, 7);
	/* Shown under another name than the table has: that one counts. */
	tally_call(t, (struct text) { "getrlimit", 9 }, 191, 7);
	tally_process(t, 8);
	tally_apart(t, 8);
	for (size_t at = 0, k; at < sizeof text - 1; at += k) {
		k = sizeof text - 1 - at < 7 ? sizeof text - 1 - at : 7;
		tally_kernel(t, text + at, k);
	}
	tally_write(t, events);
	tally_free(t);
	events_free(events);
	event_base_free(base);
	snprintf(path, sizeof path, "%s/device.jsonl", dir);
	f = fopen(path, "r");
	assert_non_null(fgets(line, sizeof line, f));
	fclose(f);
	unlink(path);
	rmdir(dir);
	j = json_loads(line, 0, NULL);
	want = json_pack("{s:{s:i,s:i},s:{s:i,s:i,s:i,s:i,s:i,s:i,s:i},"
	    "s:{s:{s:i}},s:i}",
	    "syscalls", "send", 1, "getrlimit", 1, "kernel", "mmap2", 2,
	    "rt_sigaction", 3, "clock_nanosleep", 4, "socketcall", 5,
	    "_newselect", 6, "select", 7, "getrlimit", 8, "processes",
	    "8", "rt_sigaction", 3, "lost", 0);
	assert_true(json_equal(json_object_get(j, "stats"), want));
	json_decref(j);
	json_decref(want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(histogram),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
