/*
 * Registers in a core, machine by machine.
 */
#include <elf.h>

#include "coreregs.h"

static const struct coreregs coreregs[] = {
	{ EM_386, 32, "ebx ecx edx esi edi ebp eax ds es fs gs orig_eax eip cs "
	    "eflags esp ss", "eip", "esp", NULL, 0, 0 },
	{ EM_X86_64, 64, "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx "
	    "rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs",
	    "rip", "rsp", NULL, 0, 0 },
	{ EM_ARM, 32, "r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 fp ip sp lr pc cpsr "
	    "orig_r0", "pc", "sp", "lr", 0, 0 },
	{ EM_AARCH64, 64, "x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 x10 x11 x12 x13 x14 "
	    "x15 x16 x17 x18 x19 x20 x21 x22 x23 x24 x25 x26 x27 x28 x29 x30 "
	    "sp pc pstate", "pc", "sp", "x30", 0, 0 },
	/* o32 keeps room for six arguments first. */
	{ EM_MIPS, 32, "- - - - - - zero at v0 v1 a0 a1 a2 a3 t0 t1 t2 t3 t4 "
	    "t5 t6 t7 s0 s1 s2 s3 s4 s5 s6 s7 t8 t9 k0 k1 gp sp s8 ra lo hi pc "
	    "badvaddr status cause", "pc", "sp", "ra", 0, 0 },
	{ EM_MIPS, 64, "zero at v0 v1 a0 a1 a2 a3 a4 a5 a6 a7 t0 t1 t2 t3 s0 "
	    "s1 s2 s3 s4 s5 s6 s7 t8 t9 k0 k1 gp sp s8 ra lo hi pc badvaddr "
	    "status cause", "pc", "sp", "ra", 0, 0 },
	{ EM_PPC, 32, "r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 r13 r14 r15 "
	    "r16 r17 r18 r19 r20 r21 r22 r23 r24 r25 r26 r27 r28 r29 r30 r31 "
	    "nip msr orig_r3 ctr lr xer ccr", "nip", "r1", "lr", 0, 0 },
	/* What it saves is where the call stands, and its delay slot; the ABI
	 * has the stack's pointer 2047 too low. */
	{ EM_SPARCV9, 64, "g0 g1 g2 g3 g4 g5 g6 g7 o0 o1 o2 o3 o4 o5 sp o7 l0 "
	    "l1 l2 l3 l4 l5 l6 l7 i0 i1 i2 i3 i4 i5 fp i7 tstate pc npc y",
	    "pc", "sp", "o7", 8, 2047 },
	{ EM_68K, 32, "d1 d2 d3 d4 d5 d6 d7 a0 a1 a2 a3 a4 a5 a6 d0 sp orig_d0 "
	    "sr pc", "pc", "sp", NULL, 0, 0 },
};

const struct coreregs *
coreregs_of(uint16_t machine, uint8_t bits)
{
	for (size_t i = 0; i < sizeof coreregs / sizeof *coreregs; i++)
		if (coreregs[i].machine == machine && coreregs[i].bits == bits)
			return &coreregs[i];
	return NULL;
}
