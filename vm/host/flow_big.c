/*
 * Where an instruction of PowerPC, SPARC or m68k leads: its branches. Values in
 * registers are not followed, so a jump through a table stays unknown.
 */
#include <stdlib.h>
#include <string.h>

#include "flow_arch.h"

/* The instruction as a number: both of these are big-endian, 4 bytes each. */
static uint32_t
flow_number(const cs_insn *i)
{
	return (uint32_t)i->bytes[0] << 24 | (uint32_t)i->bytes[1] << 16 |
	    (uint32_t)i->bytes[2] << 8 | i->bytes[3];
}

/* Where a distance of so many bits leads, in steps of 4 bytes. */
static uint64_t
flow_far(uint64_t from, uint32_t distance, int bits)
{
	return from + (uint64_t)((int64_t)((uint64_t)distance << (64 - bits)) >>
	    (64 - bits)) * 4;
}

/* Power ISA book I, 2.4: the branches, and an unconditional trap. */
void
flow_ppc(const struct flow_reader *r, struct flow *f, struct registers *regs)
{
	const cs_insn *i = r->insn;
	uint32_t w = flow_number(i), operation = w >> 26;
	uint32_t more = w >> 1 & 0x3ff;
	bool links = (w & 1) != 0, maybe = (w >> 21 & 0x14) != 0x14;
	uint64_t from = (w & 2) != 0 ? 0 : i->address;

	(void)regs;
	if (operation == 18 || operation == 16) {
		flow_to(f, links ? FLOW_CALL : FLOW_JUMP,
		    operation == 16 && maybe && !links,
		    (operation == 18 ? flow_far(from, w >> 2 & 0xffffff, 24) :
		    flow_far(from, w >> 2 & 0x3fff, 14)) & 0xffffffff);
	} else if (operation == 19 && (more == 16 || more == 528)) {
		f->kind = links ? FLOW_CALL : more == 16 ? FLOW_END :
		    FLOW_AWAY;
		f->maybe = maybe && !links;
	} else if (w == 0x7fe00008) {
		f->kind = FLOW_END;
	}
}

/* SPARC-V9, 6.3.4: the branches; each has a slot, but for `ba,a'. */
void
flow_sparc(const struct flow_reader *r, struct flow *f, struct registers *regs)
{
	const cs_insn *i = r->insn;
	uint32_t w = flow_number(i), form = w >> 22 & 7, condition;
	bool any;

	(void)regs;
	if (w >> 30 == 1) {
		flow_to(f, FLOW_CALL, false, flow_far(i->address, w, 30));
		f->delayed = true;
	} else if (w >> 30 == 0 && form != 0 && form != 4 && form != 7) {
		condition = form == 3 ? 1 : w >> 25 & 15;
		any = condition == 8;
		if (condition == 0)
			return;
		flow_to(f, FLOW_JUMP, !any,
		    form == 2 || form == 6 ? flow_far(i->address, w, 22) :
		    form == 3 ? flow_far(i->address, (w >> 6 & 0xc000) |
			(w & 0x3fff), 16) : flow_far(i->address, w, 19));
		f->delayed = !any || (w >> 29 & 1) == 0;
	} else if (w >> 30 == 2 && (w >> 19 & 0x3e) == 0x38) {
		/* JMPL, RETURN; what a function returns by is in %o7 or %i7. */
		bool back = (w >> 19 & 1) != 0 || ((w >> 25 & 31) == 0 &&
		    ((w >> 14 & 31) == 15 || (w >> 14 & 31) == 31));

		f->kind = back ? FLOW_END : (w >> 25 & 31) == 15 ? FLOW_CALL :
		    FLOW_AWAY;
		f->delayed = true;
	}
}

/* M68000 PRM: Capstone prints where a branch leads as its last operand. */
void
flow_m68k(const struct flow_reader *r, struct flow *f, struct registers *regs)
{
	const cs_insn *i = r->insn;
	const char *name = i->mnemonic, *to = strrchr(i->op_str, '$');
	bool known = to != NULL && strchr(i->op_str, '(') == NULL;
	uint64_t target = known ? strtoull(to + 1, NULL, 16) & 0xffffffff : 0;
	bool call = strncmp(name, "bsr", 3) == 0 ||
	    strncmp(name, "jsr", 3) == 0;

	(void)regs;
	if (strncmp(name, "rt", 2) == 0 || strncmp(name, "illegal", 7) == 0) {
		f->kind = FLOW_END;
	} else if (call || strncmp(name, "jmp", 3) == 0 ||
	    strncmp(name, "bra", 3) == 0) {
		f->kind = call ? FLOW_CALL : FLOW_AWAY;
		if (known)
			flow_to(f, call ? FLOW_CALL : FLOW_JUMP, false,
			    target);
	} else if (i->id >= M68K_INS_BHS && i->id <= M68K_INS_BLE && known) {
		flow_to(f, FLOW_JUMP, true, target);
	} else if (i->id >= M68K_INS_DBT && i->id <= M68K_INS_DBRA && known) {
		flow_to(f, FLOW_JUMP, true, target);
	}
}
