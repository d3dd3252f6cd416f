/*
 * What flow.c and the rules of the architectures share; nobody else needs it.
 */
#ifndef HOST_FLOW_ARCH_H
#define HOST_FLOW_ARCH_H

#include <capstone/capstone.h>

#include "flow.h"

/* Fills in where the instruction leads (the rest of struct flow is zero), and
 * changes the registers. */
typedef void flow_rule(const struct flow_reader *, struct flow *,
    struct registers *);

/* What a call leaves of the registers. */
typedef void flow_called_rule(const struct flow_reader *,
    const struct flow *call, uint64_t back, struct registers *);

struct flow_reader {
	csh handle;
	cs_insn *insn; /* that was read last */
	flow_rule *rule;
	flow_called_rule *called;
	const struct elf *elf;
	bool thumb;
};

flow_rule flow_x86, flow_arm, flow_arm64, flow_mips, flow_ppc, flow_sparc,
    flow_m68k;
flow_called_rule flow_x86_called, flow_arm_called, flow_arm64_called,
    flow_mips_called;
/* Position-independent code of MIPS finds its own address in $t9. */
void flow_mips_begin(uint64_t function, struct registers *);

/* It leads to this address. */
void flow_to(struct flow *, enum flow_kind, bool maybe, uint64_t target);
/* A condition on what was compared last, both taken without a sign. */
enum flow_when { FLOW_WHEN_OTHER, FLOW_WHEN_ABOVE, FLOW_WHEN_NOT_BELOW,
	FLOW_WHEN_NOT_ABOVE, FLOW_WHEN_BELOW };
/* What is so after a jump on that, and where it was not taken. */
void flow_bounds(struct flow *, const struct registers *, enum flow_when);
/* What a word at an address of the file holds before it runs; -1 if none. */
int flow_word(const struct flow_reader *, uint64_t address, struct value *);

#endif
