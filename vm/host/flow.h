/*
 * Where an instruction leads, and what it makes of the registers, for the
 * architectures that have probes. The decoding is Capstone's; what is ours is
 * which instructions end a block, and how compilers write a jump through a
 * table: what they do else with registers makes them unknown.
 */
#ifndef HOST_FLOW_H
#define HOST_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"
#include "elffile.h"
#include "registers.h"

enum flow_kind {
	FLOW_ON,   /* to the next instruction */
	FLOW_JUMP, /* to target */
	FLOW_CALL, /* to target, and back */
	FLOW_END,  /* nowhere that is known from here: a return, a trap */
	FLOW_AWAY  /* to what a register or a place in memory says */
};

struct flow {
	enum flow_kind kind;
	bool maybe;	/* or on to the next instruction */
	bool delayed;	/* the next instruction is done first */
	bool has_target;
	uint64_t target;
	struct value to; /* without has_target: what is known of it */
	/* The table that it names itself, wherever in it the index points
	 * to; 0 if none. */
	uint64_t table;
	/* What is so of something unknown if it jumps; if it goes on. */
	struct bound taken, on;
	/* The literal that it loads, which is no code; 0 bytes if none. */
	uint64_t literal;
	uint8_t literal_size;
	size_t size; /* of the instruction */
};

struct flow_reader;

/* NULL where the file's architecture has no decoder here. */
struct flow_reader *flow_open(const struct elf *, bool thumb) A_MUST_USE;
void flow_close(struct flow_reader *);
/* What is known of the registers where a function begins. */
void flow_begin(const struct flow_reader *, uint64_t function,
    struct registers *);
/* What a call leaves of them, when it comes back to this address. */
void flow_called(const struct flow_reader *, const struct flow *call,
    uint64_t back, struct registers *);
/*
 * Reads the instruction in these bytes at an address and does to the registers
 * (which may be NULL) what it does; 0, or -1 if there is none.
 */
int flow_read(struct flow_reader *, const uint8_t *, size_t n,
    uint64_t address, struct flow *, struct registers *) A_MUST_USE;

#endif
