/*
 * ELF files.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "elffile.h"

#define ELF_SYMBOLS_MAX 200000
#define ELF_NAME_MAX 255

/* Reads so many bytes at an offset, 0 if they lie outside the file. */
static uint64_t
elf_get(const struct elf *e, uint64_t at, size_t bytes)
{
	uint64_t v = 0;

	if (at > e->n || e->n - at < bytes)
		return 0;
	for (size_t i = 0; i < bytes; i++)
		v = v << 8 |
		    e->data[at + (e->big ? i : bytes - 1 - i)];
	return v;
}

/* A field that is 4 or 8 bytes wide, at one of two places. */
static uint64_t
elf_word(const struct elf *e, uint64_t base, size_t at32, size_t at64)
{
	return e->bits == 64 ? elf_get(e, base + at64, 8) :
	    elf_get(e, base + at32, 4);
}

static int
elf_header(struct elf *e, char *why, size_t size)
{
	if (e->n < 4 || memcmp(e->data, ELFMAG, SELFMAG) != 0) {
		if (e->n >= 2 && memcmp(e->data, "#!", 2) == 0)
			snprintf(why, size, "a script, not an ELF program");
		else
			snprintf(why, size, "not an ELF file");
		return -1;
	}
	if (e->n < sizeof(Elf32_Ehdr)) {
		snprintf(why, size, "a truncated ELF header");
		return -1;
	}
	if ((e->data[EI_CLASS] != ELFCLASS32 &&
		e->data[EI_CLASS] != ELFCLASS64) ||
	    (e->data[EI_DATA] != ELFDATA2LSB &&
		e->data[EI_DATA] != ELFDATA2MSB)) {
		snprintf(why, size, "an ELF header with an unknown class or "
		    "byte order");
		return -1;
	}
	e->bits = e->data[EI_CLASS] == ELFCLASS64 ? 64 : 32;
	e->big = e->data[EI_DATA] == ELFDATA2MSB;
	e->type = (uint16_t)elf_get(e, 16, 2);
	e->machine = (uint16_t)elf_get(e, 18, 2);
	e->entry = elf_word(e, 24, 0, 0);
	e->flags = (uint32_t)elf_get(e, e->bits == 64 ? 48 : 36, 4);
	if (e->type != ET_EXEC && e->type != ET_DYN) {
		snprintf(why, size, "an ELF file, but not a program (%s)",
		    e->type == ET_REL ? "an object file" :
		    e->type == ET_CORE ? "a core" : "unknown type");
		return -1;
	}
	return 0;
}

static int
elf_segments(struct elf *e, char *why, size_t size)
{
	uint64_t at = elf_word(e, 0, 28, 32), entry;
	uint16_t count = (uint16_t)elf_get(e, e->bits == 64 ? 56 : 44, 2);

	entry = elf_get(e, e->bits == 64 ? 54 : 42, 2);
	if (entry < (e->bits == 64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) ||
	    count == 0) {
		snprintf(why, size, "an ELF file without program headers");
		return -1;
	}
	for (uint16_t i = 0; i < count; i++, at += entry) {
		uint32_t type = (uint32_t)elf_get(e, at, 4);
		uint64_t offset = elf_word(e, at, 4, 8);
		uint64_t filesz = elf_word(e, at, 16, 32);

		if (at > e->n || e->n - at < entry) {
			snprintf(why, size, "a truncated ELF file: its "
			    "program headers lie outside");
			return -1;
		}
		if (type == PT_INTERP && offset < e->n) {
			size_t n = e->n - offset;

			e->interpreted = true;
			if (n > filesz)
				n = (size_t)filesz;
			if (n >= sizeof e->interpreter)
				n = sizeof e->interpreter - 1;
			memcpy(e->interpreter, e->data + offset, n);
		}
		if (type != PT_LOAD || filesz == 0)
			continue;
		if (offset > e->n || filesz > e->n - offset) {
			snprintf(why, size, "a truncated ELF file: %zu bytes, "
			    "and a segment ends at %llu", e->n,
			    (unsigned long long)(offset + filesz));
			return -1;
		}
		if (e->segment_count == sizeof e->segments / sizeof *e->segments)
			continue;
		e->segments[e->segment_count++] = (struct elf_segment) {
			offset, elf_word(e, at, 8, 16), filesz,
			(elf_get(e, at + (e->bits == 64 ? 4 : 24), 4) & PF_X)
			    != 0
		};
	}
	if (e->segment_count == 0) {
		snprintf(why, size, "an ELF file with nothing to load");
		return -1;
	}
	return 0;
}

int
elf_offset(const struct elf *e, uint64_t address, uint64_t *offset)
{
	for (size_t i = 0; i < e->segment_count; i++) {
		const struct elf_segment *s = &e->segments[i];

		if (s->code && address >= s->address &&
		    address - s->address < s->size) {
			*offset = address - s->address + s->offset;
			return 0;
		}
	}
	return -1;
}

const uint8_t *
elf_bytes(const struct elf *e, uint64_t address, size_t n)
{
	for (size_t i = 0; i < e->segment_count; i++) {
		const struct elf_segment *s = &e->segments[i];

		if (address >= s->address && address - s->address < s->size &&
		    s->size - (address - s->address) >= n)
			return e->data + (address - s->address + s->offset);
	}
	return NULL;
}

/* Takes one row of a symbol table, if it is a function that we can name. */
static void
elf_symbol(struct elf *e, uint64_t at, uint64_t names, uint64_t names_size,
    unsigned *file)
{
	uint64_t name = elf_get(e, at, 4), offset;
	uint64_t address = elf_word(e, at, 4, 8);
	uint8_t info = (uint8_t)elf_get(e, at + (e->bits == 64 ? 4 : 12), 1);
	uint16_t section = (uint16_t)elf_get(e,
	    at + (e->bits == 64 ? 6 : 14), 2);
	bool thumb = e->machine == EM_ARM && (address & 1) != 0;
	const uint8_t *text, *end;

	if (ELF32_ST_TYPE(info) == STT_FILE)
		++*file;
	if (ELF32_ST_TYPE(info) != STT_FUNC || section == SHN_UNDEF ||
	    name >= names_size || names + name >= e->n)
		return;
	if (thumb)
		address--;
	text = e->data + names + name;
	end = memchr(text, '\0', e->n - (size_t)(names + name));
	if (end == NULL || end == text || end - text > ELF_NAME_MAX ||
	    elf_offset(e, address, &offset) == -1)
		return;
	e->functions[e->count++] = (struct elf_symbol) {
		xmemdup0(text, (size_t)(end - text)), address,
		elf_word(e, at, 8, 16), offset,
		ELF32_ST_BIND(info) == STB_LOCAL ? *file : 0, thumb
	};
}

static int
elf_compare(const void *a, const void *b)
{
	const struct elf_symbol *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

/* Reads the symbol table; without a usable one there are no functions. */
static void
elf_symbols(struct elf *e)
{
	uint64_t at = elf_word(e, 0, 32, 40);
	uint64_t entry = elf_get(e, e->bits == 64 ? 58 : 46, 2);
	uint64_t count = elf_get(e, e->bits == 64 ? 60 : 48, 2);
	uint64_t step = e->bits == 64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);

	if (entry < (e->bits == 64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr)))
		return;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t row = at + i * entry, names_row;
		unsigned file = 0;

		if (row > e->n || elf_get(e, row + 4, 4) != SHT_SYMTAB)
			continue;
		uint64_t offset = elf_word(e, row, 16, 24);
		uint64_t bytes = elf_word(e, row, 20, 32);
		uint64_t link = elf_get(e, row + (e->bits == 64 ? 40 : 24), 4);

		if (link >= count || offset > e->n || bytes > e->n - offset ||
		    bytes / step > ELF_SYMBOLS_MAX)
			continue;
		names_row = at + link * entry;
		e->functions = xcalloc((size_t)(bytes / step) + 1,
		    sizeof *e->functions);
		for (uint64_t s = 0; s + step <= bytes; s += step)
			elf_symbol(e, offset + s,
			    elf_word(e, names_row, 16, 24),
			    elf_word(e, names_row, 20, 32), &file);
		qsort(e->functions, e->count, sizeof *e->functions,
		    elf_compare);
		return;
	}
}

int
elf_open(struct elf *e, const void *data, size_t n, char *why, size_t size)
{
	memset(e, 0, sizeof *e);
	e->data = data;
	e->n = n;
	if (elf_header(e, why, size) == -1 || elf_segments(e, why, size) == -1)
		return -1;
	elf_symbols(e);
	return 0;
}

void
elf_close(struct elf *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->functions[i].name);
	free(e->functions);
	e->functions = NULL;
	e->count = 0;
}

const struct elf_symbol *
elf_function(const struct elf *e, const char *name)
{
	for (size_t i = 0; i < e->count; i++)
		if (strcmp(e->functions[i].name, name) == 0)
			return &e->functions[i];
	return NULL;
}

const struct elf_symbol *
elf_function_at(const struct elf *e, uint64_t address)
{
	size_t lo = 0, hi = e->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (e->functions[mid].address < address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < e->count && e->functions[lo].address == address ?
	    &e->functions[lo] : NULL;
}

const char *
elf_columns(const struct elf *e, char out[static ELF_COLUMNS_SIZE])
{
	snprintf(out, ELF_COLUMNS_SIZE, "%u%s/%x", e->bits,
	    e->big ? "be" : "le", e->machine);
	return out;
}

const char *
elf_words(const char *columns, char out[static ELF_WORDS_SIZE])
{
	/* gABI, e_machine. */
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {
		{ EM_386, "Intel 386" }, { EM_X86_64, "x86-64" },
		{ EM_ARM, "ARM" }, { EM_AARCH64, "64-bit ARM" },
		{ EM_MIPS, "MIPS" }, { EM_PPC, "PowerPC" },
		{ EM_PPC64, "64-bit PowerPC" }, { EM_68K, "Motorola 68000" },
		{ EM_SPARC, "SPARC" }, { EM_SPARCV9, "64-bit SPARC" },
		{ EM_SH, "SuperH" }, { EM_ARC_COMPACT, "ARC" },
		{ EM_RISCV, "RISC-V" } };
	unsigned machine;

	snprintf(out, ELF_WORDS_SIZE, "%s", columns);
	if (sscanf(columns, "%*2u%*2[a-z]/%x", &machine) != 1)
		return out;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].machine == machine)
			snprintf(out, ELF_WORDS_SIZE, "%s (%s)", names[i].name,
			    columns);
	return out;
}

bool
elf_fits(const struct elf *e, const char *columns)
{
	unsigned bits, machine, mask = 0, flags = 0;
	char order[3];
	int n = sscanf(columns, "%2u%2[a-z]/%x/%x=%x", &bits, order, &machine,
	    &mask, &flags);

	return (n == 3 || n == 5) && bits == e->bits &&
	    strcmp(order, e->big ? "be" : "le") == 0 &&
	    machine == e->machine && (e->flags & mask) == flags;
}
