/*
 * The core of a program under an emulator. The kernel's would be that of the
 * emulator; its plugin has noted what the sample died of (death.h), and this,
 * as the kernel's handler of cores, reads that note and the sample's memory
 * from the dying process and writes a core such as a kernel of the sample's
 * own architecture would (core(5); <sys/procfs.h>).
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "breaks.h"
#include "death.h"
#include "guest.h"

#define EMUCORE_HEAD 16384
#define EMUCORE_NAME "CORE\0\0\0" /* and its NUL, in words of 4 bytes */

/* A core's head while it is made: numbers as the sample has them, its first
 * byte the highest. */
struct emucore {
	unsigned char b[EMUCORE_HEAD];
	size_t n;
	uint32_t word;
};

static void
emucore_put(struct emucore *c, uint64_t v, size_t bytes)
{
	for (size_t i = bytes; i > 0 && c->n < sizeof c->b; i--)
		c->b[c->n++] = (unsigned char)(v >> (8 * (i - 1)));
}

static void
emucore_zeros(struct emucore *c, size_t n)
{
	while (n-- > 0)
		emucore_put(c, 0, 1);
}

/* Writes n bytes of a number over what is there. */
static void
emucore_patch(struct emucore *c, size_t at, uint64_t v, size_t bytes)
{
	size_t end = c->n;

	c->n = at;
	emucore_put(c, v, bytes);
	c->n = end;
}

/* Begins a note; returns where its size is to be patched. */
static size_t
emucore_note(struct emucore *c, uint32_t type)
{
	size_t at = c->n + 4;

	emucore_put(c, 5, 4);
	emucore_put(c, 0, 4);
	emucore_put(c, type, 4);
	memcpy(c->b + c->n, EMUCORE_NAME, 8);
	c->n += 8;
	return at;
}

static void
emucore_note_end(struct emucore *c, size_t at)
{
	emucore_patch(c, at, c->n - at - 16, 4);
	emucore_zeros(c, -c->n & 3);
}

/* struct elf_prstatus, siginfo_t; which program it was, and where it begins. */
static void
emucore_notes(struct emucore *c, const struct death *d, uint64_t entry,
    uint64_t start)
{
	size_t at = emucore_note(c, NT_PRSTATUS), from = c->n;
	/* m68k aligns to 2 bytes only. */
	size_t registers = c->word == 8 ? 112 : d->machine == EM_68K ? 70 : 72;

	emucore_put(c, d->signal, 4);
	emucore_put(c, d->code, 4);
	emucore_put(c, 0, 4);
	emucore_put(c, d->signal, 2);
	emucore_zeros(c, from + registers - c->n);
	for (uint32_t i = 0; i < d->register_count; i++)
		emucore_put(c, d->registers[i], c->word);
	emucore_zeros(c, 4);
	emucore_note_end(c, at);

	at = emucore_note(c, NT_SIGINFO);
	from = c->n;
	emucore_put(c, d->signal, 4);
	/* MIPS has si_code before si_errno. */
	emucore_put(c, d->machine == EM_MIPS ? d->code : 0, 4);
	emucore_put(c, d->machine == EM_MIPS ? 0 : d->code, 4);
	emucore_zeros(c, c->word == 8 ? 4 : 0);
	emucore_put(c, d->address, c->word);
	emucore_zeros(c, from + 128 - c->n);
	emucore_note_end(c, at);

	at = emucore_note(c, NT_AUXV);
	emucore_put(c, AT_ENTRY, c->word);
	emucore_put(c, entry, c->word);
	emucore_zeros(c, 2 * c->word);
	emucore_note_end(c, at);

	at = emucore_note(c, NT_FILE);
	emucore_put(c, 1, c->word);
	emucore_put(c, 4096, c->word);
	emucore_put(c, start, c->word);
	emucore_put(c, start + 4096, c->word);
	emucore_put(c, 0, c->word);
	for (const char *p = d->path; *p != '\0'; p++)
		emucore_put(c, (unsigned char)*p, 1);
	emucore_put(c, 0, 1);
	emucore_note_end(c, at);
}

/* One program header, where the fields of both classes stand. */
static void
emucore_segment(struct emucore *c, uint32_t type, uint32_t flags,
    uint64_t offset, uint64_t address, uint64_t size)
{
	emucore_put(c, type, 4);
	if (c->word == 8)
		emucore_put(c, flags, 4);
	emucore_put(c, offset, c->word);
	emucore_put(c, address, c->word);
	emucore_put(c, 0, c->word);
	emucore_put(c, size, c->word);
	emucore_put(c, size, c->word);
	if (c->word == 4)
		emucore_put(c, flags, 4);
	emucore_put(c, type == PT_NOTE ? 4 : 4096, c->word);
}

/* qemu's flags of a page are mmap's: reading is 1, in ELF's it is 4. */
static uint32_t
emucore_flags(uint32_t flags)
{
	return (flags & 1 ? PF_R : 0u) | (flags & 2 ? PF_W : 0u) |
	    (flags & 4 ? PF_X : 0u);
}

/* All that stands before the memory. */
static void
emucore_head(struct emucore *c, const struct death *d, uint64_t entry,
    uint64_t start)
{
	size_t headers = c->word == 8 ? 64 : 52;
	size_t header = c->word == 8 ? 56 : 32, notes, first;
	uint64_t at = EMUCORE_HEAD;

	c->n = 0;
	memcpy(c->b, ELFMAG, SELFMAG);
	c->n = SELFMAG;
	emucore_put(c, c->word == 8 ? ELFCLASS64 : ELFCLASS32, 1);
	emucore_put(c, ELFDATA2MSB, 1);
	emucore_put(c, EV_CURRENT, 1);
	emucore_zeros(c, EI_NIDENT - c->n);
	emucore_put(c, ET_CORE, 2);
	emucore_put(c, d->machine, 2);
	emucore_put(c, EV_CURRENT, 4);
	emucore_put(c, 0, c->word);
	emucore_put(c, headers, c->word);
	emucore_put(c, 0, c->word);
	emucore_put(c, 0, 4);
	emucore_put(c, headers, 2);
	emucore_put(c, header, 2);
	emucore_put(c, d->region_count + 1, 2);
	emucore_zeros(c, 6);
	first = c->n;
	emucore_segment(c, PT_NOTE, 0, 0, 0, 0);
	for (uint32_t i = 0; i < d->region_count; i++) {
		const struct death_region *r = &d->regions[i];

		emucore_segment(c, PT_LOAD, emucore_flags(r->flags), at,
		    r->start, r->end - r->start);
		at += r->end - r->start;
	}
	notes = c->n;
	emucore_notes(c, d, entry, start);
	at = c->n;
	c->n = first;
	emucore_segment(c, PT_NOTE, 0, notes, 0, at - notes);
	c->n = sizeof c->b;
}

/* Where the plugin's library begins in a process; 0 if it isn't there. */
static uint64_t
emucore_library(int pid)
{
	unsigned long long start, offset;
	char path[64], line[512];
	uint64_t found = 0;
	int name = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/maps", pid);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	while (found == 0 && fgets(line, sizeof line, f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%llx-%*x %*s %llx %*s %*s %n", &start,
			&offset, &name) == 2 && offset == 0 &&
		    strcmp(line + name, PLUGIN_LIBRARY) == 0)
			found = start;
	}
	fclose(f);
	return found;
}

/* The ELF header of the program: where it lies, and where it says to begin. */
static uint64_t
emucore_entry(int memory, const struct death *d, uint64_t *start)
{
	unsigned char head[64];
	uint64_t entry = 0;

	*start = 0;
	for (uint32_t i = 0; i < d->region_count; i++)
		if (d->regions[i].start <= d->code_start &&
		    d->regions[i].start >= *start &&
		    pread(memory, head, sizeof head, (off_t)(d->base +
			d->regions[i].start)) == sizeof head &&
		    memcmp(head, ELFMAG, SELFMAG) == 0) {
			*start = d->regions[i].start;
			entry = 0;
			for (uint32_t k = 0; k < d->word; k++)
				entry = entry << 8 | head[24 + k];
			if (head[16] == 0 && head[17] == ET_DYN)
				entry += *start;
		}
	return entry;
}

/* Copies so much of the process's memory; what can't be read is zeros. */
static int
emucore_copy(int memory, uint64_t at, uint64_t n, int out, long *left)
{
	static unsigned char b[65536];

	while (n > 0) {
		size_t want = n < sizeof b ? (size_t)n : sizeof b;

		if ((long)want > *left)
			return -1;
		if (pread(memory, b, want, (off_t)at) == -1)
			memset(b, 0, want);
		if (write_all(out, b, want) == -1)
			return -1;
		*left -= (long)want;
		at += want;
		n -= want;
	}
	return 0;
}

int
emucore_write(int pid, int out, long max)
{
	static struct death d;
	static struct emucore c;
	uint64_t library = emucore_library(pid), entry, start;
	char path[64];
	int memory;

	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	if (library == 0 ||
	    (memory = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	if (pread(memory, &d, sizeof d, (off_t)(library +
		plugin_death_at())) != sizeof d || d.magic != DEATH_MAGIC ||
	    (d.word != 4 && d.word != 8) || d.register_count >
	    DEATH_REGISTERS || d.region_count > DEATH_REGIONS) {
		close(memory);
		return -1;
	}
	d.path[sizeof d.path - 1] = '\0';
	c.word = d.word;
	entry = emucore_entry(memory, &d, &start);
	emucore_head(&c, &d, entry, start);
	if (write_all(out, c.b, sizeof c.b) == 0)
		for (uint32_t i = 0; i < d.region_count; i++)
			if (emucore_copy(memory, d.base + d.regions[i].start,
				d.regions[i].end - d.regions[i].start, out,
				&max) == -1)
				break;
	close(memory);
	return 0;
}
