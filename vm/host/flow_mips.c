/*
 * Where an instruction leads: MIPS, 32 and 64 bits.
 */
#include <string.h>

#include "flow_arch.h"

enum { MIPS_T9 = 25, MIPS_GP = 28, MIPS_SP = 29, MIPS_FP = 30, MIPS_RA = 31 };

/* A register as its number; -1 for others. */
static int
mips_register(unsigned reg)
{
	return reg >= MIPS_REG_0 && reg <= MIPS_REG_31 ?
	    (int)(reg - MIPS_REG_0) : -1;
}

static int
mips_value(const struct registers *regs, const cs_mips_op *op,
    struct value *v)
{
	int n;

	if (op->type == MIPS_OP_IMM) {
		*v = value_number((uint64_t)op->imm);
		return 0;
	}
	if (op->type != MIPS_OP_REG || (n = mips_register(op->reg)) == -1)
		return -1;
	*v = n == 0 ? value_number(0) : regs->list[n];
	return 0;
}

/* A variable on the stack, by its place there. */
static bool
mips_is_slot(const cs_mips_op *op)
{
	int base;

	if (op->type != MIPS_OP_MEM)
		return false;
	base = mips_register(op->mem.base);
	return base == MIPS_SP || base == MIPS_FP;
}

/* A load: of an entry of the global offset table, a variable, or an entry of
 * a table of jumps. */
static int
mips_load(const struct flow_reader *r, const struct registers *regs,
    uint8_t width, bool sign, struct value *v)
{
	const cs_mips_op *op = &r->insn->detail->mips.operands[1];
	struct value more;
	int base;

	if (op->type != MIPS_OP_MEM || (base = mips_register(op->mem.base)) ==
	    -1)
		return -1;
	if (mips_is_slot(op))
		return registers_load(regs, base, op->mem.disp, v);
	more = value_number((uint64_t)op->mem.disp);
	*v = regs->list[base];
	if (value_add(v, &more) == -1)
		return -1;
	if (base == MIPS_GP && value_is_number(v) &&
	    width == r->elf->bits / 8)
		return flow_word(r, v->base, v);
	return value_load(v, width, sign);
}

/* What the instruction computes into its first operand; -1 if that is not
 * one of the steps on the way to a table. */
static int
mips_result(const struct flow_reader *r, const struct registers *regs,
    struct value *v)
{
	const cs_mips *m = &r->insn->detail->mips;
	const cs_mips_op *op = m->operands;
	struct value by;

	switch (r->insn->id) {
	case MIPS_INS_LUI:
		*v = value_number((uint64_t)(int64_t)(int32_t)
		    ((uint32_t)op[1].imm << 16));
		return 0;
	case MIPS_INS_MOVE:
	case MIPS_INS_LI:
		return mips_value(regs, &op[1], v);
	case MIPS_INS_ADDIU:
	case MIPS_INS_DADDIU:
	case MIPS_INS_ADDU:
	case MIPS_INS_DADDU:
	case MIPS_INS_SUBU:
	case MIPS_INS_DSUBU:
		if (m->op_count != 3 || mips_value(regs, &op[1], v) == -1 ||
		    mips_value(regs, &op[2], &by) == -1 ||
		    ((r->insn->id == MIPS_INS_SUBU ||
			 r->insn->id == MIPS_INS_DSUBU) &&
			value_multiply(&by, -1) == -1))
			return -1;
		return value_add(v, &by);
	case MIPS_INS_OR: /* with $zero: a move */
		if (mips_value(regs, &op[1], v) == -1 ||
		    mips_value(regs, &op[2], &by) == -1 ||
		    !value_is_number(&by) || by.base != 0)
			return -1;
		return 0;
	case MIPS_INS_SLL:
	case MIPS_INS_DSLL:
		if (op[2].type != MIPS_OP_IMM || op[2].imm < 0 ||
		    op[2].imm > 8 || mips_value(regs, &op[1], v) == -1)
			return -1;
		return value_multiply(v, 1 << op[2].imm);
	case MIPS_INS_DEXT: /* the lower half: an index is no longer */
		if (op[2].imm != 0 || op[3].imm != 32)
			return -1;
		return mips_value(regs, &op[1], v);
	case MIPS_INS_LD:
		return mips_load(r, regs, 8, false, v);
	case MIPS_INS_LW:
		return mips_load(r, regs, 4, true, v);
	case MIPS_INS_LWU:
		return mips_load(r, regs, 4, false, v);
	case MIPS_INS_LH:
	case MIPS_INS_LHU:
		return mips_load(r, regs, 2, r->insn->id == MIPS_INS_LH, v);
	case MIPS_INS_LB:
	case MIPS_INS_LBU:
		return mips_load(r, regs, 1, r->insn->id == MIPS_INS_LB, v);
	default:
		return -1;
	}
}

/* Does it write to its first operand? */
static bool
mips_stores(const char *name)
{
	return name[0] == 's' && (strcmp(name, "sw") == 0 ||
	    strcmp(name, "sd") == 0 || strcmp(name, "sb") == 0 ||
	    strcmp(name, "sh") == 0 || strcmp(name, "swl") == 0 ||
	    strcmp(name, "swr") == 0 || strcmp(name, "sdl") == 0 ||
	    strcmp(name, "sdr") == 0 || strcmp(name, "swc1") == 0 ||
	    strcmp(name, "sdc1") == 0);
}

/* sltiu, sltu: 1 if the second is below the third. */
static void
mips_compare(struct registers *regs, const cs_mips_op *op, int to)
{
	struct value a, b;

	if (mips_value(regs, &op[1], &a) == -1 ||
	    mips_value(regs, &op[2], &b) == -1) {
		registers_forget(regs, to);
		return;
	}
	registers_forget(regs, to);
	if (value_is_number(&b))
		registers_compare(regs, to, &a, b.base, false);
	else if (value_is_number(&a)) /* 0: it is that number or below */
		registers_compare(regs, to, &b, a.base + 1, true);
}

/* What it makes of the registers, when it is no jump. */
static void
mips_effects(const struct flow_reader *r, struct registers *regs)
{
	const cs_mips *m = &r->insn->detail->mips;
	const cs_mips_op *op = m->operands;
	int to = m->op_count > 0 && op[0].type == MIPS_OP_REG ?
	    mips_register(op[0].reg) : -1;
	struct value v;

	if (mips_stores(r->insn->mnemonic)) {
		if (m->op_count > 1 && mips_is_slot(&op[1]))
			registers_store(regs, mips_register(op[1].mem.base),
			    op[1].mem.disp, (r->insn->id == MIPS_INS_SW ||
				r->insn->id == MIPS_INS_SD) &&
			    mips_value(regs, &op[0], &v) == 0 ? &v : NULL);
		return;
	}
	if (r->insn->id == MIPS_INS_SLTIU || r->insn->id == MIPS_INS_SLTU)
		mips_compare(regs, op, to);
	else if (mips_result(r, regs, &v) == 0)
		registers_set(regs, to, v);
	else if (r->insn->id == MIPS_INS_ANDI && op[2].imm > 0 &&
	    op[2].imm < 0x400)
		registers_forget_below(regs, to, (uint64_t)op[2].imm + 1);
	else
		registers_forget(regs, to);
}

void
flow_mips_begin(uint64_t function, struct registers *regs)
{
	registers_set(regs, MIPS_T9, value_number(function));
}

/* $gp is not kept by what is called: the compiler puts it aside where it is
 * used again, and what isn't changed by then is as it was. */
void
flow_mips_called(const struct flow_reader *r, const struct flow *call,
    uint64_t back, struct registers *regs)
{
	(void)r;
	(void)call;
	(void)back;
	for (int i = 1; i <= MIPS_T9; i++)
		if (i < 16 || i > 23)
			registers_forget(regs, i);
	registers_forget(regs, MIPS_RA);
}

/* What a branch says of what was compared before. */
static void
mips_bounds(const struct flow_reader *r, const struct registers *regs,
    struct flow *f)
{
	const cs_mips_op *op = r->insn->detail->mips.operands;
	const struct compare *c = &regs->compare;
	bool zero = strncmp(r->insn->mnemonic, "beq", 3) == 0;

	if (c->result < 0 || op[0].type != MIPS_OP_REG ||
	    mips_register(op[0].reg) != c->result ||
	    (!zero && strncmp(r->insn->mnemonic, "bne", 3) != 0) ||
	    (r->insn->detail->mips.op_count == 3 &&
		(op[1].type != MIPS_OP_REG ||
		    mips_register(op[1].reg) != 0)))
		return;
	if (zero == c->inverse)
		f->taken = c->below;
	else
		f->on = c->below;
}

/* Capstone knows dozens of branches: they are told by their names. */
static bool
mips_branches(const char *name)
{
	static const char *const not[] = { "break", "bitswap", "balign",
		"bsel", "bmnz", "bmz", "bneg", "bset", "bclr" };

	for (size_t n = 0; n < sizeof not / sizeof *not; n++)
		if (strncmp(name, not[n], strlen(not[n])) == 0)
			return false;
	return name[0] == 'b' || name[0] == 'j';
}

void
flow_mips(const struct flow_reader *r, struct flow *f, struct registers *regs)
{
	const cs_mips *m = &r->insn->detail->mips;
	const char *name = r->insn->mnemonic;
	const cs_mips_op *last = &m->operands[m->op_count > 0 ?
	    m->op_count - 1 : 0];
	bool known = m->op_count > 0 && last->type == MIPS_OP_IMM;
	bool links = strncmp(name, "jal", 3) == 0 ||
	    strncmp(name, "bal", 3) == 0 || strncmp(name, "bgezal", 6) == 0 ||
	    strncmp(name, "bltzal", 6) == 0;
	struct value v;

	if (!mips_branches(name)) {
		mips_effects(r, regs);
		return;
	}
	f->delayed = true;
	f->kind = links ? FLOW_CALL : FLOW_AWAY;
	if (known && links) {
		flow_to(f, FLOW_CALL, false, (uint64_t)last->imm);
	} else if (known) {
		flow_to(f, FLOW_JUMP, name[0] == 'b' && name[1] != '\0',
		    (uint64_t)last->imm);
		mips_bounds(r, regs, f);
	} else if (!links && last->reg == MIPS_REG_RA) {
		f->kind = FLOW_END;
	} else if (mips_value(regs, last, &v) == 0) {
		f->to = v;
	}
}
