/*
 * The sample's end by a signal: the emulator takes it from its own code, and
 * then ends itself by the same signal. Before it does, the sample's registers
 * and what it has of memory are noted where labinit's handler of cores finds
 * them (death.h): the kernel's core would be the emulator's. It would write
 * one itself, of some machines; as thousands of calls of the traced process.
 *
 * This library is loaded before libc (ld.so --preload), so these are the kill
 * and sigaction that the emulator calls.
 */
#include <sys/syscall.h>

#include <elf.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../death.h"
#include "qemu.h"

#define EXPORT __attribute__((visibility("default")))
#define WINDOW 16	 /* registers from one window of SPARC to the next */
#define WINDOWS 8	 /* of the processor that qemu-sparc64 takes */
#define STACK_BIAS 2047	 /* SPARC-V9 ABI: %sp is so much too low */
#define ENV_WORDS 1000 /* of the processor's object, which is bigger */

EXPORT struct death plugin_death;

/* The registers of a core (vm/host/coreregs.c), -1 for none. */
static const struct death_machine {
	const char *target;
	uint16_t machine;
	int8_t registers[DEATH_REGISTERS];
	int count, sp, pc;
} machines[] = {
	{ "mips", EM_MIPS, { -1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8,
	    9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
	    26, 27, 28, 29, 30, 31, 33, 34, 37, 35, 32, 36 }, 44, 29, 37 },
	{ "ppc", EM_PPC, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 64,
	    65, 3, 68, 67, 69, 66 }, 39, 1, 64 },
	{ "m68k", EM_68K, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0,
	    15, 0, 16, 17 }, 19, 15, 17 },
	{ "sparc64", EM_SPARCV9, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
	    14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
	    31, 82, 80, 81, 85 }, 36, 14, 80 },
};
static const struct death_machine *machine;

/* libc's own name of what is replaced here. */
extern int __sigaction(int, const struct sigaction *, struct sigaction *);

static void (*handlers[NSIG])(int, siginfo_t *, void *);
static __thread siginfo_t last;

void
death_machine(const char *target, size_t word)
{
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
		if (strcmp(machines[i].target, target) == 0)
			machine = &machines[i];
	plugin_death.word = (uint32_t)word;
}

void
death_program(const char *path)
{
	strncpy(plugin_death.path, path, sizeof plugin_death.path - 1);
}

/* --- the windows of SPARC ------------------------------------------------------ */

/*
 * qemu's CPUSPARCState (target/sparc/cpu.h): globals, a pointer to the current
 * window, pc, npc. It lies somewhere in the processor's object.
 */
static uint64_t *
sparc_state(void)
{
	uint64_t *w = current_cpu, pc = register_get(80);

	for (size_t i = 0; i + 16 < ENV_WORDS; i++)
		if (w[i + 9] == pc && w[i + 10] == register_get(81) &&
		    w[i + 1] == register_get(1) && w[i + 2] == register_get(2))
			return w + i;
	return NULL;
}

/* How many windows of callers are in registers: cansave and canrestore are
 * six together; then come otherwin and wstate, 0 here, and cleanwin. */
static unsigned
sparc_callers(const uint64_t *state)
{
	const uint32_t *w = (const uint32_t *)state;

	for (size_t i = 0; i < ENV_WORDS * 2; i++)
		if (w[i] <= WINDOWS - 2 && w[i] + w[i + 1] == WINDOWS - 2 &&
		    w[i + 2] == 0 && w[i + 3] == 0 &&
		    w[i + 4] >= WINDOWS - 2 && w[i + 4] < WINDOWS)
			return w[i + 1];
	return 0;
}

/*
 * Writes the windows to the stack, as the kernel does before it makes a core:
 * a debugger reads the callers' registers there.
 */
static void
sparc_flush(void)
{
	uint64_t *state = sparc_state(), *window, *base;
	unsigned cwp = WINDOWS - 1 - ((unsigned)register_get(82) & 31);
	unsigned left;

	if (state == NULL || cwp >= WINDOWS)
		return;
	window = (uint64_t *)(uintptr_t)state[8];
	base = window - cwp * WINDOW;
	left = sparc_callers(state);
	for (;;) {
		uint64_t *save = memory_at(window[6] + STACK_BIAS, 128);

		if (save == NULL)
			return;
		for (int i = 0; i < 16; i++)
			save[i] = __builtin_bswap64(window[8 + i]);
		if (left-- == 0)
			return;
		cwp = (cwp + 1) % WINDOWS;
		window = base + cwp * WINDOW;
	}
}

/* --- what is noted ------------------------------------------------------------- */

static int
death_region(void *arg, uint64_t start, uint64_t end, unsigned long flags)
{
	uint64_t sp = *(uint64_t *)arg;
	uint32_t n = plugin_death.region_count;

	if ((flags & QEMU_READ) == 0 || n == DEATH_REGIONS)
		return 0;
	/* Of a stack, what is in use. */
	if (sp >= start && sp < end)
		start = sp & ~UINT64_C(4095);
	plugin_death.regions[n].start = start;
	plugin_death.regions[n].end = end;
	plugin_death.regions[n].flags = (uint32_t)(flags & 7);
	plugin_death.region_count++;
	return 0;
}

static void
death_note(int signal)
{
	uint64_t sp = register_get(machine->sp);

	if (machine->machine == EM_SPARCV9) {
		sparc_flush();
		sp += STACK_BIAS;
	}
	for (int i = 0; i < machine->count; i++)
		plugin_death.registers[i] = machine->registers[i] == -1 ? 0 :
		    register_get(machine->registers[i]);
	plugin_death.register_count = (uint32_t)machine->count;
	plugin_death.machine = machine->machine;
	plugin_death.signal = (uint32_t)signal;
	if (last.si_signo == signal && last.si_code > 0) {
		plugin_death.address = (uint64_t)(uintptr_t)last.si_addr -
		    guest_base;
		/* The whole of a 32-bit address space is the emulator's, so
		 * that nothing of it is unmapped to the host's kernel. */
		plugin_death.code = signal == SIGSEGV &&
		    page_get_flags(plugin_death.address) == 0 ? SEGV_MAPERR :
		    (uint32_t)last.si_code;
	}
	plugin_death.base = guest_base;
	plugin_death.code_start = qemu_plugin_start_code();
	walk_memory_regions(&sp, death_region);
	plugin_death.magic = DEATH_MAGIC;
}

EXPORT int
kill(pid_t pid, int signal)
{
	if (machine != NULL && current_cpu != NULL && pid == getpid())
		death_note(signal);
	return (int)syscall(SYS_kill, pid, signal);
}

/* A fault of the sample's code, or one that the emulator makes use of. */
static void
death_handler(int signal, siginfo_t *info, void *context)
{
	last = *info;
	handlers[signal](signal, info, context);
}

EXPORT int
sigaction(int signal, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction ours;

	if (act == NULL || (signal != SIGSEGV && signal != SIGBUS) ||
	    (act->sa_flags & SA_SIGINFO) == 0)
		return __sigaction(signal, act, old);
	ours = *act;
	handlers[signal] = act->sa_sigaction;
	ours.sa_sigaction = death_handler;
	return __sigaction(signal, &ours, old);
}
