/*
 * Where an instruction leads: i386 and x86-64.
 */
#include <string.h>

#include "flow_arch.h"

enum { X86_AX, X86_CX, X86_DX, X86_BX, X86_SP, X86_BP, X86_SI, X86_DI, X86_R8 };

/* A register of any width as one of sixteen; -1 for others. */
static int
x86_register(const struct flow_reader *r, unsigned reg)
{
	static const char names[][3] = { "ax", "cx", "dx", "bx", "sp", "bp",
		"si", "di" };
	const char *name = reg == X86_REG_INVALID ? NULL :
	    cs_reg_name(r->handle, reg);
	int number;

	if (name == NULL)
		return -1;
	if (name[0] == 'r' && name[1] >= '0' && name[1] <= '9') {
		number = name[1] - '0';
		if (name[2] >= '0' && name[2] <= '9')
			number = number * 10 + name[2] - '0';
		return number < 16 ? number : -1;
	}
	if ((name[0] == 'e' || name[0] == 'r') && name[1] != '\0')
		name++;
	for (int i = 0; i < 8; i++) {
		size_t n = i < 4 ? 1 : 2; /* al, but sil */

		if (strcmp(name, names[i]) == 0 ||
		    (strncmp(name, names[i], n) == 0 &&
			strcmp(name + n, "l") == 0))
			return i;
	}
	return -1;
}

/* The address that an operand in memory has; -1 if it can't be said. */
static int
x86_address(const struct flow_reader *r, const struct registers *regs,
    const cs_x86_op *op, struct value *v)
{
	int base = x86_register(r, op->mem.base);
	int index = x86_register(r, op->mem.index);

	*v = value_number((uint64_t)op->mem.disp);
	if (op->mem.base == X86_REG_RIP)
		v->base += regs->place + r->insn->size;
	else if (op->mem.base != X86_REG_INVALID &&
	    (base == -1 || value_add(v, &regs->list[base]) == -1))
		return -1;
	if (op->mem.index != X86_REG_INVALID &&
	    op->mem.index != X86_REG_EIZ && op->mem.index != X86_REG_RIZ) {
		struct value i;

		if (index == -1)
			return -1;
		i = regs->list[index];
		if (value_multiply(&i, op->mem.scale) == -1 ||
		    value_add(v, &i) == -1)
			return -1;
	}
	return 0;
}

/* A variable on the stack, by its place there. */
static bool
x86_is_slot(const struct flow_reader *r, const cs_x86_op *op)
{
	int base = x86_register(r, op->mem.base);

	return op->type == X86_OP_MEM && op->mem.index == X86_REG_INVALID &&
	    (base == X86_SP || base == X86_BP);
}

/* What is known of an operand's value; -1 if nothing is. */
static int
x86_value(const struct flow_reader *r, const struct registers *regs,
    const cs_x86_op *op, bool sign, struct value *v)
{
	int reg;

	switch (op->type) {
	case X86_OP_IMM:
		*v = value_number((uint64_t)op->imm);
		return 0;
	case X86_OP_REG:
		if ((reg = x86_register(r, op->reg)) == -1)
			return -1;
		*v = regs->list[reg];
		return 0;
	case X86_OP_MEM:
		if (x86_is_slot(r, op))
			return registers_load(regs, x86_register(r,
			    op->mem.base), op->mem.disp, v);
		if (x86_address(r, regs, op, v) == -1)
			return -1;
		return value_load(v, op->size, sign);
	case X86_OP_INVALID:
	default:
		return -1;
	}
}

/* Functions that only say where they return to: `mov (%esp), reg; ret`. */
static int
x86_thunk(const struct flow_reader *r, uint64_t target)
{
	const uint8_t *p = elf_bytes(r->elf, target, 4);

	if (r->elf->bits != 32 || p == NULL || p[0] != 0x8b ||
	    (p[1] & 0xc7) != 0x04 || p[2] != 0x24 || p[3] != 0xc3)
		return -1;
	return p[1] >> 3 & 7;
}

void
flow_x86_called(const struct flow_reader *r, const struct flow *call,
    uint64_t back, struct registers *regs)
{
	static const uint8_t lost[] = { X86_AX, X86_CX, X86_DX, X86_SI, X86_DI,
		X86_R8, X86_R8 + 1, X86_R8 + 2, X86_R8 + 3 };
	size_t n = r->elf->bits == 64 ? sizeof lost : 3;
	int thunk = call->has_target ? x86_thunk(r, call->target) : -1;

	if (thunk != -1) {
		registers_set(regs, thunk, value_number(back));
		return;
	}
	for (size_t i = 0; i < n; i++)
		registers_forget(regs, lost[i]);
	regs->compare.result = REGISTERS_NONE;
}

static enum flow_when
x86_when(unsigned id)
{
	return id == X86_INS_JA ? FLOW_WHEN_ABOVE :
	    id == X86_INS_JAE ? FLOW_WHEN_NOT_BELOW :
	    id == X86_INS_JBE ? FLOW_WHEN_NOT_ABOVE :
	    id == X86_INS_JB ? FLOW_WHEN_BELOW : FLOW_WHEN_OTHER;
}

/* Writes a result into the operand, a register or a place on the stack. */
static void
x86_write(const struct flow_reader *r, struct registers *regs,
    const cs_x86_op *op, const struct value *v)
{
	int reg;

	if (x86_is_slot(r, op))
		registers_store(regs, x86_register(r, op->mem.base),
		    op->mem.disp, v);
	if (op->type != X86_OP_REG || (reg = x86_register(r, op->reg)) == -1)
		return;
	if (v == NULL)
		registers_forget(regs, reg);
	else
		registers_set(regs, reg, *v);
}

/* All that the instruction writes becomes unknown. */
static void
x86_forget(const struct flow_reader *r, struct registers *regs)
{
	const cs_insn *i = r->insn;
	cs_regs read, write;
	uint8_t read_n, write_n;

	for (uint8_t k = 0; k < i->detail->x86.op_count; k++)
		if ((i->detail->x86.operands[k].access & CS_AC_WRITE) != 0)
			x86_write(r, regs, &i->detail->x86.operands[k], NULL);
	if (cs_regs_access(r->handle, i, read, &read_n, write, &write_n) !=
	    CS_ERR_OK)
		return;
	for (uint8_t k = 0; k < write_n; k++) {
		int reg = x86_register(r, write[k]);

		if (reg != -1)
			registers_forget(regs, reg);
	}
}

/* Does it leave the flags as they are? */
static bool
x86_keeps_flags(unsigned id)
{
	switch (id) {
	case X86_INS_MOV:
	case X86_INS_MOVZX:
	case X86_INS_MOVSX:
	case X86_INS_MOVSXD:
	case X86_INS_MOVABS:
	case X86_INS_LEA:
	case X86_INS_CDQE:
	case X86_INS_PUSH:
	case X86_INS_POP:
	case X86_INS_NOP:
	case X86_INS_JMP:
		return true;
	default:
		return false;
	}
}

/* Is it a call of what stands behind it? */
static bool
x86_calls_next(const struct flow_reader *r, uint64_t address)
{
	static const uint8_t call[] = { 0xe8, 0, 0, 0, 0 };
	const uint8_t *p = elf_bytes(r->elf, address, sizeof call);

	return p != NULL && memcmp(p, call, sizeof call) == 0;
}

/* What the instruction computes into its first operand; -1 if that is not
 * one of the steps on the way to a table. */
static int
x86_result(const struct flow_reader *r, const struct registers *regs,
    struct value *v)
{
	const cs_x86 *x = &r->insn->detail->x86;
	const cs_x86_op *op = x->operands;
	struct value by;

	switch (r->insn->id) {
	case X86_INS_MOV:
	case X86_INS_MOVABS:
	case X86_INS_MOVZX:
		return x86_value(r, regs, &op[1], false, v);
	case X86_INS_MOVSX:
	case X86_INS_MOVSXD:
		if (x86_value(r, regs, &op[1], true, v) == -1)
			return -1;
		v->sign = v->width != 0;
		return 0;
	case X86_INS_POP:
		/* Behind `call` to here: a way to learn where one is. */
		if (!x86_calls_next(r, regs->place - 5))
			return -1;
		*v = value_number(regs->place);
		return 0;
	case X86_INS_CDQE:
		*v = regs->list[X86_AX];
		v->sign = v->width != 0;
		return 0;
	case X86_INS_LEA:
		return x86_address(r, regs, &op[1], v);
	case X86_INS_ADD:
	case X86_INS_SUB:
		if (x86_value(r, regs, &op[0], false, v) == -1 ||
		    x86_value(r, regs, &op[1], false, &by) == -1 ||
		    (r->insn->id == X86_INS_SUB &&
			value_multiply(&by, -1) == -1))
			return -1;
		return value_add(v, &by);
	case X86_INS_SHL:
	case X86_INS_SAL:
		if (x->op_count != 2 || op[1].type != X86_OP_IMM ||
		    op[1].imm < 0 || op[1].imm > 8 ||
		    x86_value(r, regs, &op[0], false, v) == -1)
			return -1;
		return value_multiply(v, 1 << op[1].imm);
	case X86_INS_XOR:
		if (op[0].type != X86_OP_REG || op[1].type != X86_OP_REG ||
		    op[0].reg != op[1].reg)
			return -1;
		*v = value_number(0);
		return 0;
	default:
		return -1;
	}
}

/* What it makes of the registers, when it is no jump. */
static void
x86_effects(const struct flow_reader *r, struct registers *regs)
{
	const cs_insn *i = r->insn;
	const cs_x86_op *op = i->detail->x86.operands;
	static const cs_x86_op ax = { .type = X86_OP_REG, .reg = X86_REG_RAX };
	struct value v, stack;
	bool known;
	int reg;

	if (i->id == X86_INS_CMP) {
		regs->compare.result = REGISTERS_NONE;
		if (op[1].type == X86_OP_IMM && op[1].imm >= 0 &&
		    x86_value(r, regs, &op[0], false, &v) == 0)
			registers_compare(regs, REGISTERS_FLAGS, &v,
			    (uint64_t)op[1].imm, false);
		return;
	}
	known = x86_result(r, regs, &v) == 0;
	stack = regs->list[X86_SP];
	x86_forget(r, regs);
	if (i->id == X86_INS_PUSH || i->id == X86_INS_POP) {
		uint64_t word = r->elf->bits / 8;

		stack.base += i->id == X86_INS_POP ? word : -word;
		registers_set(regs, X86_SP, stack);
	}
	if (known)
		x86_write(r, regs, i->id == X86_INS_CDQE ? &ax : &op[0], &v);
	else if (i->id == X86_INS_AND && op[0].type == X86_OP_REG &&
	    op[1].type == X86_OP_IMM && op[1].imm > 0 && op[1].imm < 0x400 &&
	    (reg = x86_register(r, op[0].reg)) != -1)
		registers_forget_below(regs, reg, (uint64_t)op[1].imm + 1);
	if (!x86_keeps_flags(i->id))
		regs->compare.result = REGISTERS_NONE;
}

/* What is known of the place that a jump through an operand leads to. */
static void
x86_away(const struct flow_reader *r, const struct registers *regs,
    const cs_x86_op *op, struct flow *f)
{
	struct value v;

	if (x86_value(r, regs, op, false, &v) == 0 && !x86_is_slot(r, op))
		f->to = v;
	/* The index is known not to be always the same number. */
	else if (op->type == X86_OP_MEM && op->mem.base == X86_REG_INVALID &&
	    op->mem.index != X86_REG_INVALID)
		f->to = (struct value) { .scale = 1, .unknown = regs->place,
			.table = (uint64_t)op->mem.disp,
			.stride = op->mem.scale, .width = op->size };
	if (op->type == X86_OP_MEM && op->mem.base == X86_REG_INVALID &&
	    op->mem.scale > 1 && op->mem.disp > 0)
		f->table = (uint64_t)op->mem.disp;
}

void
flow_x86(const struct flow_reader *r, struct flow *f, struct registers *regs)
{
	const cs_insn *i = r->insn;
	const cs_x86 *x = &i->detail->x86;
	const cs_x86_op *op = &x->operands[0];
	bool direct = x->op_count == 1 && op->type == X86_OP_IMM;

	switch (i->id) {
	case X86_INS_RET:
	case X86_INS_RETF:
	case X86_INS_IRET:
	case X86_INS_HLT:
	case X86_INS_UD2:
	case X86_INS_INT3:
		f->kind = FLOW_END;
		return;
	case X86_INS_CALL:
		if (x86_calls_next(r, regs->place))
			return;
		f->kind = FLOW_CALL;
		if (direct)
			flow_to(f, FLOW_CALL, false, (uint64_t)op->imm);
		else
			x86_away(r, regs, op, f);
		return;
	case X86_INS_JMP:
		f->kind = FLOW_AWAY;
		if (direct)
			flow_to(f, FLOW_JUMP, false, (uint64_t)op->imm);
		else
			x86_away(r, regs, op, f);
		return;
	default:
		break;
	}
	for (uint8_t g = 0; g < i->detail->groups_count; g++)
		if (i->detail->groups[g] == CS_GRP_JUMP && direct) {
			flow_to(f, FLOW_JUMP, true, (uint64_t)op->imm);
			flow_bounds(f, regs, x86_when(i->id));
			return;
		}
	x86_effects(r, regs);
}
