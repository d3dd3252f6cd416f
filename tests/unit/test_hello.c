/*
 * wire/clienthello and wire/ja: hellos whole, in pieces and broken, and
 * fingerprints against published vectors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/clienthello.h"

/* A hello described as the fingerprints' papers print it. */
struct recipe {
	uint16_t version;
	const char *ciphers, *extensions; /* decimal or 0x hex, by commas */
	const char *groups, *points, *sigalgs, *versions;
	const char *alpn, *sni;
	bool server;
};

static void
list(struct writer *w, const char *numbers, size_t size)
{
	while (numbers != NULL && *numbers != '\0') {
		char *end;
		unsigned long v = strtoul(numbers, &end, 0);

		if (size == 1)
			writer_u8(w, (uint8_t)v);
		else
			writer_u16(w, (uint16_t)v);
		numbers = *end == '\0' ? end : end + 1;
	}
}

/* A list behind its length. */
static void
counted(struct writer *w, const char *numbers, size_t size,
    size_t length_size)
{
	uint8_t buf[512];
	struct writer l = writer_of(buf, sizeof buf);

	list(&l, numbers, size);
	if (length_size == 2)
		writer_u16(w, (uint16_t)l.length);
	else
		writer_u8(w, (uint8_t)l.length);
	writer_bytes(w, buf, l.length);
}

static void
extension(struct writer *w, const struct recipe *r, unsigned long type)
{
	size_t at = w->length;
	size_t n;

	writer_u16(w, 0);
	switch (type) {
	case 0:
		if (r->server)
			break;
		n = strlen(r->sni);
		writer_u16(w, (uint16_t)(n + 3));
		writer_u8(w, 0);
		writer_u16(w, (uint16_t)n);
		writer_bytes(w, r->sni, n);
		break;
	case 10:
		counted(w, r->groups, 2, 2);
		break;
	case 11:
		counted(w, r->points, 1, 1);
		break;
	case 13:
		counted(w, r->sigalgs, 2, 2);
		break;
	case 16:
		n = strlen(r->alpn);
		writer_u16(w, (uint16_t)(n + 1));
		writer_u8(w, (uint8_t)n);
		writer_bytes(w, r->alpn, n);
		break;
	case 43:
		if (r->server)
			list(w, r->versions, 2);
		else
			counted(w, r->versions, 2, 1);
		break;
	}
	writer_patch_u16(w, at, (uint16_t)(w->length - at - 2));
}

/* Writes the handshake message. */
static size_t
cook(const struct recipe *r, uint8_t *out, size_t size)
{
	struct writer w = writer_of(out, size);

	writer_u8(&w, r->server ? 2 : 1);
	writer_u8(&w, 0);
	writer_u16(&w, 0);
	writer_u16(&w, r->version);
	for (uint8_t i = 0; i < 32; i++)
		writer_u8(&w, i);
	writer_u8(&w, 0);
	if (r->server)
		list(&w, r->ciphers, 2);
	else {
		counted(&w, r->ciphers, 2, 2);
		writer_u8(&w, 1);
	}
	writer_u8(&w, 0);
	if (r->extensions != NULL) {
		size_t at = w.length;
		const char *e = r->extensions;

		writer_u16(&w, 0);
		while (*e != '\0') {
			char *end;
			unsigned long type = strtoul(e, &end, 0);

			writer_u16(&w, (uint16_t)type);
			extension(&w, r, type);
			e = *end == '\0' ? end : end + 1;
		}
		writer_patch_u16(&w, at, (uint16_t)(w.length - at - 2));
	}
	writer_patch_u16(&w, 2, (uint16_t)(w.length - 4));
	assert_false(w.failed);
	return w.length;
}

/* Cuts a message into records of at most `piece` bytes. */
static size_t
records(const uint8_t *message, size_t n, size_t piece, uint8_t *out,
    size_t size)
{
	struct writer w = writer_of(out, size);

	for (size_t at = 0; at < n; at += piece) {
		size_t part = n - at < piece ? n - at : piece;

		writer_u8(&w, 22);
		writer_u16(&w, 0x0301);
		writer_u16(&w, (uint16_t)part);
		writer_bytes(&w, message + at, part);
	}
	assert_false(w.failed);
	return w.length;
}

/* Chrome, as FoxIO's technical_details/JA4.md has it (with its -o order). */
static const struct recipe chrome = { 0x0303,
	"0x2a2a,0x1301,0x1302,0x1303,0xc02b,0xc02f,0xc02c,0xc030,0xcca9,"
	"0xcca8,0xc013,0xc014,0x009c,0x009d,0x002f,0x0035",
	"0x3a3a,0x00,0x33,0x0d,0x23,0x0b,0xff01,0x0a,0x1b,0x4469,0x12,0x2d,"
	"0x10,0x05,0x2b,0x17,0xaaaa,0x15",
	"0x3a3a,29,23,24", "0",
	"0x4a4a,0x0403,0x0804,0x0401,0x0503,0x0805,0x0501,0x0806,0x0601",
	"0x0a0a,0x0304,0x0303", "h2", "c2.example", false };

static void
fingerprints(void **state)
{
	static const struct {
		struct recipe recipe;
		const char *ja3, *ja3_md5, *raw, *ja4;
	} cases[] = {
		/* github.com/salesforce/ja3, README.md */
		{ { .version = 769, .ciphers = "47,53,5,10,49161,49162,49171,"
		    "49172,50,56,19,4", .extensions = "0,10,11",
		    .groups = "23,24,25", .points = "0", .sni = "a" },
		  "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,"
		  "23-24-25,0", "ada70206e40642a3e4461f35503241d5", NULL,
		  NULL },
		{ { .version = 769,
		    .ciphers = "4,5,10,9,100,98,3,6,19,18,99" },
		  "769,4-5-10-9-100-98-3-6-19-18-99,,,",
		  "de350869b8c85de67a350c8d186f11e6", NULL, NULL },
		/* github.com/FoxIO-LLC/ja4, technical_details/JA4S.md */
		{ { .version = 0x0303, .ciphers = "0xc030",
		    .extensions = "5,0x17,0xff01,0", .server = true },
		  "771,49200,5-23-65281-0", NULL,
		  "t120400_c030_0005,0017,ff01,0000",
		  "t120400_c030_4e8089b08790" },
		/* no extensions, no ciphers: zeros instead of hashes */
		{ { .version = 0x0300, .ciphers = "" },
		  "768,,,,", NULL, "ts3i000000__",
		  "ts3i000000_000000000000_000000000000" },
		/* ALPN that isn't letters; JA4.md: ends of the hex form */
		{ { .version = 0x0302, .ciphers = "5", .extensions = "16",
		    .alpn = "\xab" "c\xcd" }, NULL, NULL, "t11i0101ad_0005_",
		    NULL },
		{ { .version = 0x0301, .ciphers = "5", .extensions = "16",
		    .alpn = "h" }, NULL, NULL, "t10i0101hh_0005_", NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t message[1024];
		size_t n = cook(&cases[i].recipe, message, sizeof message);
		char md5[JA3_HASH_SIZE], ja4[JA4_SIZE];
		struct hello h;

		assert_int_equal(hello_parse(message, n, &h), 1);
		assert_int_equal(h.server, cases[i].recipe.server);
		char *ja3 = hello_ja3(&h, md5), *raw = hello_ja4(&h, ja4);

		if (cases[i].ja3 != NULL)
			assert_string_equal(ja3, cases[i].ja3);
		if (cases[i].ja3_md5 != NULL)
			assert_string_equal(md5, cases[i].ja3_md5);
		if (cases[i].raw != NULL)
			assert_string_equal(raw, cases[i].raw);
		if (cases[i].ja4 != NULL)
			assert_string_equal(ja4, cases[i].ja4);
		free(ja3);
		free(raw);
		hello_free(&h);
	}
}

/* Whole or in records of any size, with any part still missing. */
static void
pieces(void **state)
{
	uint8_t message[1024], wire[8192];
	char ja4[JA4_SIZE], md5[JA3_HASH_SIZE], version[16];
	size_t n = cook(&chrome, message, sizeof message);
	const uint8_t *name;
	struct hello h;

	(void)state;
	for (size_t piece = 1; piece <= n; piece++) {
		size_t total = records(message, n, piece, wire, sizeof wire);
		/* every prefix for some sizes, the last byte for all */
		size_t at = piece % 50 == 1 ? 0 : total - 1;

		for (; at < total; at++)
			assert_int_equal(clienthello_read(wire, at, &h), 0);
		/* what follows the hello isn't looked at */
		memset(wire + total, 0xff, 8);
		assert_int_equal(clienthello_read(wire, total + 8, &h), 1);
		assert_int_equal(h.record_version, 0x0301);
		assert_int_equal(h.legacy_version, 0x0303);
		assert_string_equal(hello_version_text(h.version, version),
		    "TLS 1.3");
		assert_string_equal(h.sni, "c2.example");
		assert_int_equal(hello_alpn(&h, 0, &name), 2);
		assert_memory_equal(name, "h2", 2);
		assert_int_equal(hello_alpn(&h, 1, &name), -1);
		char *raw = hello_ja4(&h, ja4), *ja3 = hello_ja3(&h, md5);

		assert_string_equal(ja4,
		    "t13d1516h2_8daaf6152771_e5627efa2ab1");
		assert_string_equal(raw, "t13d1516h2_002f,0035,009c,009d,"
		    "1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_"
		    "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,"
		    "0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601");
		assert_string_equal(ja3, "771,4865-4866-4867-49195-49199-"
		    "49196-49200-52393-52392-49171-49172-156-157-47-53,0-51-"
		    "13-35-11-65281-10-27-17513-18-45-16-5-43-23-21,29-23-24,"
		    "0");
		free(raw);
		free(ja3);
		hello_free(&h);
	}
}

static void
not_hellos(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		int want;
	} cases[] = {
#define CASE(text, want) { text, sizeof text - 1, want }
		CASE("", 0),
		CASE("\x16", 0),
		CASE("\x16\3\1\2", 0),
		CASE("GET / HTTP/1.0\r\n", -1),
		CASE("\x16\2", -1),
		CASE("\x15\3\1\0\2\1\0", -1),		/* alert */
		CASE("\x16\3\1\0\0", -1),		/* empty record */
		CASE("\x16\3\1\x40\1", -1),		/* too long a record */
		CASE("\x16\3\1\0\4\2\0\0\0", -1),	/* a server's */
		CASE("\x16\3\1\0\4\1\x10\0\0", -1),	/* a megabyte */
		CASE("\x16\3\1\0\4\1\0\0\0", -1),	/* too short */
		CASE("\x16\3\1\0\5\1\0\0\xff\3\x17\3\1\0\1x", -1),
		CASE("\x80\x2e\1\3\1\0\x15", 0),	/* SSLv2's form */
		CASE("\x80\x2e\2", -1),
		CASE("\x80\x2e\1\0\2\0\x15\0\0\0\x10", -1), /* SSLv2 itself */
		CASE("\x80\x2e\1\3\1\0\x16\0\0\0\x10", -1),
#undef CASE
	};
	struct hello h;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(clienthello_read(cases[i].bytes, cases[i].n,
		    &h), cases[i].want);
}

/* Every length in a good hello broken, one byte at a time: no crash, and no
 * leak for the sanitizers to find. */
static void
broken(void **state)
{
	uint8_t message[1024];
	size_t n = cook(&chrome, message, sizeof message);
	struct hello h;
	int good = 0;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		uint8_t was = message[i];

		for (int bit = 0; bit < 8; bit++) {
			message[i] = (uint8_t)(was ^ 1 << bit);
			if (hello_parse(message, n, &h) == 1) {
				char ja4[JA4_SIZE];

				free(hello_ja4(&h, ja4));
				hello_free(&h);
				good++;
			}
		}
		message[i] = was;
		assert_int_equal(hello_parse(message, i, &h), -1);
	}
	assert_true(good > 0);
}

static void
sslv2_form(void **state)
{
	static const uint8_t bytes[] = { 0x80, 0x1f, 1, 3, 1, 0, 6, 0, 0, 0,
		16, 0, 0, 0x2f, 7, 0, 0xc0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
		12, 13, 14, 15, 16 };
	char md5[JA3_HASH_SIZE];
	struct hello h;

	(void)state;
	assert_int_equal(clienthello_read(bytes, sizeof bytes - 1, &h), 0);
	assert_int_equal(clienthello_read(bytes, sizeof bytes, &h), 1);
	assert_true(h.sslv2);
	assert_int_equal(h.version, 0x0301);
	char *ja3 = hello_ja3(&h, md5);

	/* the cipher that only SSLv2 has is left out */
	assert_string_equal(ja3, "769,47,,,");
	free(ja3);
	hello_free(&h);
}

/* Names that can't be names are no SNI. */
static void
names(void **state)
{
	char name[300];
	uint8_t message[2048];
	struct recipe r = chrome;
	struct hello h;

	(void)state;
	for (size_t length = 0; length < sizeof name; length += 5) {
		memset(name, 'a', sizeof name);
		name[length] = '\0';
		r.sni = name;
		size_t n = cook(&r, message, sizeof message);

		assert_int_equal(hello_parse(message, n, &h), 1);
		assert_true(h.has_sni);
		assert_int_equal(strlen(h.sni), length < 256 ? length : 0);
		hello_free(&h);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fingerprints),
		cmocka_unit_test(pieces),
		cmocka_unit_test(not_hellos),
		cmocka_unit_test(broken),
		cmocka_unit_test(sslv2_form),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
