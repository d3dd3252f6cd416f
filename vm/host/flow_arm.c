/*
 * Where an instruction leads: 32-bit ARM, in both its instruction sets.
 */
#include <string.h>

#include "flow_arch.h"

enum { ARM_SP = 13, ARM_LR = 14, ARM_PC = 15 };

/* A register as its number; -1 for others. */
static int
arm_register(unsigned reg)
{
	switch (reg) {
	case ARM_REG_SP:
		return ARM_SP;
	case ARM_REG_LR:
		return ARM_LR;
	case ARM_REG_PC:
		return ARM_PC;
	default:
		return reg >= ARM_REG_R0 && reg <= ARM_REG_R12 ?
		    (int)(reg - ARM_REG_R0) : -1;
	}
}

/* The program counter as instructions read it. */
static uint64_t
arm_pc(const struct flow_reader *r, const struct registers *regs)
{
	return regs->place + (r->thumb ? 4 : 8);
}

static bool
arm_predicated(const cs_insn *i)
{
	return i->detail->arm.cc != ARM_CC_AL &&
	    i->detail->arm.cc != ARM_CC_INVALID;
}

static int
arm_read(const struct flow_reader *r, const struct registers *regs,
    unsigned reg, struct value *v)
{
	int n = arm_register(reg);

	if (n == -1)
		return -1;
	*v = n == ARM_PC ? value_number(arm_pc(r, regs)) : regs->list[n];
	return 0;
}

/* A variable on the stack, by its place there. */
static bool
arm_is_slot(const cs_arm_op *op)
{
	return op->type == ARM_OP_MEM && op->mem.index == ARM_REG_INVALID &&
	    (op->mem.base == ARM_REG_SP || op->mem.base == ARM_REG_R11 ||
		op->mem.base == ARM_REG_R7);
}

/* The address that an operand in memory has; -1 if it can't be said. */
static int
arm_address(const struct flow_reader *r, const struct registers *regs,
    const cs_arm_op *op, struct value *v)
{
	struct value more = value_number((uint64_t)(int64_t)op->mem.disp);
	unsigned shift = op->shift.type == ARM_SFT_LSL ? op->shift.value :
	    (unsigned)op->mem.lshift;

	if (arm_read(r, regs, op->mem.base, v) == -1)
		return -1;
	if (op->mem.base == ARM_REG_PC)
		v->base &= ~3ull;
	if (op->mem.index != ARM_REG_INVALID &&
	    (op->mem.scale == -1 || shift > 8 ||
		arm_read(r, regs, op->mem.index, &more) == -1 ||
		value_multiply(&more, 1 << shift) == -1))
		return -1;
	return value_add(v, &more);
}

/* What is known of an operand's value; -1 if nothing is. */
static int
arm_value(const struct flow_reader *r, const struct registers *regs,
    const cs_arm_op *op, struct value *v)
{
	if (op->type == ARM_OP_IMM) {
		*v = value_number((uint64_t)(int64_t)op->imm);
		return 0;
	}
	if (op->type != ARM_OP_REG ||
	    arm_read(r, regs, (unsigned)op->reg, v) == -1 ||
	    (op->shift.type != ARM_SFT_INVALID &&
		(op->shift.type != ARM_SFT_LSL || op->shift.value > 8)))
		return -1;
	return op->shift.type == ARM_SFT_INVALID ? 0 :
	    value_multiply(v, 1 << op->shift.value);
}

/* A load: of a literal, a variable, or an entry of a table. */
static int
arm_load(const struct flow_reader *r, const struct registers *regs,
    uint8_t width, bool sign, struct value *v)
{
	const cs_arm_op *op = &r->insn->detail->arm.operands[1];

	/* Two operands: the base register stays as it is. */
	if (r->insn->detail->arm.op_count != 2 || op->type != ARM_OP_MEM ||
	    r->insn->detail->arm.writeback)
		return -1;
	if (arm_is_slot(op))
		return registers_load(regs, arm_register(op->mem.base),
		    op->mem.disp, v);
	if (arm_address(r, regs, op, v) == -1)
		return -1;
	if (op->mem.base == ARM_REG_PC && value_is_number(v) && width == 4)
		return flow_word(r, v->base, v);
	return value_load(v, width, sign);
}

/* What the instruction computes into its first operand; -1 if that is not
 * one of the steps on the way to a table. */
static int
arm_result(const struct flow_reader *r, const struct registers *regs,
    struct value *v)
{
	const cs_arm *a = &r->insn->detail->arm;
	const cs_arm_op *op = a->operands;
	struct value by;
	/* add r0, r1 is add r0, r0, r1. */
	uint8_t left = a->op_count == 2 ? 0 : 1;

	switch (r->insn->id) {
	case ARM_INS_MOV:
	case ARM_INS_MOVW:
	case ARM_INS_UXTB:
	case ARM_INS_UXTH:
		return arm_value(r, regs, &op[1], v);
	case ARM_INS_MOVT:
		if (arm_value(r, regs, &op[0], v) == -1 ||
		    !value_is_number(v))
			return -1;
		v->base = (v->base & 0xffff) | (uint64_t)op[1].imm << 16;
		return 0;
	case ARM_INS_ADR:
		*v = value_number((arm_pc(r, regs) & ~3ull) +
		    (uint64_t)(int64_t)op[1].imm);
		return op[1].type == ARM_OP_IMM ? 0 : -1;
	case ARM_INS_ADD:
	case ARM_INS_SUB:
	case ARM_INS_ADDW:
	case ARM_INS_SUBW:
		if (arm_value(r, regs, &op[left], v) == -1 ||
		    arm_value(r, regs, &op[left + 1], &by) == -1)
			return -1;
		/* In Thumb, adr is written so, too. */
		if (r->thumb && op[left].reg == ARM_REG_PC &&
		    op[left + 1].type == ARM_OP_IMM)
			v->base &= ~3ull;
		if ((r->insn->id == ARM_INS_SUB ||
			r->insn->id == ARM_INS_SUBW) &&
		    value_multiply(&by, -1) == -1)
			return -1;
		return value_add(v, &by);
	case ARM_INS_LSL:
		if (op[left + 1].type != ARM_OP_IMM || op[left + 1].imm < 0 ||
		    op[left + 1].imm > 8 ||
		    arm_value(r, regs, &op[left], v) == -1)
			return -1;
		return value_multiply(v, 1 << op[left + 1].imm);
	case ARM_INS_LDR:
		return arm_load(r, regs, 4, false, v);
	case ARM_INS_LDRB:
	case ARM_INS_LDRSB:
		return arm_load(r, regs, 1, r->insn->id == ARM_INS_LDRSB, v);
	case ARM_INS_LDRH:
	case ARM_INS_LDRSH:
		return arm_load(r, regs, 2, r->insn->id == ARM_INS_LDRSH, v);
	default:
		return -1;
	}
}

/* A store into the stack. */
static void
arm_store(const struct flow_reader *r, struct registers *regs)
{
	const cs_arm_op *op = r->insn->detail->arm.operands;
	struct value v;
	bool known;

	switch (r->insn->id) {
	case ARM_INS_STR:
	case ARM_INS_STRB:
	case ARM_INS_STRH:
		known = r->insn->id == ARM_INS_STR &&
		    !arm_predicated(r->insn) &&
		    arm_value(r, regs, &op[0], &v) == 0;
		if (arm_is_slot(&op[1]))
			registers_store(regs, arm_register(op[1].mem.base),
			    op[1].mem.disp, known ? &v : NULL);
		return;
	default:
		return;
	}
}

/* All that the instruction writes becomes unknown. */
static void
arm_forget(const struct flow_reader *r, struct registers *regs)
{
	cs_regs read, write;
	uint8_t read_n, write_n;

	if (cs_regs_access(r->handle, r->insn, read, &read_n, write,
		&write_n) != CS_ERR_OK)
		return;
	for (uint8_t k = 0; k < write_n; k++)
		registers_forget(regs, arm_register(write[k]));
}

/* What it makes of the registers. */
static void
arm_effects(const struct flow_reader *r, struct registers *regs)
{
	const cs_arm *a = &r->insn->detail->arm;
	const cs_arm_op *op = a->operands;
	bool maybe = arm_predicated(r->insn), known;
	struct value v;
	int to = a->op_count > 0 && op[0].type == ARM_OP_REG ?
	    arm_register((unsigned)op[0].reg) : -1;

	if (r->insn->id == ARM_INS_CMP) {
		regs->compare.result = REGISTERS_NONE;
		if (!maybe && op[1].type == ARM_OP_IMM && op[1].imm >= 0 &&
		    arm_value(r, regs, &op[0], &v) == 0)
			registers_compare(regs, REGISTERS_FLAGS, &v,
			    (uint64_t)op[1].imm, false);
		return;
	}
	known = !maybe && arm_result(r, regs, &v) == 0;
	arm_store(r, regs);
	arm_forget(r, regs);
	if (a->update_flags || r->insn->id == ARM_INS_CMN ||
	    r->insn->id == ARM_INS_TST || r->insn->id == ARM_INS_TEQ)
		regs->compare.result = REGISTERS_NONE;
	if (known)
		registers_set(regs, to, v);
	else if (!maybe && r->insn->id == ARM_INS_AND && a->op_count == 3 &&
	    op[2].type == ARM_OP_IMM && op[2].imm > 0 && op[2].imm < 0x400 &&
	    to != -1)
		registers_forget_below(regs, to, (uint64_t)op[2].imm + 1);
}

void
flow_arm_called(const struct flow_reader *r, const struct flow *call,
    uint64_t back, struct registers *regs)
{
	static const uint8_t lost[] = { 0, 1, 2, 3, 12, ARM_LR };

	(void)r;
	(void)call;
	(void)back;
	for (size_t i = 0; i < sizeof lost; i++)
		registers_forget(regs, lost[i]);
	regs->compare.result = REGISTERS_NONE;
}

static enum flow_when
arm_when(arm_cc cc)
{
	return cc == ARM_CC_HI ? FLOW_WHEN_ABOVE :
	    cc == ARM_CC_HS ? FLOW_WHEN_NOT_BELOW :
	    cc == ARM_CC_LS ? FLOW_WHEN_NOT_ABOVE :
	    cc == ARM_CC_LO ? FLOW_WHEN_BELOW : FLOW_WHEN_OTHER;
}

/* The literal pool lies between functions, and in long ones within. */
static void
arm_literal(const struct flow_reader *r, const struct registers *regs,
    struct flow *f)
{
	const cs_arm *a = &r->insn->detail->arm;

	for (uint8_t n = 0; n < a->op_count; n++) {
		const cs_arm_op *op = &a->operands[n];

		if (op->type != ARM_OP_MEM || op->mem.base != ARM_REG_PC ||
		    op->mem.index != ARM_REG_INVALID)
			continue;
		f->literal = (arm_pc(r, regs) & ~3ull) +
		    (uint64_t)(int64_t)op->mem.disp;
		f->literal_size = r->insn->id == ARM_INS_LDRD ||
		    r->insn->id == ARM_INS_VLDR ? 8 : 4;
	}
}

/* An instruction that writes the program counter as if it were data; false if
 * it doesn't. */
static bool
arm_writes_pc(const struct flow_reader *r, struct flow *f,
    const struct registers *regs)
{
	const cs_insn *i = r->insn;
	const cs_arm *a = &i->detail->arm;
	const cs_arm_op *op = a->operands;
	bool list = i->id == ARM_INS_POP || i->id == ARM_INS_LDM ||
	    i->id == ARM_INS_LDMDB || i->id == ARM_INS_LDMIB ||
	    i->id == ARM_INS_LDMDA;
	bool writes = false;
	struct value v;

	for (uint8_t n = 0; n < a->op_count && (n == 0 || list); n++)
		writes = writes || (op[n].type == ARM_OP_REG &&
		    op[n].reg == ARM_REG_PC);
	if (!writes || i->id == ARM_INS_CMP || i->id == ARM_INS_STR ||
	    i->id == ARM_INS_PUSH || i->id == ARM_INS_STM)
		return false;
	f->maybe = arm_predicated(i);
	f->kind = FLOW_AWAY;
	if (list || (i->id == ARM_INS_MOV && op[1].type == ARM_OP_REG &&
		op[1].reg == ARM_REG_LR) ||
	    (i->id == ARM_INS_LDR && op[1].type == ARM_OP_MEM &&
		op[1].mem.base == ARM_REG_SP))
		f->kind = FLOW_END;
	else if (arm_result(r, regs, &v) == 0)
		f->to = v;
	if (i->id == ARM_INS_LDR && op[1].type == ARM_OP_MEM &&
	    op[1].mem.base == ARM_REG_PC &&
	    op[1].mem.index != ARM_REG_INVALID)
		f->table = arm_pc(r, regs);
	return true;
}

/* tbb, tbh: the table holds halves of offsets from behind it. */
static void
arm_table_branch(const struct flow_reader *r, struct flow *f,
    const struct registers *regs)
{
	const cs_arm_op *op = r->insn->detail->arm.operands;
	uint8_t width = r->insn->id == ARM_INS_TBB ? 1 : 2;
	struct value v, index;

	f->kind = FLOW_AWAY;
	if (arm_read(r, regs, op[0].mem.base, &v) == -1 ||
	    arm_read(r, regs, op[0].mem.index, &index) == -1 ||
	    value_multiply(&index, width) == -1 ||
	    value_add(&v, &index) == -1 || value_load(&v, width, false) == -1)
		return;
	v.scale = 2;
	v.base = arm_pc(r, regs);
	f->to = v;
	if (op[0].mem.base == ARM_REG_PC)
		f->table = arm_pc(r, regs);
}

/* `mov lr, pc` before it: where there was no blx, this is how one called. */
static void
arm_perhaps_call(const struct flow_reader *r, struct flow *f,
    const struct registers *regs)
{
	const struct value *lr = &regs->list[ARM_LR];

	if (f->kind != FLOW_AWAY || !value_is_number(lr) ||
	    (uint32_t)lr->base != (uint32_t)regs->place + r->insn->size)
		return;
	f->kind = FLOW_CALL;
}

/* Where it leads. */
static void
arm_lead(const struct flow_reader *r, struct flow *f, struct registers *regs)
{
	const cs_insn *i = r->insn;
	const cs_arm *a = &i->detail->arm;
	const cs_arm_op *op = a->operands;
	bool maybe = arm_predicated(i);
	struct value v;

	arm_literal(r, regs, f);
	flow_bounds(f, regs, arm_when(a->cc));
	switch (i->id) {
	case ARM_INS_B:
		flow_to(f, FLOW_JUMP, maybe, (uint32_t)op[0].imm);
		return;
	case ARM_INS_CBZ:
	case ARM_INS_CBNZ:
		flow_to(f, FLOW_JUMP, true, (uint32_t)op[1].imm);
		return;
	case ARM_INS_BL:
	case ARM_INS_BLX:
		f->kind = FLOW_CALL;
		if (op[0].type == ARM_OP_IMM)
			flow_to(f, FLOW_CALL, false, (uint32_t)op[0].imm);
		else if (arm_value(r, regs, &op[0], &v) == 0)
			f->to = v;
		return;
	case ARM_INS_BX:
		f->kind = op[0].reg == ARM_REG_LR ? FLOW_END : FLOW_AWAY;
		f->maybe = maybe;
		if (arm_value(r, regs, &op[0], &v) == 0)
			f->to = v;
		return;
	case ARM_INS_TBB:
	case ARM_INS_TBH:
		arm_table_branch(r, f, regs);
		return;
	case ARM_INS_UDF:
	case ARM_INS_BKPT:
		f->kind = FLOW_END;
		return;
	default:
		break;
	}
	if (!arm_writes_pc(r, f, regs)) {
		f->on = f->taken = (struct bound) { 0 };
		arm_effects(r, regs);
	}
}

void
flow_arm(const struct flow_reader *r, struct flow *f, struct registers *regs)
{
	arm_lead(r, f, regs);
	arm_perhaps_call(r, f, regs);
}
