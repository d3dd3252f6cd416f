/*
 * Probes where the kernel's do not go: in Thumb code, where a library in the
 * tracer sets breakpoints (breaks/breaks.c), and in programs under an emulator,
 * whose plugin sees their code (plugin/plugin.c). What labinit hands to both,
 * and what comes back through the trace ring. Lines of BREAKS_FILE and
 * PLUGIN_FILE:
 *
 *	f PLACE PATH                 the sample: what its addresses are counted
 *	                             from, its path. PLACE is its entry point,
 *	                             or for the plugin its lowest code
 *	i DEVICE INODE               labinit's own: which file that is
 *	t INDEX ADDRESS NEXT NEXT FLAGS MOST FETCH
 *
 * A probe at an address: where its instruction leads (0: nowhere known), how
 * often it is told, and what is fetched: n0 the first argument, s0 the text
 * that it points to, p1+4 the text that the word 4 behind it points to; each
 * is followed by a comma. Numbers but INDEX, FLAGS and MOST are hexadecimal.
 *
 * A hit is a record: BREAKS_MAGIC, INDEX, 1 for a return, pid or 0 (4 bytes
 * each), then a word of the sample's for each thing fetched, lower half first,
 * texts as the kernel has them: offset behind the head in the lower half of
 * 4 bytes, length with the NUL in the upper. The tracer's library writes it as
 * a raw marker; the plugin calls a function with it, where a uprobe is.
 */
#ifndef GUEST_BREAKS_H
#define GUEST_BREAKS_H

#define BREAKS_FILE "/run/breaks"
#define BREAKS_LIBRARY "/lib/breaks.so"
#define BREAKS_MAGIC 0x4b524b42
#define BREAKS_HEAD 16
#define BREAKS_RETURN 1 /* its return is told, too */
#define BREAKS_BUFFER 2 /* with the text in its second argument */

/* The emulator, its libraries and its plugin; the same path in the cell. */
#define EMULATOR_ROOM "/lib/emulator"
#define EMULATOR_LOADER EMULATOR_ROOM "/ld.so"
#define EMULATOR_PROGRAM EMULATOR_ROOM "/qemu"
#define PLUGIN_FILE EMULATOR_ROOM "/probes"
#define PLUGIN_LIBRARY EMULATOR_ROOM "/plugin.so"
/* Uprobes at its functions, by the most bytes of a record that they take: as
 * fields r0, r1, … of PLUGIN_FIELD bytes, the most that the kernel allows. */
#define PLUGIN_EVENT "plugin_"
#define PLUGIN_SMALL 32
#define PLUGIN_MIDDLE 512
#define PLUGIN_LARGE 3072
#define PLUGIN_FIELD 512

#endif
