/*
 * Where an instruction leads: what all architectures share.
 */
#include <elf.h>
#include <string.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "flow_arch.h"

void
flow_to(struct flow *f, enum flow_kind kind, bool maybe, uint64_t target)
{
	f->kind = kind;
	f->maybe = maybe;
	f->has_target = true;
	f->target = target;
}

void
flow_bounds(struct flow *f, const struct registers *regs, enum flow_when when)
{
	struct bound below = regs->compare.below, same = below;

	if (regs->compare.result != REGISTERS_FLAGS)
		return;
	same.count++; /* below or equal */
	if (when == FLOW_WHEN_ABOVE)
		f->on = same;
	else if (when == FLOW_WHEN_NOT_BELOW)
		f->on = below;
	else if (when == FLOW_WHEN_NOT_ABOVE)
		f->taken = same;
	else if (when == FLOW_WHEN_BELOW)
		f->taken = below;
}

int
flow_word(const struct flow_reader *r, uint64_t address, struct value *v)
{
	size_t n = r->elf->bits / 8;
	const uint8_t *p = elf_bytes(r->elf, address, n);
	uint64_t word = 0;

	if (p == NULL)
		return -1;
	for (size_t i = n; i > 0; i--)
		word = word << 8 | p[r->elf->big ? n - i : i - 1];
	*v = value_number(word);
	return 0;
}

struct flow_reader *
flow_open(const struct elf *e, bool thumb)
{
	static const struct {
		uint16_t machine;
		cs_arch arch;
		int mode;
		flow_rule *rule;
		flow_called_rule *called;
	} rows[] = {
		{ EM_386, CS_ARCH_X86, CS_MODE_32, flow_x86,
		    flow_x86_called },
		{ EM_X86_64, CS_ARCH_X86, CS_MODE_64, flow_x86,
		    flow_x86_called },
		{ EM_ARM, CS_ARCH_ARM, CS_MODE_ARM, flow_arm,
		    flow_arm_called },
		{ EM_AARCH64, CS_ARCH_ARM64, CS_MODE_ARM, flow_arm64,
		    flow_arm64_called },
		{ EM_MIPS, CS_ARCH_MIPS, CS_MODE_MIPS32, flow_mips,
		    flow_mips_called },
		{ EM_PPC, CS_ARCH_PPC, CS_MODE_32, flow_ppc, NULL },
		{ EM_68K, CS_ARCH_M68K, CS_MODE_M68K_040, flow_m68k, NULL },
		{ EM_SPARCV9, CS_ARCH_SPARC, CS_MODE_V9, flow_sparc, NULL },
	};
	struct flow_reader *r;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int mode = rows[i].mode;

		if (rows[i].machine != e->machine)
			continue;
		if (e->big && e->machine != EM_68K) /* which is always so */
			mode |= (int)CS_MODE_BIG_ENDIAN;
		if (e->machine == EM_MIPS && e->bits == 64)
			mode = CS_MODE_MIPS64 | (mode & (int)CS_MODE_BIG_ENDIAN);
		if (thumb)
			mode = CS_MODE_THUMB;
		r = xcalloc(1, sizeof *r);
		if (cs_open(rows[i].arch, (cs_mode)mode, &r->handle) !=
		    CS_ERR_OK) {
			free(r);
			return NULL;
		}
		cs_option(r->handle, CS_OPT_DETAIL, CS_OPT_ON);
		if ((r->insn = cs_malloc(r->handle)) == NULL)
			fatal("no memory for an instruction");
		r->rule = rows[i].rule;
		r->called = rows[i].called;
		r->elf = e;
		r->thumb = thumb;
		return r;
	}
	return NULL;
}

void
flow_close(struct flow_reader *r)
{
	if (r == NULL)
		return;
	cs_free(r->insn, 1);
	cs_close(&r->handle);
	free(r);
}

void
flow_begin(const struct flow_reader *r, uint64_t function,
    struct registers *regs)
{
	registers_init(regs, function);
	if (r->elf->machine == EM_MIPS)
		flow_mips_begin(function, regs);
}

void
flow_called(const struct flow_reader *r, const struct flow *call,
    uint64_t back, struct registers *regs)
{
	if (r->called != NULL)
		r->called(r, call, back, regs);
}

int
flow_read(struct flow_reader *r, const uint8_t *bytes, size_t n,
    uint64_t address, struct flow *f, struct registers *regs)
{
	struct registers nothing;

	memset(f, 0, sizeof *f);
	if (regs == NULL) {
		registers_init(&nothing, address);
		regs = &nothing;
	}
	regs->place = address;
	if (!cs_disasm_iter(r->handle, &bytes, &n, &address, r->insn))
		return -1;
	f->size = r->insn->size;
	f->to = value_unknown(regs->place);
	r->rule(r, f, regs);
	return 0;
}
