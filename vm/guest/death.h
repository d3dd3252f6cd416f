/*
 * What the emulator's plugin (plugin/death.c) notes of a sample that dies by a
 * signal, for labinit's handler of cores (cores.c), which reads it from the
 * dying process. Addresses are the sample's own.
 */
#ifndef GUEST_DEATH_H
#define GUEST_DEATH_H

#include <stdint.h>

#define DEATH_MAGIC 0x48544445u
#define DEATH_REGISTERS 48
#define DEATH_REGIONS 64

struct death {
	uint32_t magic; /* 0: it did not die, or its machine is not known */
	uint32_t machine, word; /* ELF's e_machine; bytes */
	uint32_t signal, code;	/* si_code, 0 if not known */
	uint32_t register_count, region_count;
	uint64_t address;    /* si_addr, with code */
	uint64_t base;	     /* what is to be added for the process's own */
	uint64_t code_start; /* the lowest of the program's code */
	uint64_t registers[DEATH_REGISTERS]; /* as a core has them */
	struct death_region {
		uint64_t start, end;
		uint32_t flags, unused;
	} regions[DEATH_REGIONS];
	char path[256];
};

#endif
