/*
 * A connection over a socket pair: what the kernel has and nobody read.
 */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>

#include <unistd.h>

#include "net/conn.h"

static void
nothing(void *arg)
{
	(void)arg;
}

static void
tap(void *arg, enum conn_way way, const void *bytes, size_t n)
{
	(void)arg;
	(void)way;
	(void)bytes;
	(void)n;
}

static void
closed(void *arg, const char *reason)
{
	(void)arg;
	(void)reason;
}

/* A silence is the peer's only if nothing of it waits to be read. */
static void
bytes_wait_until_the_loop_turns(void **state)
{
	static const struct conn_callbacks callbacks = { tap, nothing, nothing,
		closed, closed };
	struct event_base *base = event_base_new();
	int pair[2];
	char byte;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    pair), 0);
	struct conn *c = conn_new(base, pair[0], &callbacks, NULL);
	assert_non_null(c);
	assert_false(conn_unread(c));
	assert_int_equal(write(pair[1], "hello", 5), 5);
	assert_true(conn_unread(c));
	assert_int_equal(conn_peek(c, &byte, 1), 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_false(conn_unread(c));
	assert_int_equal(conn_peek(c, &byte, 1), 1);
	conn_free(c);
	close(pair[1]);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_wait_until_the_loop_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
