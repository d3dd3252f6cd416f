/*
 * wire/: the cursor and the writer, addresses in command text, protocols by
 * their first bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wire/cursor.h"
#include "wire/detect.h"
#include "wire/target.h"

static void
cursor_stops(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7 };
	struct cursor c = cursor_of(bytes, sizeof bytes);

	(void)state;
	assert_int_equal(cursor_u8(&c), 1);
	assert_int_equal(cursor_u16(&c), 0x0203);
	struct cursor sub = cursor_sub(&c, 3);

	assert_int_equal(cursor_u24(&sub), 0x040506);
	assert_int_equal(cursor_left(&sub), 0);
	assert_false(sub.failed);
	assert_true(cursor_has(&c, 1));
	assert_false(cursor_has(&c, 2));
	/* a step that doesn't fit moves nothing, and the failure stays */
	assert_int_equal(cursor_u32(&c), 0);
	assert_true(c.failed);
	assert_int_equal(cursor_left(&c), 1);
	assert_int_equal(cursor_u8(&c), 0);
	assert_null(cursor_bytes(&c, 0));
	sub = cursor_sub(&c, 0);
	assert_true(sub.failed);
	assert_int_equal(cursor_u8(&sub), 0);
}

static void
writer_stops(void **state)
{
	uint8_t bytes[8];
	struct writer w = writer_of(bytes, 7);

	(void)state;
	memset(bytes, 0xee, sizeof bytes);
	writer_u16(&w, 0x0102);
	writer_u32(&w, 0x03040506);
	writer_patch_u16(&w, 0, 0xaabb);
	assert_memory_equal(bytes, "\xaa\xbb\3\4\5\6\xee\xee", 8);
	writer_u16(&w, 1);
	assert_true(w.failed);
	assert_int_equal(w.length, 6);
	writer_u8(&w, 1);
	assert_int_equal(w.length, 6);
	writer_rewind(&w, 2);
	writer_u8(&w, 9);
	assert_memory_equal(bytes, "\xaa\xbb\x09", 3);
	writer_patch_u16(&w, 2, 0);
	assert_true(w.failed);
}

static void
targets(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "! UDP 198.18.0.1 80 10", "198.18.0.1" },
		{ "PING", "" },
		{ "1.2.3", "" },
		{ "1.2.3.", "" },
		{ "999.1.2.3", "" },
		{ "256.1.1.1 1.1.1.255", "1.1.1.255" },
		{ "http://203.0.113.7:8080/x?y=192.0.2.1",
		    "203.0.113.7 192.0.2.1" },
		{ "10.0.0.0/8,172.16.0.1;192.168.1.1",
		    "10.0.0.0 172.16.0.1 192.168.1.1" },
		{ "x1.2.3.4y", "1.2.3.4" },
		{ "1.2.3.4.5", "1.2.3.4" },
		{ "1.2.3.4567", "1.2.3.45" },
		{ "1.2.3.300", "1.2.3.30" },
		{ "08.8.8.008", "8.8.8.8" },
		{ "tcp6 2001:2::1 22", "2001:2::1" },
		{ "[2001:db8::1]:80", "2001:db8::1" },
		{ "2001:DB8:0:0:0:0:0:1/64", "2001:db8::1" },
		{ "::1", "::1" },
		{ "ping ::", "::" },
		{ "::ffff:8.8.8.8", "8.8.8.8" },
		{ "64:ff9b::8.8.8.8 x", "64:ff9b::808:808" },
		{ "addr:fe80::1%eth0", "fe80::1" },
		{ "fe80::1:", "fe80::1" },
		{ "12:34:56 at noon", "" },
		{ "use Foo::Bar, std::foo", "" },
		{ "mac 02:00:5e:10:00:01", "" },
		{ "1.2.3.4:80:tcp", "1.2.3.4" },
		/* As inet_aton reads them. */
		{ "udp 134744072 9", "8.8.8.8" },
		{ "udp 0x08080808 9", "8.8.8.8" },
		{ "0x8.0x8.010.0X8", "8.8.8.8" },
		{ "0010.8.8.8", "10.8.8.8 8.8.8.8" },
		{ "0306.022.0.1", "198.18.0.1" },
		{ "012.13.37.1", "12.13.37.1 10.13.37.1" },
		{ "http://134744072/x", "8.8.8.8" },
		{ "target=3232235777,80", "192.168.1.1" },
		{ "GET /20261127/x 16777215 5000000000 v134744072", "" },
		{ "1.2.3 134744072.5 134744072x 0x1ffffffff", "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char got[256] = "", text[ADDR_TEXT_SIZE];
		size_t offset = 0, n = strlen(cases[i].text);
		struct target t;

		while (target_next(cases[i].text, n, &offset, &t) == 1) {
			for (unsigned r = 0; r < t.count; r++) {
				if (got[0] != '\0')
					strcat(got, " ");
				strcat(got, addr_text(&t.readings[r], text));
				assert_int_equal(t.readings[r].port, 0);
			}
		}
		assert_string_equal(got, cases[i].want);
		assert_int_equal(offset, n);
	}
}

/* No NUL ends the text, and it may hold some. */
static void
targets_in_bytes(void **state)
{
	static const char text[] = { 0, '1', '.', '2', '.', '3', '.', '4',
		0, 0xff, '9', '.', '9', '.', '9', '.', '9', '9' };
	char buf[ADDR_TEXT_SIZE];
	size_t offset = 0;
	struct target t;

	(void)state;
	assert_int_equal(target_next(text, sizeof text - 1, &offset, &t), 1);
	assert_string_equal(addr_text(t.readings, buf), "1.2.3.4");
	assert_int_equal(target_next(text, sizeof text - 1, &offset, &t), 1);
	assert_string_equal(addr_text(t.readings, buf), "9.9.9.9");
	assert_int_equal(target_next(text, sizeof text - 1, &offset, &t), 0);
}

/* The best guess for whole openings, and what their pieces look like. */
static void
detections(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *want;
		int at_least;
	} cases[] = {
#define CASE(bytes, want, score) { bytes, sizeof bytes - 1, want, score }
		CASE("\x16\3\1\0\xf4\1\0\0\xf0\3\3", "tls", 90),
		CASE("\x16\3\1", "tls", 50),
		CASE("\x80\x2e\1\3\1\0\x15", "tls", 90),
		CASE("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http", 100),
		CASE("GET /bins/x86\n", "http", 70),
		CASE("POST /cdn-cgi/", "http", 75),
		CASE("M-SEARCH * HTTP/1.1\r\n", "http", 100),
		CASE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2", 100),
		CASE("GETTING there\n", "line", 15),
		CASE("SSH-2.0-dropbear_2019.78\r\n", "ssh", 100),
		CASE("SSH-2.0-Go", "ssh", 100),
		CASE("NICK bot123\r\nUSER a b c :d\r\n", "irc", 90),
		CASE("CAP LS 302\r\n", "irc", 95),
		CASE("USER a localhost localhost :x\r\n", "irc", 90),
		CASE("PASS secret\r\n", "irc", 50),
		CASE("USER anonymous\r\n", "ftp", 50),
		CASE("ehlo there\r\n", "smtp", 95),
		CASE("CAPA\r\n", "pop3", 90),
		CASE("a001 LOGIN u p\r\n", "imap", 90),
		CASE("\xff\xfd\x03", "telnet", 95),
		CASE("\xff\xfb\x1f\xff\xfd\x01login", "telnet", 95),
		CASE("\xff\xff\xff", "binary", 10),
		CASE("\x10\x0c\0\4MQTT\4\2\0\x3c\0\0", "mqtt", 100),
		CASE("\x10\xff\1\0\6MQIsdp\3", "mqtt", 100),
		CASE("\4\1\0\x50\xc6\x12\0\1me\0", "socks4", 90),
		CASE("\4\1\0\x50\0\0\0\1\0a.example\0", "socks4", 90),
		CASE("\5\2\0\2", "socks5", 90),
		CASE("\5\1\0", "socks5", 90),
		CASE("\0\x1b\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\7example\0"
		    "\0\1\0\1", "dns", 95),
		CASE("\0\0\0\x2f\xff" "SMB\x72", "smb", 100),
		CASE("\3\0\0\x13\x0e\xe0\0\0", "rdp", 95),
		CASE("CNXN\0\0\0\1", "adb", 85),
		CASE("*1\r\n$4\r\nPING\r\n", "redis", 95),
		CASE("\0\0\0\x27\0\3\0\0user\0p\0", "postgres", 100),
		CASE("\x30\x0c\2\1\1\x60\7\2\1\3", "ldap", 90),
		CASE("{\"id\":7,\"method\":\"mining.subscribe\"}\n",
		    "stratum", 95),
		CASE("{\"hello\":1}\n", "json", 40),
		CASE("\x13" "BitTorrent protocol", "bittorrent", 100),
		CASE("INVITE sip:a@b SIP/2.0\r\n", "sip", 100),
		CASE("OPTIONS rtsp://cam/1 RTSP/1.0\r\n", "rtsp", 100),
		CASE("BUILD X86\n", "line", 15),
		CASE("\x1b[31mConnected\n", "line", 15),
		CASE("no end", "line", 8),
		CASE("\0\0\0\1", "binary", 10),
		CASE("\0\0\0\1\4mips", "binary", 10),
		CASE("text, then \0\n", "binary", 10),
		CASE("\x16\2\1\0", "binary", 10),
		CASE("\x10\x0c\0\4MQTZ", "binary", 10),
#undef CASE
	};
	struct detect d;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		detect_protocol(cases[i].bytes, cases[i].n, &d);
		if (strcmp(d.guesses[0].name, cases[i].want) != 0)
			print_message("case %zu: %s\n", i, cases[i].bytes);
		assert_string_equal(d.guesses[0].name, cases[i].want);
		assert_true(d.guesses[0].score >= cases[i].at_least);
		for (size_t k = 1; k < d.count; k++) {
			assert_true(d.guesses[k].score <=
			    d.guesses[k - 1].score);
			assert_string_not_equal(d.guesses[k].name,
			    d.guesses[k - 1].name);
		}
	}
	detect_protocol("", 0, &d);
	assert_int_equal(d.count, 0);
	assert_true(d.more);
}

/* Beginnings ask for more; what is whole doesn't. */
static void
detection_of_pieces(void **state)
{
	static const char *const openings[] = { "\x16\3\1\1\1\1",
		"GET / HTTP/1.1\r\n", "SSH-2.0-", "EHLO ", "NICK ",
		"\xff\xfd\3", "\x10\x0c\0\4MQTT", "*1\r\n$" };
	static const uint8_t lengths[] = { 6, 16, 8, 5, 5, 3, 8, 5 };
	struct detect d;

	(void)state;
	for (size_t i = 0; i < sizeof openings / sizeof *openings; i++) {
		for (size_t n = 1; n < lengths[i]; n++) {
			detect_protocol(openings[i], n, &d);
			assert_true(d.more);
			assert_true(d.count > 0);
		}
	}
	detect_protocol("SSH-2.0-x\r\n", 11, &d);
	assert_false(d.more);
	detect_protocol("\0\1\2\3\4\5\6\7", 8, &d);
	assert_false(d.more);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cursor_stops),
		cmocka_unit_test(writer_stops),
		cmocka_unit_test(targets),
		cmocka_unit_test(targets_in_bytes),
		cmocka_unit_test(detections),
		cmocka_unit_test(detection_of_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
