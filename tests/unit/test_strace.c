/*
 * Lines of strace 6.1 as they came out of i386 programs, taken apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "straceargs.h"

static void
text_equal(struct text t, const char *want)
{
	char have[1024];

	snprintf(have, sizeof have, "%.*s", (int)t.n, t.n > 0 ? t.at : "");
	assert_string_equal(have, want);
}

#define T "12269 1795376657.215847 "

static void
lines(void **state)
{
	static const struct {
		const char *line;
		enum strace_kind kind;
		int64_t nr;
		const char *name, *args, *ret, *error;
		int64_t value; /* -99 for none */
		double duration;
	} cases[] = {
		{ T "[  45] brk(NULL) = 0x9650000 <0.000074>", STRACE_CALL, 45,
		    "brk", "NULL", "0x9650000", "", 0x9650000, 0.000074 },
		{ T "[  20] getpid() = 1 /* 12269 in strace's PID NS */ "
		    "<0.000014>", STRACE_CALL, 20, "getpid", "",
		    "1 /* 12269 in strace's PID NS */", "", 1, 0.000014 },
		{ T "[   3] read(99, 0xff84f19b, 1) = -1 EBADF (Bad file "
		    "descriptor) <0.000015>", STRACE_CALL, 3, "read",
		    "99, 0xff84f19b, 1", "-1 EBADF (Bad file descriptor)",
		    "EBADF", -1, 0.000015 },
		{ T "[ 252] exit_group(0)                    = ?", STRACE_CALL,
		    252, "exit_group", "0", "?", "", -99, -1 },
		{ T "[ 168] poll([{fd=3, events=POLLIN}], 1, 10) = ? "
		    "ERESTART_RESTARTBLOCK (Interrupted by signal) <0.01>",
		    STRACE_CALL, 168, "poll", "[{fd=3, events=POLLIN}], 1, 10",
		    "? ERESTART_RESTARTBLOCK (Interrupted by signal)",
		    "ERESTART_RESTARTBLOCK", -99, 0.01 },
		{ T "[   4] write(7</tmp/a\\76b \\\"q(\\nz>, \"h)\\\"i\", 2) = 2 "
		    "<0.000032>", STRACE_CALL, 4, "write",
		    "7</tmp/a\\76b \\\"q(\\nz>, \"h)\\\"i\", 2", "2", "", 2,
		    0.000032 },
		{ T "[ 114] wait4(-1,  <unfinished ...>", STRACE_UNFINISHED,
		    114, "wait4", "-1, ", "", "", -99, -1 },
		{ T "[ 114] <... wait4 resumed>NULL, 0, NULL) = 3 <0.024669>",
		    STRACE_RESUMED, 114, "wait4",
		    "NULL, 0, NULL) = 3 <0.024669>", "", "", -99, -1 },
		{ T "[ 252] +++ exited with 3 +++", STRACE_EXITED, 252, "", "",
		    "", "", 3, -1 },
		{ T "+++ killed by SIGSEGV (core dumped) +++", STRACE_KILLED,
		    -1, "SIGSEGV", "", "", "", -99, -1 },
		{ T "[ 114] --- SIGCHLD {si_signo=SIGCHLD, si_pid=3} ---",
		    STRACE_SIGNAL, 114, "SIGCHLD",
		    "{si_signo=SIGCHLD, si_pid=3}", "", "", -99, -1 },
		{ T "[????] foo(1) = 0 <0.1>", STRACE_CALL, -1, "foo", "1",
		    "0", "", 0, 0.1 },
		{ "", STRACE_OTHER, -1, "", "", "", "", -99, -1 },
		{ "strace: Process 9 attached", STRACE_OTHER, -1, "", "", "",
		    "", -99, -1 },
		{ T "[   3] read(3, \"never ends", STRACE_OTHER, 3, "read", "",
		    "", "", -99, -1 },
		{ T "[   3] read(((((((((((((((((((((((((((((((((((((((((((",
		    STRACE_OTHER, 3, "read", "", "", "", -99, -1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct strace_line l;

		strace_parse(&l, cases[i].line, strlen(cases[i].line));
		assert_int_equal(l.kind, cases[i].kind);
		if (l.kind == STRACE_OTHER)
			continue;
		assert_int_equal(l.pid, 12269);
		assert_int_equal(l.time, 1795376657215847000);
		assert_int_equal(l.nr, cases[i].nr);
		text_equal(l.name, cases[i].name);
		text_equal(l.args, cases[i].args);
		text_equal(l.ret, cases[i].ret);
		text_equal(l.error, cases[i].error);
		assert_int_equal(l.has_value, cases[i].value != -99);
		if (l.has_value)
			assert_int_equal(l.value, cases[i].value);
		assert_true(l.duration > cases[i].duration - 1e-9 &&
		    l.duration < cases[i].duration + 1e-9);
	}
}

/* Where a call has descriptor, socket, path and bytes. */
static void
details(void **state)
{
	static const struct {
		const char *line;
		int64_t fd; /* -1 for none */
		const char *proto, *local, *remote; /* "ip port" or "" */
		const char *path, *bytes; /* NULL for none */
		size_t bytes_n;
		int64_t length;
	} cases[] = {
		{ T "[ 102] socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) = "
		    "3<UDP:[20775]> <0.000078>", 3, "UDP", "", "", NULL, NULL,
		    0, 0 },
		{ T "[ 102] sendto(3<UDP:[0.0.0.0:38524]>, "
		    "\"\\x61\\x62\\x0a\\x22\\x63\\x00\\x01\\xff\", 8, 0, "
		    "{sa_family=AF_INET, sin_port=htons(9), "
		    "sin_addr=inet_addr(\"198.18.0.1\")}, 16) = 8 <0.000916>",
		    3, "UDP", "0.0.0.0 38524", "198.18.0.1 9", NULL,
		    "ab\n\"c\0\1\xff", 8, 8 },
		{ T "[ 102] send(3<TCP:[10.13.37.2:39272->203.0.113.77:4444]>, "
		    "\"hello\\n\", 6, 0) = 6 <0.00008>", 3, "TCP",
		    "10.13.37.2 39272", "203.0.113.77 4444", NULL, "hello\n",
		    6, 6 },
		{ T "[ 102] connect(4<TCPv6:[20777]>, {sa_family=AF_INET6, "
		    "sin6_port=htons(9), sin6_flowinfo=htonl(0), "
		    "inet_pton(AF_INET6, \"2001:2::1\", &sin6_addr), "
		    "sin6_scope_id=0}, 28) = -1 EHOSTUNREACH (No route to "
		    "host) <1.017953>", 4, "TCP", "", "2001:2::1 9", NULL,
		    NULL, 0, 0 },
		{ T "[ 102] recv(3<TCPv6:[[fd13:37::2]:1234->[2001:2::2]:23]>, "
		    "\"!* UDP 1\\n\", 512, 0) = 9 <0.1>", 3, "TCP",
		    "fd13:37::2 1234", "2001:2::2 23", NULL, "!* UDP 1\n", 9,
		    9 },
		/* Cut short by strace: the length is what was moved. */
		{ T "[   4] write(1<pipe:[5]>, \"abc\"..., 4096) = 4096 <0.1>",
		    1, "", "", "", NULL, "abc", 3, 4096 },
		/* Only a part was sent: no more of it is shown. */
		{ T "[ 102] send(3<TCP:[7]>, \"abcdef\", 6, 0) = 2 <0.1>", 3,
		    "TCP", "", "", NULL, "ab", 2, 2 },
		/* Nothing came: the buffer's old contents are no news. */
		{ T "[ 102] recv(3<TCP:[7]>, 0x8050000, 512, 0) = -1 EAGAIN "
		    "(Resource temporarily unavailable) <0.1>", 3, "TCP", "",
		    "", NULL, NULL, 0, 0 },
		{ T "[ 370] sendmsg(3<UDP:[10.13.37.2:5->8.8.8.8:53]>, "
		    "{msg_name={sa_family=AF_INET, sin_port=htons(53), "
		    "sin_addr=inet_addr(\"8.8.8.8\")}, msg_namelen=16, "
		    "msg_iov=[{iov_base=\"ab\", iov_len=2}, {iov_base=\"c\", "
		    "iov_len=1}], msg_iovlen=2}, 0) = 3 <0.1>", 3, "UDP",
		    "10.13.37.2 5", "8.8.8.8 53", NULL, "abc", 3, 3 },
		{ T "[ 295] openat(AT_FDCWD</tmp>, \"/tmp/a>b \\\"q\\nz\", "
		    "O_RDWR|O_CREAT, 0600) = 7</tmp/a\\76b \\\"q\\nz> <0.1>",
		    7, "", "", "", "/tmp/a>b \"q\nz", NULL, 0, 0 },
		{ T "[  10] unlink(\"/tmp/x\") = 0 <0.1>", -1, "", "", "",
		    "/tmp/x", NULL, 0, 0 },
		{ T "[   3] read(5</dev/urandom<char 1:9>>, \"\\1\\02\\3774\", "
		    "4) = 4 <0.1>", 5, "", "", "", NULL, "\1\2\3774", 4, 4 },
		{ T "[   5] nosuchcall(3, \"x\") = 0 <0.1>", -1, "", "", "",
		    NULL, NULL, 0, 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *ends[2] = { cases[i].local, cases[i].remote };
		struct strace_details d;
		struct strace_line l;

		strace_parse(&l, cases[i].line, strlen(cases[i].line));
		assert_int_equal(l.kind, STRACE_CALL);
		strace_details(&l, &d);
		assert_int_equal(d.has_fd ? d.fd : -1, cases[i].fd);
		assert_string_equal(d.socket.proto, cases[i].proto);
		const struct addr *have[2] = { &d.socket.local,
			&d.socket.remote };
		for (int e = 0; e < 2; e++) {
			char text[ADDR_TEXT_SIZE], both[ADDR_TEXT_SIZE + 8];

			if (ends[e][0] == '\0') {
				assert_int_equal(have[e]->family, 0);
				continue;
			}
			snprintf(both, sizeof both, "%s %u",
			    addr_text(have[e], text), have[e]->port);
			assert_string_equal(both, ends[e]);
		}
		assert_int_equal(d.has_path, cases[i].path != NULL);
		if (d.has_path) {
			assert_int_equal(d.path_n, strlen(cases[i].path));
			assert_memory_equal(d.path, cases[i].path, d.path_n);
		}
		assert_int_equal(d.has_bytes, cases[i].bytes != NULL);
		if (!d.has_bytes)
			continue;
		assert_int_equal(d.length, cases[i].length);
		assert_int_equal(d.bytes_n, cases[i].bytes_n);
		assert_memory_equal(d.bytes, cases[i].bytes, d.bytes_n);
	}
}

static void
splitting(void **state)
{
	static const char args[] = "3<TCP:[1->2]>, {a=[1, 2], \"x,)\\\"\"}, "
				   "1<<10, /* 2 vars */";
	struct text t = { args, sizeof args - 1 }, out[3];

	(void)state;
	assert_int_equal(strace_split(t, out, 3), 4);
	text_equal(out[0], "3<TCP:[1->2]>");
	text_equal(out[1], "{a=[1, 2], \"x,)\\\"\"}");
	text_equal(out[2], "1<<10");
	assert_int_equal(strace_split((struct text) { args, 0 }, out, 3), 0);
}

static void
pids(void **state)
{
	static const char ret[] = "2 /* 12270 in strace's PID NS */";

	(void)state;
	assert_int_equal(strace_translated((struct text) { ret,
	    sizeof ret - 1 }), 12270);
	assert_int_equal(strace_translated((struct text) { ret, 1 }), -1);
	assert_int_equal(strace_leading((struct text) { ret, 1 }), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(details),
		cmocka_unit_test(splitting),
		cmocka_unit_test(pids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
