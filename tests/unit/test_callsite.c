/*
 * Calls, as the code before their return address shows them: one row an
 * instruction, assembled with GNU as for each machine.
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "callsite.h"

#define CODE 0x400000

static void
unhex(uint8_t *out, const char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (; *text != '\0'; text += 2)
		*out++ = (uint8_t)((strchr(digits, text[0]) - digits) * 16 +
		    (strchr(digits, text[1]) - digits));
}

static void
calls(void **state)
{
	static const struct {
		uint16_t machine;
		uint8_t bits;
		bool big;
		const char *bytes; /* hexadecimal; the code at CODE + 0x20 */
		unsigned back;	   /* the return address, from that */
		enum callsite call;
		uint64_t target;
	} rows[] = {
		/* call CODE+2 */
		{ EM_386, 32, false, "e8ddffffff", 5, CALLSITE_DIRECT,
		    CODE + 2 },
		{ EM_X86_64, 64, false, "e8ddffffff", 5, CALLSITE_DIRECT,
		    CODE + 2 },
		/* a target outside the code: no call */
		{ EM_386, 32, false, "e8ddffff7f", 5, CALLSITE_NONE, 0 },
		/* call *%eax; *(%ecx); *4(%ebx); *(,%eax,4); *0x80(%ebx) */
		{ EM_386, 32, false, "ffd0", 2, CALLSITE_INDIRECT, 0 },
		{ EM_386, 32, false, "ff11", 2, CALLSITE_INDIRECT, 0 },
		{ EM_386, 32, false, "ff5304", 3, CALLSITE_INDIRECT, 0 },
		{ EM_386, 32, false, "ff148500000000", 7, CALLSITE_INDIRECT, 0 },
		{ EM_386, 32, false, "ff9380000000", 6, CALLSITE_INDIRECT, 0 },
		/* jmp *%eax; push %ebp, mov %esp,%ebp */
		{ EM_386, 32, false, "ffe0", 2, CALLSITE_NONE, 0 },
		{ EM_386, 32, false, "5589e5", 3, CALLSITE_NONE, 0 },
		/* bl CODE; blx r3; mov r0, r0 */
		{ EM_ARM, 32, false, "f6ffffeb", 4, CALLSITE_DIRECT, CODE },
		{ EM_ARM, 32, false, "33ff2fe1", 4, CALLSITE_INDIRECT, 0 },
		{ EM_ARM, 32, false, "0000a0e1", 4, CALLSITE_NONE, 0 },
		/* Thumb: bl CODE; blx CODE (ARM code); blx r3; nop */
		{ EM_ARM, 32, false, "fff7eeff", 5, CALLSITE_DIRECT, CODE },
		{ EM_ARM, 32, false, "fff7eeef", 5, CALLSITE_DIRECT, CODE },
		{ EM_ARM, 32, false, "9847", 3, CALLSITE_INDIRECT, 0 },
		{ EM_ARM, 32, false, "00bf", 3, CALLSITE_NONE, 0 },
		/* bl CODE; blr x3; ret */
		{ EM_AARCH64, 64, false, "f8ffff97", 4, CALLSITE_DIRECT, CODE },
		{ EM_AARCH64, 64, false, "60003fd6", 4, CALLSITE_INDIRECT, 0 },
		{ EM_AARCH64, 64, false, "c0035fd6", 4, CALLSITE_NONE, 0 },
		/* jal CODE; bal CODE; jalr t9; jr ra; each with a nop */
		{ EM_MIPS, 32, false, "0000100c00000000", 8, CALLSITE_DIRECT,
		    CODE },
		{ EM_MIPS, 32, true, "0c10000000000000", 8, CALLSITE_DIRECT,
		    CODE },
		{ EM_MIPS, 64, false, "f7ff110400000000", 8, CALLSITE_DIRECT,
		    CODE },
		{ EM_MIPS, 32, false, "09f8200300000000", 8,
		    CALLSITE_INDIRECT, 0 },
		{ EM_MIPS, 32, false, "0800e00300000000", 8, CALLSITE_NONE, 0 },
		/* bl CODE; bctrl; b CODE */
		{ EM_PPC, 32, true, "4bffffe1", 4, CALLSITE_DIRECT, CODE },
		{ EM_PPC, 32, true, "4e800421", 4, CALLSITE_INDIRECT, 0 },
		{ EM_PPC, 32, true, "4bffffe0", 4, CALLSITE_NONE, 0 },
		/* bsr.l CODE; jsr CODE; bsr.w CODE; jsr (a0) */
		{ EM_68K, 32, true, "61ffffffffde", 6, CALLSITE_DIRECT, CODE },
		{ EM_68K, 32, true, "4eb900400000", 6, CALLSITE_DIRECT, CODE },
		{ EM_68K, 32, true, "6100ffde", 4, CALLSITE_DIRECT, CODE },
		{ EM_68K, 32, true, "4e90", 2, CALLSITE_INDIRECT, 0 },
		/* A machine without a row. */
		{ EM_SPARCV9, 64, true, "40000000", 4, CALLSITE_NONE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t code[0x40] = { 0 };
		uint64_t target = 0;
		struct elf e = { .bits = rows[i].bits, .big = rows[i].big,
			.machine = rows[i].machine, .data = code,
			.n = sizeof code, .segment_count = 1,
			.segments = { { 0, CODE, sizeof code, true } } };
		enum callsite call;

		unhex(code + 0x20, rows[i].bytes);
		call = callsite_before(&e, CODE + 0x20 + rows[i].back, &target);
		if (call != rows[i].call || (call == CALLSITE_DIRECT &&
		    target != rows[i].target))
			fail_msg("row %zu (%s): %d, target 0x%llx", i,
			    rows[i].bytes, (int)call,
			    (unsigned long long)target);
	}
}

/* What the beginning of a function says of its frame. */
static void
frames(void **state)
{
	static const struct {
		uint8_t bits;
		const char *bytes; /* at CODE, little-endian words */
		bool keeps;
		uint64_t size, link;
	} rows[] = {
		/* addiu sp,sp,-600; sw ra,596(sp) */
		{ 32, "a8fdbd275402bfaf", true, 600, 596 },
		/* daddiu sp,sp,-640; sd ra,632(sp) */
		{ 64, "80fdbd677802bfff", true, 640, 632 },
		/* addiu sp,sp,-16; nop: a leaf */
		{ 32, "f0ffbd2700000000", false, 16, 0 },
		/* ra outside the frame; a frame of the other width */
		{ 32, "f0ffbd271000bfaf", false, 16, 16 },
		{ 64, "f0ffbd270800bfaf", false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t code[0x40] = { 0 };
		struct elf e = { .bits = rows[i].bits, .machine = EM_MIPS,
			.data = code, .n = sizeof code, .segment_count = 1,
			.segments = { { 0, CODE, sizeof code, true } } };
		struct callsite_frame frame;

		unhex(code, rows[i].bytes);
		assert_int_equal(callsite_frame(&e, CODE, &frame),
		    rows[i].keeps);
		assert_int_equal(frame.size, rows[i].size);
		assert_int_equal(frame.link, rows[i].link);
		e.machine = EM_386;
		assert_false(callsite_frame(&e, CODE, &frame));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(calls),
		cmocka_unit_test(frames) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
