/*
 * Calls, read backwards from where they return to.
 */
#include <elf.h>
#include <stddef.h>

#include "callsite.h"

/* n bytes of code at an address, as a number; false if they aren't code. */
static bool
callsite_code(const struct elf *e, uint64_t address, size_t n, uint32_t *v)
{
	uint64_t at, end;

	/* The last byte's place tells that all lie in one segment. */
	if (elf_offset(e, address, &at) == -1 ||
	    elf_offset(e, address + n - 1, &end) == -1 || end != at + n - 1 ||
	    end >= e->n)
		return false;
	*v = 0;
	for (size_t i = 0; i < n; i++)
		*v = *v << 8 | e->data[e->big ? at + i : end - i];
	return true;
}

/* Extends the sign of an n-bit number. */
static int64_t
callsite_signed(uint32_t v, int n)
{
	return (int64_t)((uint64_t)v << (64 - n)) >> (64 - n);
}

/* Intel SDM volume 2, CALL: E8 rel32, or FF /2 with a ModRM of any length. */
static enum callsite
callsite_x86(const struct elf *e, uint64_t at, uint64_t *target)
{
	static const struct {
		unsigned back;
		uint8_t mask, modrm; /* mod and, where it matters, rm */
	} forms[] = {
		{ 2, 0xf8, 0xd0 }, /* register */
		{ 2, 0xf8, 0x10 }, /* [register] */
		{ 3, 0xf8, 0x50 }, /* disp8 */
		{ 3, 0xff, 0x14 }, /* [SIB] */
		{ 4, 0xff, 0x54 }, /* [SIB + disp8] */
		{ 6, 0xff, 0x15 }, /* [disp32] */
		{ 6, 0xf8, 0x90 }, /* disp32 */
		{ 7, 0xff, 0x14 }, /* [SIB, no base, disp32] */
		{ 7, 0xff, 0x94 }, /* [SIB + disp32] */
	};
	uint32_t v;

	if (callsite_code(e, at - 5, 1, &v) && v == 0xe8 &&
	    callsite_code(e, at - 4, 4, &v)) {
		*target = at + (uint64_t)callsite_signed(v, 32);
		if (e->bits == 32)
			*target &= 0xffffffff;
		if (elf_offset(e, *target, &(uint64_t) { 0 }) == 0)
			return CALLSITE_DIRECT;
	}
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (callsite_code(e, at - forms[i].back, 2, &v) &&
		    (v & 0xff) == 0xff &&
		    (v >> 8 & forms[i].mask) == forms[i].modrm)
			return CALLSITE_INDIRECT;
	return CALLSITE_NONE;
}

/* ARM ARM (DDI 0406), BL and BLX in Thumb. */
static enum callsite
callsite_thumb(const struct elf *e, uint64_t at, uint64_t *target)
{
	uint32_t high, low, v;

	if (callsite_code(e, at - 4, 2, &high) &&
	    callsite_code(e, at - 2, 2, &low) && (high & 0xf800) == 0xf000 &&
	    (low & 0xc000) == 0xc000) {
		uint32_t s = high >> 10 & 1, i1 = ~((low >> 13 & 1) ^ s) & 1;
		uint32_t i2 = ~((low >> 11 & 1) ^ s) & 1;

		v = s << 24 | i1 << 23 | i2 << 22 | (high & 0x3ff) << 12 |
		    (low & 0x7ff) << 1;
		*target = at + (uint64_t)callsite_signed(v, 25);
		/* BLX goes to ARM code, which lies at multiples of 4. */
		if (!(low & 0x1000))
			*target &= ~UINT64_C(3);
		*target &= 0xffffffff;
		return CALLSITE_DIRECT;
	}
	return callsite_code(e, at - 2, 2, &v) && (v & 0xff87) == 0x4780 ?
	    CALLSITE_INDIRECT : CALLSITE_NONE;
}

static enum callsite
callsite_arm(const struct elf *e, uint64_t at, uint64_t *target)
{
	uint32_t v;

	if (at & 1)
		return callsite_thumb(e, at - 1, target);
	if (!callsite_code(e, at - 4, 4, &v))
		return CALLSITE_NONE;
	if ((v & 0x0f000000) == 0x0b000000) { /* BL, BLX (immediate) */
		*target = (at + 4 +
		    (uint64_t)callsite_signed(v & 0xffffff, 24) * 4) &
		    0xffffffff;
		if (v >> 28 == 0xf)
			*target |= v >> 23 & 2;
		return CALLSITE_DIRECT;
	}
	if (v >> 25 == 0x7d) { /* BLX (immediate) with H clear */
		*target = (at + 4 +
		    (uint64_t)callsite_signed(v & 0xffffff, 24) * 4) &
		    0xffffffff;
		return CALLSITE_DIRECT;
	}
	return (v & 0x0ffffff0) == 0x012fff30 ? CALLSITE_INDIRECT :
	    CALLSITE_NONE;
}

/* ARM ARM (DDI 0487), BL and BLR. */
static enum callsite
callsite_arm64(const struct elf *e, uint64_t at, uint64_t *target)
{
	uint32_t v;

	if (!callsite_code(e, at - 4, 4, &v))
		return CALLSITE_NONE;
	if (v >> 26 == 0x25) {
		*target = at - 4 +
		    (uint64_t)callsite_signed(v & 0x3ffffff, 26) * 4;
		return CALLSITE_DIRECT;
	}
	return (v & 0xfffffc1f) == 0xd63f0000 ? CALLSITE_INDIRECT :
	    CALLSITE_NONE;
}

/* MIPS32, JAL, BAL and JALR; each has a delay slot behind it. */
static enum callsite
callsite_mips(const struct elf *e, uint64_t at, uint64_t *target)
{
	uint32_t v;

	if (!callsite_code(e, at - 8, 4, &v))
		return CALLSITE_NONE;
	if (v >> 26 == 3) {
		*target = ((at - 4) & ~UINT64_C(0xfffffff)) |
		    (uint64_t)(v & 0x3ffffff) << 2;
		return CALLSITE_DIRECT;
	}
	if ((v & 0xffff0000) == 0x04110000) {
		*target = at - 4 +
		    (uint64_t)callsite_signed(v & 0xffff, 16) * 4;
		return CALLSITE_DIRECT;
	}
	return v >> 26 == 0 && (v & 0x3f) == 9 ? CALLSITE_INDIRECT :
	    CALLSITE_NONE;
}

/* Power ISA, bl and bctrl. */
static enum callsite
callsite_ppc(const struct elf *e, uint64_t at, uint64_t *target)
{
	uint32_t v;

	if (!callsite_code(e, at - 4, 4, &v))
		return CALLSITE_NONE;
	if ((v & 0xfc000003) == 0x48000001) {
		*target = (at - 4 +
		    (uint64_t)callsite_signed(v & 0x3fffffc, 26)) & 0xffffffff;
		return CALLSITE_DIRECT;
	}
	return v == 0x4e800421 ? CALLSITE_INDIRECT : CALLSITE_NONE;
}

/* M68000 PRM, BSR with 16 and 32 bits, JSR absolute and (An). */
static enum callsite
callsite_m68k(const struct elf *e, uint64_t at, uint64_t *target)
{
	uint32_t v;

	if (callsite_code(e, at - 6, 2, &v) && (v == 0x61ff || v == 0x4eb9)) {
		uint32_t word;

		if (!callsite_code(e, at - 4, 4, &word))
			return CALLSITE_NONE;
		*target = v == 0x4eb9 ? word : (uint32_t)(at - 4) + word;
		return CALLSITE_DIRECT;
	}
	if (callsite_code(e, at - 4, 4, &v) && v >> 16 == 0x6100) {
		*target = (at - 2 +
		    (uint64_t)callsite_signed(v & 0xffff, 16)) & 0xffffffff;
		return CALLSITE_DIRECT;
	}
	return callsite_code(e, at - 2, 2, &v) && (v & 0xfff8) == 0x4e90 ?
	    CALLSITE_INDIRECT : CALLSITE_NONE;
}

/* SPARC-V9, CALL, and JMPL that links; each has a delay slot behind it. */
static enum callsite
callsite_sparc(const struct elf *e, uint64_t at, uint64_t *target)
{
	uint32_t v;

	if (!callsite_code(e, at - 8, 4, &v))
		return CALLSITE_NONE;
	if (v >> 30 == 1) {
		*target = at - 8 + (uint64_t)callsite_signed(v & 0x3fffffff,
		    30) * 4;
		return CALLSITE_DIRECT;
	}
	return (v & 0xfff80000) == 0x9fc00000 ? CALLSITE_INDIRECT :
	    CALLSITE_NONE;
}

bool
callsite_frame(const struct elf *e, uint64_t function,
    struct callsite_frame *frame)
{
	const uint32_t stack = e->bits == 64 ? 0x67bd0000 : 0x27bd0000;
	const uint32_t store = e->bits == 64 ? 0xffbf0000 : 0xafbf0000;
	uint32_t v;

	*frame = (struct callsite_frame) { 0, 0 };
	if (e->machine != EM_MIPS)
		return false;
	/* (d)addiu sp,sp,-SIZE; then, soon, sw or sd ra,LINK(sp) */
	for (uint64_t i = 0; i < 24; i++) {
		if (!callsite_code(e, function + 4 * i, 4, &v))
			return false;
		if ((v & 0xffff0000) == stack && (v & 0x8000) &&
		    frame->size == 0)
			frame->size = (uint64_t)-callsite_signed(v & 0xffff,
			    16);
		else if ((v & 0xffff0000) == store && frame->size > 0) {
			frame->link = v & 0xffff;
			return frame->link < frame->size;
		}
	}
	return false;
}

enum callsite
callsite_before(const struct elf *e, uint64_t address, uint64_t *target)
{
	static const struct {
		uint16_t machine;
		enum callsite (*look)(const struct elf *, uint64_t, uint64_t *);
	} machines[] = {
		{ EM_386, callsite_x86 }, { EM_X86_64, callsite_x86 },
		{ EM_ARM, callsite_arm }, { EM_AARCH64, callsite_arm64 },
		{ EM_MIPS, callsite_mips }, { EM_PPC, callsite_ppc },
		{ EM_68K, callsite_m68k }, { EM_SPARCV9, callsite_sparc },
	};

	if (address < 8)
		return CALLSITE_NONE;
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
		if (machines[i].machine == e->machine)
			return machines[i].look(e, address, target);
	return CALLSITE_NONE;
}
