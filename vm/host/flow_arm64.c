/*
 * Where an instruction leads: 64-bit ARM.
 */
#include "flow_arch.h"

enum { ARM64_SP = 31, ARM64_CALLER_SAVED = 18, ARM64_LINK = 30 };

/* A register of any width as its number; -1 for others. */
static int
arm64_register(unsigned reg)
{
	if (reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30)
		return (int)(reg - ARM64_REG_W0);
	if (reg >= ARM64_REG_X0 && reg <= ARM64_REG_X28)
		return (int)(reg - ARM64_REG_X0);
	switch (reg) {
	case ARM64_REG_X29:
		return 29;
	case ARM64_REG_X30:
		return ARM64_LINK;
	case ARM64_REG_SP:
		return ARM64_SP;
	default:
		return -1;
	}
}

static int
arm64_read(const struct registers *regs, unsigned reg, struct value *v)
{
	int n = arm64_register(reg);

	if (reg == ARM64_REG_XZR || reg == ARM64_REG_WZR) {
		*v = value_number(0);
		return 0;
	}
	if (n == -1)
		return -1;
	*v = regs->list[n];
	return 0;
}

/* A register as an operand uses it: extended and shifted. */
static int
arm64_shifted(const struct registers *regs, unsigned reg,
    const cs_arm64_op *op, struct value *v)
{
	if (arm64_read(regs, reg, v) == -1)
		return -1;
	if (v->width != 0 && ((v->width == 1 && op->ext == ARM64_EXT_SXTB) ||
		(v->width == 2 && op->ext == ARM64_EXT_SXTH) ||
		(v->width == 4 && op->ext == ARM64_EXT_SXTW)))
		v->sign = true;
	if (op->shift.type == ARM64_SFT_INVALID)
		return 0;
	if (op->shift.type != ARM64_SFT_LSL || op->shift.value > 8)
		return -1;
	return value_multiply(v, 1 << op->shift.value);
}

/* What is known of an operand's value; -1 if nothing is. */
static int
arm64_value(const struct registers *regs, const cs_arm64_op *op,
    struct value *v)
{
	if (op->type == ARM64_OP_IMM) {
		*v = value_number((uint64_t)op->imm << (op->shift.type ==
		    ARM64_SFT_LSL ? op->shift.value & 63 : 0));
		return 0;
	}
	if (op->type != ARM64_OP_REG)
		return -1;
	return arm64_shifted(regs, op->reg, op, v);
}

/* A variable on the stack, by its place there. */
static bool
arm64_is_slot(const cs_arm64_op *op)
{
	return op->type == ARM64_OP_MEM &&
	    op->mem.index == ARM64_REG_INVALID &&
	    (op->mem.base == ARM64_REG_SP || op->mem.base == ARM64_REG_X29);
}

static int
arm64_load(const struct flow_reader *r, const struct registers *regs,
    uint8_t width, bool sign, struct value *v)
{
	const cs_arm64 *a = &r->insn->detail->arm64;
	const cs_arm64_op *op = &a->operands[1];
	struct value more;

	if (a->op_count != 2 || op->type != ARM64_OP_MEM || a->writeback)
		return -1;
	if (arm64_is_slot(op))
		return registers_load(regs, arm64_register(op->mem.base),
		    op->mem.disp, v);
	more = value_number((uint64_t)(int64_t)op->mem.disp);
	if (arm64_read(regs, op->mem.base, v) == -1 ||
	    (op->mem.index != ARM64_REG_INVALID &&
		arm64_shifted(regs, op->mem.index, op, &more) == -1) ||
	    value_add(v, &more) == -1)
		return -1;
	return value_load(v, width, sign);
}

/* The width of the register that is loaded, in bytes. */
static uint8_t
arm64_width(const cs_arm64_op *op)
{
	return op->reg >= ARM64_REG_W0 && op->reg <= ARM64_REG_W30 ? 4 : 8;
}

/* What the instruction computes into its first operand; -1 if that is not
 * one of the steps on the way to a table. */
static int
arm64_result(const struct flow_reader *r, const struct registers *regs,
    struct value *v)
{
	const cs_arm64 *a = &r->insn->detail->arm64;
	const cs_arm64_op *op = a->operands;
	struct value by;

	switch (r->insn->id) {
	case ARM64_INS_ADR:
	case ARM64_INS_ADRP:
	case ARM64_INS_MOV:
	case ARM64_INS_MOVZ:
	case ARM64_INS_UXTB:
	case ARM64_INS_UXTH:
	case ARM64_INS_UXTW:
		return arm64_value(regs, &op[1], v);
	case ARM64_INS_SXTB:
	case ARM64_INS_SXTH:
	case ARM64_INS_SXTW:
		if (arm64_value(regs, &op[1], v) == -1)
			return -1;
		v->sign = v->width != 0;
		return 0;
	case ARM64_INS_ADD:
	case ARM64_INS_SUB:
		if (a->op_count != 3 || arm64_value(regs, &op[1], v) == -1 ||
		    arm64_value(regs, &op[2], &by) == -1 ||
		    (r->insn->id == ARM64_INS_SUB &&
			value_multiply(&by, -1) == -1))
			return -1;
		return value_add(v, &by);
	case ARM64_INS_LSL:
		if (op[2].type != ARM64_OP_IMM || op[2].imm < 0 ||
		    op[2].imm > 8 || arm64_value(regs, &op[1], v) == -1)
			return -1;
		return value_multiply(v, 1 << op[2].imm);
	case ARM64_INS_LDR:
		return arm64_load(r, regs, arm64_width(&op[0]), false, v);
	case ARM64_INS_LDRSW:
		return arm64_load(r, regs, 4, true, v);
	case ARM64_INS_LDRB:
	case ARM64_INS_LDRSB:
		return arm64_load(r, regs, 1, r->insn->id == ARM64_INS_LDRSB,
		    v);
	case ARM64_INS_LDRH:
	case ARM64_INS_LDRSH:
		return arm64_load(r, regs, 2, r->insn->id == ARM64_INS_LDRSH,
		    v);
	default:
		return -1;
	}
}

/* All that the instruction writes becomes unknown. */
static void
arm64_forget(const struct flow_reader *r, struct registers *regs)
{
	const cs_arm64 *a = &r->insn->detail->arm64;
	cs_regs read, write;
	uint8_t read_n, write_n;

	for (uint8_t k = 0; k < a->op_count; k++)
		if (arm64_is_slot(&a->operands[k]) &&
		    (a->operands[k].access & CS_AC_WRITE) != 0)
			registers_store(regs, arm64_register(
			    a->operands[k].mem.base),
			    a->operands[k].mem.disp, NULL);
	if (cs_regs_access(r->handle, r->insn, read, &read_n, write,
		&write_n) != CS_ERR_OK)
		return;
	for (uint8_t k = 0; k < write_n; k++)
		registers_forget(regs, arm64_register(write[k]));
}

/* What it makes of the registers, when it is no jump. */
static void
arm64_effects(const struct flow_reader *r, struct registers *regs)
{
	const cs_arm64 *a = &r->insn->detail->arm64;
	const cs_arm64_op *op = a->operands;
	int to = a->op_count > 0 && op[0].type == ARM64_OP_REG ?
	    arm64_register(op[0].reg) : -1;
	struct value v;
	bool known;

	if (r->insn->id == ARM64_INS_CMP) {
		regs->compare.result = REGISTERS_NONE;
		if (op[1].type == ARM64_OP_IMM && op[1].imm >= 0 &&
		    arm64_value(regs, &op[0], &v) == 0)
			registers_compare(regs, REGISTERS_FLAGS, &v,
			    (uint64_t)op[1].imm, false);
		return;
	}
	known = arm64_result(r, regs, &v) == 0;
	arm64_forget(r, regs);
	if (a->update_flags)
		regs->compare.result = REGISTERS_NONE;
	if (known)
		registers_set(regs, to, v);
	else if (r->insn->id == ARM64_INS_AND && a->op_count == 3 &&
	    op[2].type == ARM64_OP_IMM && op[2].imm > 0 && op[2].imm < 0x400)
		registers_forget_below(regs, to, (uint64_t)op[2].imm + 1);
}

void
flow_arm64_called(const struct flow_reader *r, const struct flow *call,
    uint64_t back, struct registers *regs)
{
	(void)r;
	(void)call;
	(void)back;
	for (int i = 0; i <= ARM64_CALLER_SAVED; i++)
		registers_forget(regs, i);
	registers_forget(regs, ARM64_LINK);
	regs->compare.result = REGISTERS_NONE;
}

static enum flow_when
arm64_when(arm64_cc cc)
{
	return cc == ARM64_CC_HI ? FLOW_WHEN_ABOVE :
	    cc == ARM64_CC_HS ? FLOW_WHEN_NOT_BELOW :
	    cc == ARM64_CC_LS ? FLOW_WHEN_NOT_ABOVE :
	    cc == ARM64_CC_LO ? FLOW_WHEN_BELOW : FLOW_WHEN_OTHER;
}

void
flow_arm64(const struct flow_reader *r, struct flow *f, struct registers *regs)
{
	const cs_arm64 *a = &r->insn->detail->arm64;
	const cs_arm64_op *last = &a->operands[a->op_count > 0 ?
	    a->op_count - 1 : 0];
	struct value v;

	switch (r->insn->id) {
	case ARM64_INS_B:
		flow_to(f, FLOW_JUMP, a->cc != ARM64_CC_INVALID &&
		    a->cc != ARM64_CC_AL, (uint64_t)last->imm);
		flow_bounds(f, regs, arm64_when(a->cc));
		return;
	case ARM64_INS_CBZ:
	case ARM64_INS_CBNZ:
	case ARM64_INS_TBZ:
	case ARM64_INS_TBNZ:
		flow_to(f, FLOW_JUMP, true, (uint64_t)last->imm);
		return;
	case ARM64_INS_BL:
		flow_to(f, FLOW_CALL, false, (uint64_t)last->imm);
		return;
	case ARM64_INS_BLR:
		f->kind = FLOW_CALL;
		if (arm64_value(regs, last, &v) == 0)
			f->to = v;
		return;
	case ARM64_INS_BR:
		f->kind = FLOW_AWAY;
		if (arm64_value(regs, last, &v) == 0)
			f->to = v;
		return;
	case ARM64_INS_RET:
	case ARM64_INS_BRK:
	case ARM64_INS_HLT:
		f->kind = FLOW_END;
		return;
	default:
		arm64_effects(r, regs);
	}
}
