/*
 * From strace's lines to events: which processes are the sample's, calls in
 * two halves, and children behind the fork that made them.
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
#include "tracer.h"

static int tracer_started, tracer_ended;

static void
on_started(void *arg, int64_t wall, int64_t pid)
{
	(void)arg;
	(void)wall;
	assert_int_equal(pid, 11);
	tracer_started++;
}

static void
on_ended(void *arg)
{
	(void)arg;
	tracer_ended++;
}

static void
on_failed(void *arg, const char *why)
{
	(void)arg;
	fail_msg("%s", why);
}

/*
 * Feeds text in pieces and returns what came out, one short word an event:
 * "pid name=ret" or "pid action:detail". The caller frees it.
 */
static bool play_emulated;

static char *
play(const char *text, size_t piece)
{
	static const struct tracer_callbacks cb = { on_started, on_ended, NULL };
	char dir[] = "/tmp/kage-unit.XXXXXX", path[64], line[4096];
	struct guestclock clock = { .wall = 1000000000, .known = true };
	struct event_base *base = event_base_new();
	struct events *events;
	struct tracer *t;
	char *out = NULL;
	size_t size;
	FILE *f, *o = open_memstream(&out, &size);

	assert_non_null(mkdtemp(dir));
	events = events_new(base, dir, on_failed, NULL);
	t = tracer_new(events, &clock, NULL, "/tmp/bot", &cb, NULL);
	if (play_emulated)
		tracer_emulated(t);
	for (size_t n = strlen(text); n > 0;) {
		size_t k = piece < n ? piece : n;

		tracer_strace(t, text, k);
		text += k;
		n -= k;
	}
	tracer_ring(t, "\0\0\0\0", 4);
	tracer_free(t);
	events_free(events);
	event_base_free(base);
	snprintf(path, sizeof path, "%s/device.jsonl", dir);
	f = fopen(path, "r");
	while (fgets(line, sizeof line, f) != NULL) {
		json_t *j = json_loads(line, 0, NULL), *d;
		const char *type, *name, *info = "";
		json_int_t pid, ret = -99, child = 0;
		json_t *arg;
		size_t i;

		assert_non_null(j);
		assert_int_equal(json_unpack(j, "{s:s,s:I}", "event_type",
		    &type, "pid", &pid), 0);
		d = json_object_get(j, type);
		if (strcmp(type, "syscall") == 0) {
			assert_int_equal(json_unpack(d, "{s:s,s?I}", "name",
			    &name, "ret", &ret), 0);
			fprintf(o, "%d %s=%d\n", (int)pid, name, (int)ret);
		} else {
			assert_int_equal(json_unpack(d,
			    "{s:s,s?I,s?I,s?s,s?s}", "action", &name, "child",
			    &child, "status", &child, "signal", &info, "path",
			    &info), 0);
			fprintf(o, "%d %s:%d%s", (int)pid, name, (int)child,
			    info);
			json_array_foreach(json_object_get(d, "argv"), i, arg)
				fprintf(o, " %s", json_string_value(arg));
			fputc('\n', o);
		}
		json_decref(j);
	}
	fclose(f);
	fclose(o);
	unlink(path);
	rmdir(dir);
	return out;
}

#define AT " 1000.000001 "

/* The launcher's calls are not the sample's. */
#define LAUNCH \
	"9" AT "[ 11] execve(\"/init\", [\"/init\"], 0) = 0 <0.1>\n" \
	"9" AT "[120] clone(flags=0) = 10 <0.1>\n" \
	"9" AT "[252] exit_group(0) = ?\n" \
	"9" AT "+++ exited with 0 +++\n" \
	"11" AT "[346] setns(3, 0) = 0 <0.1>\n" \
	"11" AT "[ 11] execve(\"/tmp/bot\", [\"bot\"], 0 /* 2 vars */) = 0 " \
	"<0.1>\n"

static void
dialogues(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ LAUNCH "11" AT "[ 20] getpid() = 3 /* 11 in strace's PID NS "
		    "*/ <0.1>\n11" AT "+++ exited with 7 +++\n",
		    "11 exec:0/tmp/bot bot\n11 execve=0\n11 getpid=3\n"
		    "11 exit:7\n" },
		/* A call in two halves, its stamp that of the first. */
		{ LAUNCH "11" AT "[  3] read(3<pipe:[5]>,  <unfinished ...>\n"
		    "11" AT "[  3] <... read resumed>\"x\", 1) = 1 <0.1>\n",
		    "11 exec:0/tmp/bot bot\n11 execve=0\n11 read=1\n" },
		/* The child is seen before its fork has returned. */
		{ LAUNCH "11" AT "[120] clone(flags=0 <unfinished ...>\n"
		    "12" AT "[ 66] setsid() = 4 <0.1>\n"
		    "12" AT "[  3] read(3,  <unfinished ...>\n"
		    "11" AT "[120] <... clone resumed>) = 4 /* 12 in strace's "
		    "PID NS */ <0.1>\n"
		    "12" AT "[  3] <... read resumed>\"\", 1) = 0 <0.1>\n"
		    "12" AT "+++ killed by SIGKILL +++\n",
		    "11 exec:0/tmp/bot bot\n11 execve=0\n11 clone=4\n11 fork:12\n"
		    "12 setsid=4\n12 read=0\n12 killed:0SIGKILL\n" },
		/* Killed in the middle of a call. */
		{ LAUNCH "11" AT "[114] wait4(-1,  <unfinished ...>\n"
		    "11" AT "+++ killed by SIGKILL +++\n",
		    "11 exec:0/tmp/bot bot\n11 execve=0\n11 wait4=-99\n"
		    "11 killed:0SIGKILL\n" },
		/* Nobody ever names its father: nothing is lost. */
		{ LAUNCH "14" AT "[ 66] setsid() = 4 <0.1>\n# end of stream\n",
		    "11 exec:0/tmp/bot bot\n11 execve=0\n14 setsid=4\n" },
		/* A program that has no name any more, or never had one. */
		{ LAUNCH "11" AT "[358] execveat(4</memfd:x>(deleted), \"\", "
		    "[\"sshd\", \"-D\"], 0xb /* 0 vars */, AT_EMPTY_PATH) = 0 "
		    "<0.1>\n",
		    "11 exec:0/tmp/bot bot\n11 execve=0\n"
		    "11 exec:0/memfd:x sshd -D\n11 execveat=0\n" },
		{ LAUNCH "11" AT "[358] execveat(4</bin>, \"x\", [\"y\"], 0xb, 0) "
		    "= 0 <0.1>\n",
		    "11 exec:0/tmp/bot bot\n11 execve=0\n"
		    "11 exec:0x y\n11 execveat=0\n" },
	};
	static const size_t pieces[] = { 1, 7, 100000 };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t p = 0; p < 3; p++) {
			char *out;

			tracer_started = 0;
			out = play(cases[i].in, pieces[p]);
			assert_string_equal(out, cases[i].out);
			assert_int_equal(tracer_started, 1);
			free(out);
		}
	}
}

/*
 * Under qemu-user: its start, its thread and what it does after a fork are not
 * the sample's.
 */
static void
emulated(void **state)
{
	char *out;

	(void)state;
	play_emulated = true;
	out = play(LAUNCH
	    "11" AT "[ 59] execve(\"/lib/emulator/ld.so\", [], 0) = 0 <0.1>\n"
	    "11" AT "[ 12] brk(NULL) = 0x55 <0.1>\n"
	    "11" AT "[435] clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 4 "
	    "/* 12 in strace's PID NS */ <0.1>\n"
	    "12" AT "[230] clock_nanosleep(CLOCK_REALTIME, 0, 0, 0) = 0 <0.1>\n"
	    "11" AT "[ 13] rt_sigaction(SIGRT_32, NULL, {}, 8) = 0 <0.1>\n"
	    "11" AT "[ 13] rt_sigaction(SIGRT_32, {}, NULL, 8) = 0 <0.1>\n"
	    "11" AT "[ 13] rt_sigaction(SIGPIPE, {}, NULL, 8) = 0 <0.1>\n"
	    "12" AT "[202] futex(0, FUTEX_WAIT) = 0 <0.1>\n"
	    "11" AT "[ 56] clone(flags=SIGCHLD) = 5 /* 13 in strace's PID NS "
	    "*/ <0.1>\n"
	    "13" AT "[273] set_robust_list(0, 24) = 0 <0.1>\n"
	    "13" AT "[435] clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 6 "
	    "/* 14 in strace's PID NS */ <0.1>\n"
	    "13" AT "[ 41] socket(AF_INET, SOCK_STREAM, 0) = 3 <0.1>\n"
	    "14" AT "[202] futex(0, FUTEX_WAIT) = 0 <0.1>\n"
	    "11" AT "[ 59] execve(\"/bin/x\", [], 0) = 0 <0.1>\n"
	    "11" AT "[ 12] brk(NULL) = 0x55 <0.1>\n"
	    "11" AT "[ 42] connect(3, {}, 16) = 0 <0.1>\n"
	    "11" AT "[ 12] brk(NULL) = 0x55 <0.1>\n", 100);
	assert_string_equal(out, "11 exec:0/tmp/bot bot\n11 execve=0\n"
	    "11 rt_sigaction=0\n11 clone=5\n11 fork:13\n13 socket=3\n"
	    "11 exec:0/bin/x\n11 execve=0\n11 connect=0\n11 brk=85\n");
	free(out);
	play_emulated = false;
}

/* A sample that can't be executed is none that started. */
static void
refused(void **state)
{
	char *out;

	(void)state;
	tracer_started = 0;
	out = play("11" AT "[ 11] execve(\"/tmp/bot\", [\"bot\"], 0) = -1 "
	    "ENOEXEC (Exec format error) <0.1>\n"
	    "11" AT "+++ exited with 126 +++\n", 1000);
	assert_string_equal(out, "");
	assert_int_equal(tracer_started, 0);
	free(out);
}

/* The end is when both streams have ended, and only once. */
static void
endings(void **state)
{
	(void)state;
	tracer_ended = 0;
	free(play("# end of stream\n", 3));
	assert_int_equal(tracer_ended, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dialogues),
		cmocka_unit_test(emulated),
		cmocka_unit_test(refused),
		cmocka_unit_test(endings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
