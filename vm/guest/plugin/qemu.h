/*
 * What is used of qemu-user 7.2, which loads the plugin. Debian ships no
 * header for it: of the plugins' own interface (include/qemu/qemu-plugin.h,
 * version 1), and of functions that it exports beside those. That interface
 * can't read registers; the functions for its debugger can.
 */
#ifndef PLUGIN_QEMU_H
#define PLUGIN_QEMU_H

#include <stddef.h>
#include <stdint.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info { /* its beginning */
	const char *target;
};
struct byte_array { /* GLib's GByteArray */
	uint8_t *data;
	unsigned n;
};

extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
    void (*)(uint64_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *,
    void (*)(unsigned, void *), int flags, void *);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *,
    void (*)(unsigned, void *), int flags, void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(
    const struct qemu_plugin_tb *, size_t);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
extern uint64_t qemu_plugin_start_code(void);

#define QEMU_READ 1 /* of a page's flags */

extern uintptr_t guest_base;
extern __thread void *current_cpu;
extern int page_get_flags(uint64_t address);
extern int walk_memory_regions(void *arg, int (*)(void *arg, uint64_t start,
    uint64_t end, unsigned long flags));
extern struct byte_array *g_byte_array_new(void);
extern struct byte_array *g_byte_array_set_size(struct byte_array *, unsigned);

/* plugin.c: a register, in the numbers of qemu's debugger. */
uint64_t register_get(int number);
/* Where so many bytes at an address of the sample's are, or NULL. */
void *memory_at(uint64_t address, size_t n);
/* death.c: tells which machine it is, and whose program. */
void death_machine(const char *target, size_t word);
void death_program(const char *path);

#endif
