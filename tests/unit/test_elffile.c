/*
 * ELF headers: this very program, and all the ways to be none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "elffile.h"

static uint8_t *self;
static size_t self_n;

static int
load_self(void **state)
{
	FILE *f = fopen("/proc/self/exe", "r");

	(void)state;
	self = malloc(32 << 20);
	self_n = fread(self, 1, 32 << 20, f);
	fclose(f);
	return self_n == 0;
}

static int
free_self(void **state)
{
	(void)state;
	free(self);
	return 0;
}

static void
own(void **state)
{
	const struct elf_symbol *s;
	struct elf e;
	char why[128], fits[40];
	uint64_t at;

	(void)state;
	assert_int_equal(elf_open(&e, self, self_n, why, sizeof why), 0);
	assert_true(elf_fits(&e, elf_columns(&e, fits)));
	assert_false(elf_fits(&e, ""));
	assert_false(elf_fits(&e, "64le"));
	snprintf(fits, sizeof fits, "%d%s/%x", e.bits, e.big ? "be" : "le",
	    e.machine);
	assert_true(elf_fits(&e, fits));
	snprintf(fits, sizeof fits, "%d%s/%x", e.bits, e.big ? "le" : "be",
	    e.machine);
	assert_false(elf_fits(&e, fits));
	snprintf(fits, sizeof fits, "%d%s/%x/ff=%x", e.bits,
	    e.big ? "be" : "le", e.machine, e.flags & 0xff);
	assert_true(elf_fits(&e, fits));
	e.flags ^= 1;
	assert_false(elf_fits(&e, fits));
	s = elf_function(&e, "elf_function");
	assert_non_null(s);
	assert_int_equal(elf_offset(&e, s->address, &at), 0);
	assert_int_equal(at, s->offset);
	assert_null(elf_function(&e, "no such function"));
	assert_int_equal(elf_offset(&e, ~0ull, &at), -1);
	elf_close(&e);
}

static void
refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *why;
	} cases[] = {
		{ "", 0, "not an ELF" },
		{ "#!/bin/sh\n", 10, "script" },
		{ "\177ELF", 4, "truncated" },
		{ "\177ELF\5\5\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
		  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 56,
		    "class" },
	};
	struct elf e;
	char why[128];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(elf_open(&e, cases[i].bytes, cases[i].n, why,
		    sizeof why), -1);
		assert_non_null(strstr(why, cases[i].why));
	}
}

/*
 * Cut anywhere: refused where code is missing, and never read beyond what is
 * there (ASan watches).
 */
static void
truncated(void **state)
{
	struct elf e;
	char why[128];

	(void)state;
	for (size_t n = 0; n < self_n; n = n < 2000 ? n + 1 : n * 2) {
		uint8_t *copy = malloc(n + 1);
		int r;

		memcpy(copy, self, n);
		r = elf_open(&e, copy, n, why, sizeof why);
		assert_true(n > 4096 || r == -1);
		elf_close(&e);
		free(copy);
	}
}

/* Columns of the table of architectures, and what a message calls them. */
static void
words(void **state)
{
	static const char *const rows[][2] = {
		{ "32le/8", "MIPS (32le/8)" }, { "32le/3", "Intel 386 (32le/3)" },
		{ "64le/3e", "x86-64 (64le/3e)" },
		{ "32le/28/400=400", "ARM (32le/28/400=400)" },
		{ "64be/2b", "64-bit SPARC (64be/2b)" },
		{ "32le/fffe", "32le/fffe" }, { "", "" }, { "64le", "64le" } };
	char out[ELF_WORDS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(elf_words(rows[i][0], out), rows[i][1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own),
		cmocka_unit_test(refused),
		cmocka_unit_test(truncated),
		cmocka_unit_test(words),
	};
	return cmocka_run_group_tests(tests, load_self, free_self);
}
