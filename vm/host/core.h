/*
 * Core dumps (gABI's ET_CORE, Linux' notes): why a process died, with which
 * registers, and by which way it came there. A core comes out of the guest and
 * is read with every offset checked.
 */
#ifndef HOST_CORE_H
#define HOST_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"
#include "elffile.h"

#define CORE_REGISTERS_MAX 48
#define CORE_FRAMES_MAX 32

struct core_frame {
	uint64_t address;
	const struct elf_symbol *function; /* of the program, or NULL */
	uint64_t offset; /* in that function */
	/*
	 * How it is known: "registers" (the innermost one), "call" (the
	 * instruction before calls the function inside it), "only call" (a
	 * return probe stood in its place on the stack, and the function inside
	 * it is called from nowhere else), "hidden" (the same, but it may be
	 * one of several: then the address is the probe's), "frame" (the
	 * function inside keeps it there, as its code says), "stack" (it stands
	 * on the stack and lies behind some call: likely, and no more).
	 */
	const char *how;
};

struct core {
	int signal, code;
	bool has_address;
	uint64_t address; /* that the fault was at */
	char program[256]; /* its path, "" if not known */
	bool same; /* that path is the one that was asked for */
	struct {
		const char *name;
		uint64_t value;
	} registers[CORE_REGISTERS_MAX];
	size_t register_count;
	bool has_pc;
	uint64_t pc, sp;
	struct core_frame frames[CORE_FRAMES_MAX];
	size_t frame_count;
};

/*
 * Reads a core. program is the file that it may be of, and path its name in
 * the guest; frames point into it. 0, or -1 with a line in why; what the core
 * does not have is left empty.
 */
int core_read(struct core *, const void *data, size_t n,
    const struct elf *program, const char *path, char *why, size_t size)
    A_MUST_USE;
/* "SIGSEGV"; NULL for a number that is no usual signal. */
const char *core_signal(int);

#endif
