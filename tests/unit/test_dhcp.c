/* DHCP: messages read and written, and who gets which address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/dhcp.h"
#include "wire/dhcp.h"

/* A client's message; ip is the last byte of an address in the LAN, or 0. */
static size_t
ask(uint8_t *out, enum dhcp_type type, uint8_t client, uint8_t requested,
    uint8_t server, uint8_t ciaddr)
{
	uint8_t *p = out + 240;

	memset(out, 0, 300);
	out[0] = out[1] = 1;
	out[2] = 6;
	out[4] = 0xab;
	out[7] = client;
	out[28] = 2;
	out[33] = client;
	if (ciaddr != 0)
		memcpy(out + 12, (uint8_t[]){ 10, 13, 37, ciaddr }, 4);
	memcpy(out + 236, "\x63\x82\x53\x63", 4);
	*p++ = 0; /* a pad in front */
	memcpy(p, (uint8_t[]){ 53, 1, (uint8_t)type }, 3);
	p += 3;
	if (requested != 0) {
		memcpy(p, (uint8_t[]){ 50, 4, 10, 13, 37, requested }, 6);
		p += 6;
	}
	if (server != 0) {
		memcpy(p, (uint8_t[]){ 54, 4, 10, 13, 37, server }, 6);
		p += 6;
	}
	memcpy(p, "\x0c\x03" "cam\xff", 6);
	return (size_t)(p + 6 - out);
}

/* The value of an option in an answer, or NULL. */
static const uint8_t *
option(const uint8_t *answer, size_t n, uint8_t which)
{
	size_t i = 240;

	while (i < n && answer[i] != 255) {
		if (answer[i] == 0) {
			i++;
			continue;
		}
		assert_true(i + 2 + answer[i + 1] <= n);
		if (answer[i] == which)
			return answer + i + 2;
		i += 2u + answer[i + 1];
	}
	return NULL;
}

static unsigned done, answered;

static void
count(void *arg, const struct dhcp_message *m, const struct dhcp_answer *a)
{
	(void)arg;
	assert_non_null(m);
	done++;
	if (a != NULL)
		answered++;
}

static struct dhcp *
server(void)
{
	struct dhcp_options o = { .lease = 3600, .domain = "lan" };

	assert_int_equal(addr_prefix_parse(&o.lan, "10.13.37.0/24"), 0);
	done = answered = 0;
	return dhcp_new(&o, count, NULL);
}

static uint8_t in[512], out[DHCP_SIZE];

/* Asks; the type of the answer, 0 for none, and its address's last byte. */
static int
talk(struct dhcp *d, enum dhcp_type type, uint8_t client, uint8_t requested,
    uint8_t to, uint8_t ciaddr, int *address)
{
	size_t n = ask(in, type, client, requested, to, ciaddr);

	n = dhcp_input(d, in, n, out);
	if (n == 0)
		return 0;
	assert_true(n >= 300);
	*address = out[19];
	assert_int_equal(out[0], 2);
	assert_memory_equal(out + 4, in + 4, 4);
	assert_memory_equal(out + 28, in + 28, 16);
	return *option(out, n, 53);
}

static void
test_lease(void **state)
{
	struct dhcp *d = server();
	int ip;

	(void)state;
	assert_int_equal(talk(d, DHCP_DISCOVER, 1, 0, 0, 0, &ip), DHCP_OFFER);
	assert_int_equal(ip, 2);
	assert_memory_equal(option(out, sizeof out, 54), "\x0a\x0d\x25\x01", 4);
	assert_memory_equal(option(out, sizeof out, 3), "\x0a\x0d\x25\x01", 4);
	assert_memory_equal(option(out, sizeof out, 6), "\x0a\x0d\x25\x01", 4);
	assert_memory_equal(option(out, sizeof out, 1), "\xff\xff\xff\x00", 4);
	assert_memory_equal(option(out, sizeof out, 28), "\x0a\x0d\x25\xff", 4);
	assert_memory_equal(option(out, sizeof out, 51), "\0\0\x0e\x10", 4);
	assert_int_equal(talk(d, DHCP_REQUEST, 1, 2, 1, 0, &ip), DHCP_ACK);
	assert_int_equal(ip, 2);
	/* Another one, and the first again, by what it has. */
	assert_int_equal(talk(d, DHCP_DISCOVER, 2, 0, 0, 0, &ip), DHCP_OFFER);
	assert_int_equal(ip, 3);
	assert_int_equal(talk(d, DHCP_REQUEST, 1, 0, 0, 2, &ip), DHCP_ACK);
	assert_int_equal(ip, 2);
	/* It wants what the other has. */
	assert_int_equal(talk(d, DHCP_REQUEST, 1, 3, 0, 0, &ip), DHCP_NAK);
	assert_int_equal(ip, 0);
	assert_null(option(out, sizeof out, 51));
	/* It took another server's offer. */
	assert_int_equal(talk(d, DHCP_REQUEST, 1, 2, 9, 0, &ip), 0);
	/* After a restart it asks for an address that is free. */
	assert_int_equal(talk(d, DHCP_REQUEST, 3, 6, 0, 0, &ip), DHCP_ACK);
	assert_int_equal(ip, 6);
	assert_int_equal(talk(d, DHCP_REQUEST, 4, 99, 0, 0, &ip), DHCP_NAK);
	assert_int_equal(talk(d, DHCP_INFORM, 1, 0, 0, 2, &ip), DHCP_ACK);
	assert_int_equal(ip, 0);
	assert_null(option(out, sizeof out, 51));
	assert_int_equal(talk(d, DHCP_RELEASE, 1, 0, 1, 2, &ip), 0);
	assert_int_equal(talk(d, DHCP_DISCOVER, 1, 0, 0, 0, &ip), DHCP_OFFER);
	assert_int_equal(ip, 2);
	assert_int_equal(done, 11);
	assert_int_equal(answered, 9);
	dhcp_free(d);
}

static void
test_full(void **state)
{
	struct dhcp *d = server();
	uint8_t i;
	int ip;

	(void)state;
	for (i = 0; i < 6; i++) {
		assert_int_equal(talk(d, DHCP_DISCOVER, (uint8_t)(10 + i), 0,
		    0, 0, &ip), DHCP_OFFER);
		assert_int_equal(ip, 2 + i);
	}
	assert_int_equal(talk(d, DHCP_DISCOVER, 99, 0, 0, 0, &ip), 0);
	/* A declined address isn't given out again. */
	assert_int_equal(talk(d, DHCP_DECLINE, 10, 2, 1, 0, &ip), 0);
	assert_int_equal(talk(d, DHCP_DISCOVER, 10, 0, 0, 0, &ip), 0);
	dhcp_free(d);
}

static void
test_parse(void **state)
{
	struct dhcp_message m;
	size_t n, i;

	(void)state;
	n = ask(in, DHCP_REQUEST, 7, 5, 1, 0);
	assert_int_equal(dhcp_parse(&m, in, n), 0);
	assert_int_equal(m.type, DHCP_REQUEST);
	assert_int_equal(m.xid, 0xab000007u);
	assert_int_equal(m.requested.bytes[3], 5);
	assert_int_equal(m.server.bytes[3], 1);
	assert_int_equal(m.client.family, 0);
	assert_int_equal(m.hostname_length, 3);
	assert_memory_equal(m.hostname, "cam", 3);
	/* Cut off anywhere: read as far as it goes, in a buffer of that size. */
	for (i = 0; i <= n; i++) {
		uint8_t *cut = malloc(i + 1);

		assert_non_null(cut);
		memcpy(cut, in, i);
		assert_int_equal(dhcp_parse(&m, cut, i), i < 244 ? -1 : 0);
		free(cut);
	}
	in[243] = 9; /* no such type */
	assert_int_equal(dhcp_parse(&m, in, n), -1);
	in[243] = 3;
	in[0] = 2; /* an answer */
	assert_int_equal(dhcp_parse(&m, in, n), -1);
	in[0] = 1;
	in[236]++; /* plain BOOTP */
	assert_int_equal(dhcp_parse(&m, in, n), -1);
}

static void
test_write_fits(void **state)
{
	struct dhcp_message m;
	struct dhcp_answer a = { .type = DHCP_ACK, .bits = 24, .lease = 1,
		.domain = "lan" };
	size_t n = ask(in, DHCP_REQUEST, 7, 5, 1, 0), i;

	(void)state;
	assert_int_equal(dhcp_parse(&m, in, n), 0);
	for (i = 0; i < 300; i++)
		assert_int_equal(dhcp_write(out, i, &m, &a), 0);
	assert_int_equal(dhcp_write(out, 300, &m, &a), 300);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lease),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_write_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
