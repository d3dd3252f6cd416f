/*
 * Any bytes as the notes and the memory of a core, of any machine, beside a
 * program whose code they are as well: nothing outside them is read.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

#define CODE 0x8048000

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* An honest header, so that what is behind it is looked at. */
static void
header(uint8_t *out, uint16_t machine, size_t n)
{
	Elf32_Ehdr *e = (Elf32_Ehdr *)out;
	Elf32_Phdr *p = (Elf32_Phdr *)(out + sizeof *e);

	memcpy(e->e_ident, ELFMAG, SELFMAG);
	e->e_ident[EI_CLASS] = ELFCLASS32;
	e->e_ident[EI_DATA] = ELFDATA2LSB;
	e->e_type = ET_CORE;
	e->e_machine = machine;
	e->e_phoff = sizeof *e;
	e->e_phentsize = sizeof *p;
	e->e_phnum = 3;
	p[0] = (Elf32_Phdr) { .p_type = PT_NOTE, .p_offset = 256,
		.p_filesz = (Elf32_Word)n };
	p[1] = (Elf32_Phdr) { .p_type = PT_LOAD, .p_offset = 256,
		.p_vaddr = 0xbff00000, .p_filesz = (Elf32_Word)n };
	p[2] = (Elf32_Phdr) { .p_type = PT_LOAD, .p_flags = PF_X,
		.p_vaddr = 0xbffff000 };
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const uint16_t machines[] = { EM_386, EM_ARM, EM_MIPS, EM_PPC,
		EM_68K };
	static char names[2][8] = { "inner", "outer" };
	struct elf_symbol functions[] = {
		{ .name = names[0], .address = CODE, .size = 16 },
		{ .name = names[1], .address = CODE + 16, .offset = 16 },
	};
	struct elf e = { .bits = 32, .entry = CODE, .functions = functions,
		.count = 2, .data = bytes, .n = n, .segment_count = 1,
		.segments = { { 0, CODE, n, true } } };
	struct core *c = malloc(sizeof *c);
	char why[100];

	/* As it is, and behind a header. */
	(void)!core_read(c, bytes, n, &e, "/x", why, sizeof why);
	if (n > 0) {
		uint8_t *whole = calloc(1, 256 + n);

		e.machine = machines[bytes[0] % 5];
		header(whole, e.machine, n);
		memcpy(whole + 256, bytes, n);
		if (core_read(c, whole, 256 + n, &e, "", why, sizeof why) == 0)
			for (size_t i = 0; i < c->frame_count; i++)
				if (c->frames[i].function != NULL &&
				    c->frames[i].function != &functions[0] &&
				    c->frames[i].function != &functions[1])
					abort();
		free(whole);
	}
	free(c);
	return 0;
}
