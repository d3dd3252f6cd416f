/*
 * Basic blocks: small functions as a compiler writes them, for each
 * architecture that has probes, put into a file of our own.
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "blocks.h"

#define BASE 0x8048000u
#define CODE (BASE + 0x100)

static uint8_t file[4096];

/* A 32-bit ELF file, one segment, this code at CODE. */
static void
load(struct elf *e, uint16_t machine, const void *code, size_t n)
{
	Elf32_Ehdr head = { .e_type = ET_EXEC, .e_machine = machine,
		.e_phoff = sizeof head, .e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = 1 };
	Elf32_Phdr segment = { .p_type = PT_LOAD, .p_vaddr = BASE,
		.p_filesz = sizeof file, .p_memsz = sizeof file,
		.p_flags = PF_R | PF_X };
	char why[128];

	memset(file, 0, sizeof file);
	memcpy(head.e_ident, ELFMAG, SELFMAG);
	head.e_ident[EI_CLASS] = ELFCLASS32;
	head.e_ident[EI_DATA] = ELFDATA2LSB;
	memcpy(file, &head, sizeof head);
	memcpy(file + sizeof head, &segment, sizeof segment);
	memcpy(file + 0x100, code, n);
	assert_int_equal(elf_open(e, file, sizeof file, why, sizeof why), 0);
}

/* Finds the blocks and compares where they begin, as offsets from CODE. */
static void
expect(struct blocks *b, uint16_t machine, bool thumb, const void *code,
    size_t n, size_t size, const char *starts)
{
	char text[256] = "", why[128];
	struct elf e;

	load(&e, machine, code, n);
	/* The head is ours, the code is as the machine has it. */
	e.big = machine == EM_PPC || machine == EM_68K ||
	    machine == EM_SPARCV9;
	assert_int_equal(blocks_find(b, &e, CODE, size, thumb, why,
	    sizeof why), 0);
	for (size_t i = 0; i < b->count; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text),
		    "%s%x", i > 0 ? " " : "",
		    (unsigned)(b->list[i].address - CODE));
	assert_string_equal(text, starts);
	assert_int_equal(b->list[0].offset, 0x100);
	elf_close(&e);
}

static void
i386(void **state)
{
	/* if (x) y(); return; */
	static const uint8_t code[] = { 0x55, /* 0: push */
		0x85, 0xc0,		      /* 1: test */
		0x74, 0x05,		      /* 3: je a */
		0xe8, 0x00, 0x01, 0x00, 0x00, /* 5: call */
		0x5d, 0xc3,		      /* a: pop, ret */
		0x74, 0xfe };		      /* c: not ours */
	struct blocks b;

	(void)state;
	expect(&b, EM_386, false, code, sizeof code, 12, "0 5 a");
	assert_int_equal(b.indirect, 0);
	assert_int_equal(b.outside, 0);
	blocks_free(&b);
	/* The same without a known end. */
	expect(&b, EM_386, false, code, sizeof code, 0, "0 5 a");
	assert_int_equal(b.end, CODE + 12);
	blocks_free(&b);
}

static void
i386_table(void **state)
{
	/* A switch over a table in memory, a jump away, one through eax. */
	static const uint8_t code[] = {
		0xff, 0x24, 0x85, 0x40, 0x81, 0x04, 0x08, /* 0: jmp *8048140 */
		0x90, 0xc3,				  /* 7 */
		0xe9, 0x00, 0x10, 0x00, 0x00,		  /* 9: jmp away */
		0xff, 0xe0,				  /* e: jmp *eax */
		[0x40] = 0x07, 0x81, 0x04, 0x08,
		0x09, 0x81, 0x04, 0x08,
		0x0e, 0x81, 0x04, 0x08,
		0, 0, 0, 0 };
	struct blocks b;

	(void)state;
	expect(&b, EM_386, false, code, sizeof code, 16, "0 7 9 e");
	assert_int_equal(b.indirect, 1);
	assert_int_equal(b.unknown[0], CODE + 0xe);
	assert_int_equal(b.guessed, 1);
	assert_int_equal(b.outside, 1);
	blocks_free(&b);
}

static void
i386_relative_table(void **state)
{
	/* Code that finds where it is as old compilers write it, and a table
	 * of two offsets: the third is another's. */
	static const uint8_t code[] = { 0xe8, 0, 0, 0, 0, /* 0: call 5 */
		0x5b,			    /* 5: pop ebx */
		0x81, 0xc3, 0xfb, 0x0e, 0, 0, /* 6: add ebx, to 8049000 */
		0x83, 0xf8, 0x01,	    /* c: cmp eax, 1 */
		0x77, 0x0b,		    /* f: ja 1c */
		0x8b, 0x84, 0x83, 0x40, 0xf1, 0xff, 0xff, /* 11: mov eax,
							   * [ebx+eax*4-ec0] */
		0x01, 0xd8,		    /* 18: add eax, ebx */
		0xff, 0xe0,		    /* 1a: jmp eax */
		0xc3,			    /* 1c: ret */
		0x90, 0xc3,		    /* 1d: nop, ret */
		0xc3,			    /* 1f: ret */
		[0x40] = 0x1d, 0xf1, 0xff, 0xff,
		0x1f, 0xf1, 0xff, 0xff,
		0x1e, 0xf1, 0xff, 0xff };
	struct blocks b;

	(void)state;
	expect(&b, EM_386, false, code, sizeof code, 32, "0 11 1c 1d 1f");
	assert_int_equal(b.indirect, 0);
	assert_int_equal(b.guessed, 0);
	blocks_free(&b);
}

static void
arm_call_through_register(void **state)
{
	static const uint32_t code[] = {
		0xe1a0e00f, /* 0: mov lr, pc */
		0xe12fff13, /* 4: bx r3 */
		0xe3a00001, /* 8: mov r0, #1 */
		0xe12fff1e, /* c: bx lr */
	};
	struct blocks b;

	(void)state;
	expect(&b, EM_ARM, false, code, sizeof code, 0, "0");
	assert_int_equal(b.end, CODE + sizeof code);
	assert_int_equal(b.indirect, 0);
	blocks_free(&b);
}

static void
arm_literals(void **state)
{
	/* The literal would read as a branch. */
	static const uint32_t code[] = {
		0xe59f0004, /* 0: ldr r0, [pc, #4]: 0xc */
		0xe3500000, /* 4: cmp r0, #0 */
		0xea000000, /* 8: b 0x10 */
		0x0afffffb, /* c: literal; beq 0 */
		0x012fff1e, /* 10: bxeq lr */
		0xe8bd8010, /* 14: pop {r4, pc} */
	};
	struct blocks b;

	(void)state;
	expect(&b, EM_ARM, false, code, sizeof code, sizeof code, "0 10 14");
	blocks_free(&b);
}

static void
thumb_table(void **state)
{
	/* tbb [pc, r0] with two targets. */
	static const uint16_t code[] = {
		0xe8df, 0xf000, /* 0: tbb [pc, r0] */
		0x0201,		/* 4: 6, 8 */
		0x4770,		/* 6: bx lr */
		0xb108,		/* 8: cbz r0, e */
		0xbd10,		/* a: pop {r4, pc} */
		0xbf00,		/* c: not reached */
		0x4770,		/* e: bx lr */
	};
	struct blocks b;

	(void)state;
	expect(&b, EM_ARM, true, code, sizeof code, sizeof code, "0 6 8 a e");
	assert_true(b.thumb);
	blocks_free(&b);
}

static void
mips_delay(void **state)
{
	/* What stands behind a branch is done before it: no block there. */
	static const uint32_t code[] = {
		0x10800003, /* 0: beqz a0, 0x10 */
		0x24020001, /* 4: li v0, 1 (slot) */
		0x0c012100, /* 8: jal */
		0x00000000, /* c: nop (slot) */
		0x03e00008, /* 10: jr ra */
		0x00000000, /* 14: nop (slot) */
	};
	struct blocks b;

	(void)state;
	expect(&b, EM_MIPS, false, code, sizeof code, sizeof code, "0 8 10");
	blocks_free(&b);
}

static void
powerpc(void **state)
{
	static const uint8_t code[] = {
		0x2c, 0x03, 0x00, 0x00, /* 0: cmpwi r3,0 */
		0x41, 0x82, 0x00, 0x0c, /* 4: beq 10 */
		0x48, 0x00, 0x10, 0x01, /* 8: bl */
		0x48, 0x00, 0x00, 0x08, /* c: b 14 */
		0x38, 0x60, 0x00, 0x01, /* 10: li r3,1 */
		0x4d, 0x82, 0x00, 0x20, /* 14: beqlr */
		0x4e, 0x80, 0x00, 0x20, /* 18: blr */
	};
	struct blocks b;

	(void)state;
	expect(&b, EM_PPC, false, code, sizeof code, sizeof code,
	    "0 8 10 14 18");
	assert_int_equal(b.indirect, 0);
	blocks_free(&b);
}

static void
sparc(void **state)
{
	static const uint8_t code[] = {
		0x80, 0xa2, 0x20, 0x00, /* 0: cmp %o0,0 */
		0x02, 0x40, 0x00, 0x05, /* 4: be %icc,18 */
		0x01, 0x00, 0x00, 0x00, /* 8: nop (slot) */
		0x30, 0x68, 0x00, 0x02, /* c: ba,a %xcc,14 (no slot) */
		0x40, 0x00, 0x00, 0x00, /* 10: never reached */
		0x40, 0x00, 0x04, 0x00, /* 14: call; the next is its slot, */
		0x01, 0x00, 0x00, 0x00, /* 18: and another path's start */
		0x81, 0xc3, 0xe0, 0x08, /* 1c: retl */
		0x01, 0x00, 0x00, 0x00, /* 20: nop (slot) */
	};
	struct blocks b;

	(void)state;
	expect(&b, EM_SPARCV9, false, code, sizeof code, sizeof code,
	    "0 c 14");
	assert_int_equal(b.indirect, 0);
	blocks_free(&b);
}

static void
m68k(void **state)
{
	static const uint8_t code[] = {
		0x4a, 0x80,		/* 0: tstl %d0 */
		0x67, 0x08,		/* 2: beqs c */
		0x61, 0xff, 0, 0, 1, 0, /* 4: bsrl */
		0x60, 0x02,		/* a: bras e */
		0x70, 0x01,		/* c: moveq #1,%d0 */
		0x51, 0xc8, 0xff, 0xfc, /* e: dbf %d0,c */
		0x4e, 0x75,		/* 12: rts */
	};
	struct blocks b;

	(void)state;
	expect(&b, EM_68K, false, code, sizeof code, sizeof code, "0 4 c e 12");
	assert_int_equal(b.indirect, 0);
	blocks_free(&b);
}

static void
nothing(void **state)
{
	static const uint8_t code[] = { 0xc3 };
	struct blocks b;
	struct elf e;
	char why[128];

	(void)state;
	load(&e, EM_386, code, sizeof code);
	assert_int_equal(blocks_find(&b, &e, 0x1000, 10, false, why,
	    sizeof why), -1);
	assert_non_null(strstr(why, "no code"));
	elf_close(&e);
	load(&e, EM_SH, code, sizeof code);
	assert_int_equal(blocks_find(&b, &e, CODE, 10, false, why,
	    sizeof why), -1);
	elf_close(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(i386),
		cmocka_unit_test(i386_table),
		cmocka_unit_test(i386_relative_table),
		cmocka_unit_test(arm_literals),
		cmocka_unit_test(arm_call_through_register),
		cmocka_unit_test(thumb_table),
		cmocka_unit_test(mips_delay),
		cmocka_unit_test(powerpc),
		cmocka_unit_test(sparc),
		cmocka_unit_test(m68k),
		cmocka_unit_test(nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
