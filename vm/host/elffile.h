/*
 * ELF files (gABI 4.1), read with every offset checked: a sample's headers are
 * hostile. Enough for which machine runs it, and for probes on its functions.
 */
#ifndef HOST_ELFFILE_H
#define HOST_ELFFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"

struct elf_symbol {
	char *name;
	uint64_t address, size; /* the address without the Thumb bit */
	uint64_t offset;	/* in the file */
	/* The source file that a local symbol stands under (gABI, STT_FILE),
	 * counted from 1; 0 for global ones, and where none is named. */
	unsigned file;
	bool thumb;
};

struct elf {
	uint8_t bits; /* 32 or 64 */
	bool big;     /* byte order */
	uint16_t machine, type;
	uint32_t flags;
	uint64_t entry;
	bool interpreted; /* needs a loader */
	char interpreter[256];
	struct elf_symbol *functions; /* defined ones, in order of address */
	size_t count;
	/* private: the file and its loadable segments */
	const uint8_t *data;
	size_t n;
	struct elf_segment {
		uint64_t offset, address, size;
		bool code;
	} segments[32];
	size_t segment_count;
};

/*
 * Reads the headers and, where there are any, the function symbols. The bytes
 * stay the caller's and must outlive e. 0, or -1 with a line in why.
 */
int elf_open(struct elf *e, const void *data, size_t n, char *why,
    size_t size) A_MUST_USE;
void elf_close(struct elf *);
/* The function of that name, or NULL. */
const struct elf_symbol *elf_function(const struct elf *, const char *name);
/* The file offset of an address in a code segment; 0 or -1. */
int elf_offset(const struct elf *, uint64_t address, uint64_t *offset)
    A_MUST_USE;
/* The function that begins at an address, or NULL. */
const struct elf_symbol *elf_function_at(const struct elf *, uint64_t address);
/* So many bytes at an address, as they are in the file; NULL if not all are. */
const uint8_t *elf_bytes(const struct elf *, uint64_t address, size_t n);
/*
 * Whether its header fits CLASS+ORDER/MACHINE[/MASK=VALUE], the second column
 * of vm/image/architectures, e.g. "32le/28/400=400".
 */
bool elf_fits(const struct elf *, const char *columns) A_MUST_USE;
/* Its header in that form, without MASK=VALUE. */
#define ELF_COLUMNS_SIZE 16
const char *elf_columns(const struct elf *, char out[static ELF_COLUMNS_SIZE]);
/*
 * Such columns behind the machine's name, "MIPS (32le/8)"; alone where it has
 * none here.
 */
#define ELF_WORDS_SIZE 64
const char *elf_words(const char *columns, char out[static ELF_WORDS_SIZE]);

#endif
