/*
 * Probes under an emulator: a plugin of qemu-user 7.2 sees each block of the
 * sample's code when it is translated, and asks to be called where a probe is
 * wanted. The emulator's registers and the sample's memory are then read, and
 * a record is made as the library for Thumb code makes it (../breaks.h).
 *
 *	emulated code → told() → record on the stack → plugin_tell_*()
 *
 * The kernel's uprobes at plugin_tell_* copy the record into the trace ring:
 * no descriptor that the sample could close, no system call that it or strace
 * could see, and it works in each child that is forked.
 */
#include <sys/prctl.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../breaks.h"
#include "qemu.h"

#define SPOTS_MAX 16384 /* a power of two */
#define WISHES_MAX 3000
#define RETURNS_MAX 32
#define HIT_MAX PLUGIN_LARGE
#define TEXT_MAX 256

#define EXPORT __attribute__((visibility("default")))

/* Where registers and arguments are, in the numbers of qemu's debugger. */
struct machine {
	const char *name; /* as qemu calls it */
	const char *read; /* the function for its registers */
	size_t word;
	int arg, ret, sp;
	int link;   /* -1: the return address is on the stack */
	int behind; /* so far behind the link register a function returns */
};

static const struct machine machines[] = {
	{ "mips", "mips_cpu_gdb_read_register", 4, 4, 2, 29, 31, 0 },
	{ "ppc", "ppc_cpu_gdb_read_register", 4, 3, 3, 1, 67, 0 },
	{ "m68k", "m68k_cpu_gdb_read_register", 4, -1, 0, 15, -1, 0 },
	{ "sparc64", "sparc_cpu_gdb_read_register", 8, 8, 8, 14, 15, 8 },
};

static const struct machine *machine;
static int (*read_register)(void *cpu, struct byte_array *, int number);

/* --- what is wanted ---------------------------------------------------------- */

/* An address where something is to be told. */
struct spot {
	uint64_t address; /* as in the file; the load base is added */
	int first;	  /* of its wishes, -1: only returns */
	int used, returns;
};

struct wish {
	int next, index, flags;
	unsigned hits, most;
	char fetch[64];
};

struct call {
	struct spot *spot;
	int wish;
	uint64_t sp, buffer;
};

static struct spot spots[SPOTS_MAX];
static struct wish wishes[WISHES_MAX];
static int spot_count, wish_count;
static uint64_t code_start, base;
static int base_known;
static __thread struct call calls[RETURNS_MAX];
static __thread int depth;

static struct spot *
spot_find(uint64_t address, int make)
{
	size_t i = (address >> 1) * 2654435761u % SPOTS_MAX;

	while (spots[i].used && spots[i].address != address)
		i = (i + 1) % SPOTS_MAX;
	if (spots[i].used)
		return &spots[i];
	if (!make || spot_count >= SPOTS_MAX / 2)
		return NULL;
	spot_count++;
	spots[i] = (struct spot) { address, -1, 1, 0 };
	return &spots[i];
}

static void
wish_read(const char *line)
{
	struct wish w = { .next = -1 };
	unsigned long long address;
	struct spot *s;

	if (sscanf(line, "f %llx", &address) == 1)
		code_start = address;
	if (sscanf(line, "t %d %llx %*x %*x %d %u %63s", &w.index, &address,
		&w.flags, &w.most, w.fetch) < 4 ||
	    wish_count == WISHES_MAX || (s = spot_find(address, 1)) == NULL)
		return;
	w.next = s->first;
	s->first = wish_count;
	wishes[wish_count++] = w;
}

/* --- the sample's registers and memory --------------------------------------- */

static uint64_t
number_at(const uint8_t *b, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | *b++;
	return v;
}

uint64_t
register_get(int n)
{
	static __thread struct byte_array *b;

	if (b == NULL)
		b = g_byte_array_new();
	g_byte_array_set_size(b, 0);
	return number_at(b->data, (size_t)read_register(current_cpu, b, n));
}

/* So many bytes at an address, no more than n, that can be read. */
static size_t
readable(uint64_t address, size_t n)
{
	size_t k = 0;

	while (k < n && (page_get_flags(address + k) & QEMU_READ) != 0)
		k += 4096 - ((address + k) & 4095);
	return k < n ? k : n;
}

static void *
memory(uint64_t address)
{
	return (void *)(guest_base + (uintptr_t)address);
}

void *
memory_at(uint64_t address, size_t n)
{
	return readable(address, n) < n ? NULL : memory(address);
}

/* The word at an address; 0 where there is none. */
static uint64_t
word_at(uint64_t address)
{
	const uint8_t *b = memory_at(address, machine->word);

	return b == NULL ? 0 : number_at(b, machine->word);
}

static uint64_t
argument(unsigned n)
{
	if (machine->arg == -1)
		return word_at(register_get(machine->sp) +
		    (n + 1) * machine->word);
	return register_get(machine->arg + (int)n);
}

/* --- what is told ------------------------------------------------------------ */

struct hit {
	size_t text; /* where the next text goes */
	uint64_t args[4];
	uint8_t b[HIT_MAX];
};

/* A text: its field says where it stands, and how long it is. */
static void
hit_text(struct hit *h, size_t at, uint64_t address)
{
	size_t n = readable(address, TEXT_MAX - 1);
	uint32_t where;

	if (n == 0)
		return;
	n = strnlen((const char *)memory(address), n);
	if (n + 1 > HIT_MAX - h->text)
		return;
	memcpy(h->b + h->text, memory(address), n);
	h->b[h->text + n] = '\0';
	where = (uint32_t)(h->text - BREAKS_HEAD) | (uint32_t)(n + 1) << 16;
	memcpy(h->b + at, &where, sizeof where);
	h->text += n + 1;
}

/* Fetches what a wish asks for: n0 s1 p1+4, see ../breaks.h. */
static void
hit_fetch(struct hit *h, const char *fetch)
{
	size_t at = BREAKS_HEAD, count = 0;

	for (const char *c = fetch; *c != '\0'; c++)
		count += *c == ',';
	h->text = at + count * machine->word;
	memset(h->b + at, 0, count * machine->word);
	for (; *fetch != '\0'; at += machine->word) {
		char *end;
		unsigned long n = strtoul(fetch + 1, &end, 10), offset = 0;
		uint64_t v = h->args[n & 3];

		if (*end == '+')
			offset = strtoul(end + 1, &end, 10);
		if (*fetch == 'n')
			memcpy(h->b + at, &v, machine->word);
		else
			hit_text(h, at, *fetch == 's' ? v :
			    word_at(v + offset));
		fetch = end + (*end == ',');
	}
}

/* The kernel's probes are at these: they get a record of at most so many
 * bytes. */
#define TELL(name)						\
	EXPORT void name(const void *record);			\
	__attribute__((noinline)) void				\
	name(const void *record)				\
	{							\
		/* The kernel does this one itself, without a step. */	\
		__asm__ volatile("nop" : : "r"(record) : "memory");	\
	}
TELL(plugin_tell_small)
TELL(plugin_tell_middle)
TELL(plugin_tell_large)

static void
hit_send(struct hit *h, int index, int back)
{
	uint32_t head[BREAKS_HEAD / 4] = { BREAKS_MAGIC, (uint32_t)index,
		(uint32_t)back, 0 };

	memcpy(h->b, head, sizeof head);
	if (h->text <= PLUGIN_SMALL)
		plugin_tell_small(h->b);
	else if (h->text <= PLUGIN_MIDDLE)
		plugin_tell_middle(h->b);
	else
		plugin_tell_large(h->b);
}

/* A function's entry: where it returns to is a spot from now on. */
static void
call_push(int w)
{
	uint64_t sp = register_get(machine->sp), back;
	struct spot *s;

	back = machine->link == -1 ? word_at(sp) :
	    register_get(machine->link) + (uint64_t)machine->behind;
	if (depth == RETURNS_MAX || (s = spot_find(back - base, 1)) == NULL)
		return;
	s->returns = 1;
	calls[depth++] = (struct call) { s, w, sp, argument(1) };
}

/* Tells the returns that end at this spot. */
static void
call_pop(const struct spot *s)
{
	uint64_t sp = depth == 0 ? 0 : register_get(machine->sp);

	while (depth > 0 && calls[depth - 1].sp <= sp) {
		const struct call *c = &calls[--depth];
		struct hit h;

		/* One that was left by longjmp has no return. */
		if (c->spot != s)
			continue;
		h.args[0] = register_get(machine->ret);
		h.args[1] = c->buffer;
		hit_fetch(&h, (wishes[c->wish].flags & BREAKS_BUFFER) != 0 ?
		    "n0,s1," : "n0,");
		hit_send(&h, wishes[c->wish].index, 1);
	}
}

/*
 * The sample is at a spot. Registers are those in the emulator's memory, which
 * is so at the beginning of what it translates at once, and functions begin
 * there: in the midst of it nothing but a block can be told.
 */
static void
spot_told(struct spot *s, int begins)
{
	if (begins && s->returns)
		call_pop(s);
	for (int w = s->first; w != -1; w = wishes[w].next) {
		struct hit h;

		if (wishes[w].hits >= wishes[w].most)
			continue;
		if (!begins && wishes[w].fetch[0] != '\0')
			continue;
		wishes[w].hits++;
		for (unsigned i = 0; i < 4 && wishes[w].fetch[0] != '\0'; i++)
			h.args[i] = argument(i);
		hit_fetch(&h, wishes[w].fetch);
		hit_send(&h, wishes[w].index, 0);
		if ((wishes[w].flags & BREAKS_RETURN) != 0 && begins)
			call_push(w);
	}
}

static void
told_begin(unsigned cpu, void *spot)
{
	(void)cpu;
	spot_told(spot, 1);
}

static void
told_midst(unsigned cpu, void *spot)
{
	(void)cpu;
	spot_told(spot, 0);
}

static void
translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	if (!base_known) {
		base = qemu_plugin_start_code() - code_start;
		base_known = 1;
	}
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		struct spot *s = spot_find(qemu_plugin_insn_vaddr(insn) - base,
		    0);

		if (s != NULL && i == 0)
			qemu_plugin_register_vcpu_tb_exec_cb(tb, told_begin, 0,
			    s);
		else if (s != NULL)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, told_midst,
			    0, s);
	}
}

EXPORT int qemu_plugin_version = 1;

/*
 * Runs before the emulator's own beginning, with its words: the process is
 * called by the program's name, not by the loader's.
 */
__attribute__((constructor)) static void
plugin_name(int argc, char **argv)
{
	for (int i = 1; i + 2 < argc; i++)
		if (strcmp(argv[i], "-0") == 0) {
			const char *slash = strrchr(argv[i + 2], '/');

			death_program(argv[i + 2]);
			prctl(PR_SET_NAME, slash == NULL ? argv[i + 2] :
			    slash + 1);
			return;
		}
}

EXPORT int qemu_plugin_install(uint64_t, const struct qemu_info *, int,
    char **);
int
qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc,
    char **argv)
{
	char line[512];
	FILE *f;

	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
		if (strcmp(info->target, machines[i].name) == 0)
			machine = &machines[i];
	/* Nothing that goes wrong here is a reason not to run the sample. */
	if (machine == NULL || (*(void **)&read_register = dlsym(RTLD_DEFAULT,
	    machine->read)) == NULL)
		return 0;
	death_machine(info->target, machine->word);
	if (argc < 1 || strcmp(argv[0], "probed=on") != 0 ||
	    (f = fopen(PLUGIN_FILE, "re")) == NULL)
		return 0;
	while (fgets(line, sizeof line, f) != NULL)
		wish_read(line);
	fclose(f);
	if (wish_count > 0)
		qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
