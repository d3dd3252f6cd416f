/*
 * Small BPF programs on the kernel's tracepoints that count. They are written
 * out as instructions: no compiler for BPF is needed, and no loader.
 */
#ifndef GUEST_BPF_H
#define GUEST_BPF_H

#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

/* BPF's own words: operation, destination, source, offset, number. */
#define I(op, dst, src, off, imm) \
	{ (op), (dst), (src), (off), (imm) }
#define LOAD(size, dst, src, off) \
	I(BPF_LDX | BPF_MEM | (size), dst, src, off, 0)
#define STORE(size, dst, off, src) \
	I(BPF_STX | BPF_MEM | (size), dst, src, off, 0)
#define STORE_NUMBER(dst, off, imm) \
	I(BPF_ST | BPF_MEM | BPF_DW, dst, 0, off, imm)
#define MOVE(dst, src) I(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define SET(dst, imm) I(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm)
#define ADD(dst, imm) I(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm)
#define MAP(dst, fd) \
	I(BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_FD, 0, fd), \
	I(0, 0, 0, 0, 0)
#define CALL(f) I(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define SKIP_IF(cmp, reg, imm, n) I(BPF_JMP | (cmp) | BPF_K, reg, 0, n, imm)
#define SKIP(n) I(BPF_JMP | BPF_JA, 0, 0, n, 0)
#define END I(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/*
 * map[the key that stands in the stack at `key`]++, and the end; the eight
 * bytes below the key are used too. One CPU: nobody comes between.
 */
#define COUNT(map, key) \
	MAP(1, map), MOVE(2, 10), ADD(2, key), \
	CALL(BPF_FUNC_map_lookup_elem), SKIP_IF(BPF_JEQ, 0, 0, 4), \
	LOAD(BPF_DW, 1, 0, 0), ADD(1, 1), STORE(BPF_DW, 0, 0, 1), SKIP(9), \
	STORE_NUMBER(10, (key) - 8, 1), MAP(1, map), MOVE(2, 10), \
	ADD(2, key), MOVE(3, 10), ADD(3, (key) - 8), SET(4, BPF_ANY), \
	CALL(BPF_FUNC_map_update_elem), SET(0, 0), END
#define COUNT_END 19 /* so far from its beginning the program ends */

/* All give -1 when the kernel has no such thing. */
int bpf_map(enum bpf_map_type, unsigned key, unsigned value, unsigned entries);
int bpf_set(int map, const void *key, const void *value);
/* The key behind `last` (NULL: the first) and its count. */
int bpf_next(int map, const void *last, void *key, uint64_t *count);
/* Hangs a program on a tracepoint as tracefs shows it ("group/event"), or as
 * the kernel's code calls it, until the descriptor is closed. */
int bpf_on_event(const struct bpf_insn *, size_t n, const char *event);
int bpf_on_raw(const struct bpf_insn *, size_t n, const char *name);

#endif
