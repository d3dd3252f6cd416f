/*
 * Core dumps.
 */
#include <elf.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "callsite.h"
#include "core.h"
#include "coreregs.h"

#define CORE_SEGMENTS_MAX 512
#define CORE_SCAN_WORDS 4096
/* A function that is called directly is looked for no further up than this
 * before one that is called through a pointer is taken. */
#define CORE_SCAN_DIRECT 1024
#ifndef NT_FILE
#define NT_FILE 0x46494c45
#endif

struct core_segment {
	uint64_t address, offset, size;
};

struct core_file {
	const uint8_t *data;
	size_t n;
	uint8_t bits;
	bool big;
	uint16_t machine;
	const struct coreregs *row;
	struct core_segment segments[CORE_SEGMENTS_MAX];
	size_t segment_count;
	uint64_t entry; /* where the program begins, in memory; 0: not known */
	uint64_t link;
	uint64_t probe; /* where functions with a return probe return to */
	bool has_link, has_status;
};

static const struct {
	int number;
	const char *name;
} core_signals[] = {
	{ SIGSEGV, "SIGSEGV" }, { SIGBUS, "SIGBUS" }, { SIGILL, "SIGILL" },
	{ SIGFPE, "SIGFPE" }, { SIGABRT, "SIGABRT" }, { SIGTRAP, "SIGTRAP" },
	{ SIGSYS, "SIGSYS" }, { SIGQUIT, "SIGQUIT" }, { SIGXCPU, "SIGXCPU" },
	{ SIGXFSZ, "SIGXFSZ" },
};

const char *
core_signal(int number)
{
	for (size_t i = 0; i < sizeof core_signals / sizeof *core_signals; i++)
		if (core_signals[i].number == number)
			return core_signals[i].name;
	return NULL;
}

/* Reads a number of so many bytes; 0 if it lies outside. */
static uint64_t
core_get(const struct core_file *f, uint64_t at, size_t bytes)
{
	uint64_t v = 0;

	if (at > f->n || f->n - at < bytes)
		return 0;
	for (size_t i = 0; i < bytes; i++)
		v = v << 8 | f->data[at + (f->big ? i : bytes - 1 - i)];
	return v;
}

static uint64_t
core_word(const struct core_file *f, uint64_t at)
{
	return core_get(f, at, f->bits / 8);
}

/* The word at an address of the process; false if the core hasn't got it. */
static bool
core_memory(const struct core_file *f, uint64_t address, uint64_t *v)
{
	for (size_t i = 0; i < f->segment_count; i++) {
		const struct core_segment *s = &f->segments[i];

		if (address < s->address || address - s->address >= s->size ||
		    s->size - (address - s->address) < f->bits / 8)
			continue;
		*v = core_word(f, s->offset + (address - s->address));
		return true;
	}
	return false;
}

/* struct elf_prstatus of <sys/procfs.h>: the signal, and pr_reg. */
static void
core_status(struct core *c, struct core_file *f, uint64_t at, uint64_t n)
{
	/* m68k aligns to 2 bytes only. */
	uint64_t word = f->bits / 8, reg = at + (f->bits == 64 ? 112 :
	    f->machine == EM_68K ? 70 : 72);
	const char *name = f->row == NULL ? "" : f->row->names;

	/* The first is the thread that died. */
	if (f->has_status)
		return;
	f->has_status = true;
	c->signal = (int)core_get(f, at + 12, 2);
	for (; *name != '\0' && reg + word <= at + n &&
	     c->register_count < CORE_REGISTERS_MAX; reg += word) {
		size_t length = strcspn(name, " ");
		uint64_t v = core_word(f, reg);

		if (*name != '-') {
			c->registers[c->register_count].name = name;
			c->registers[c->register_count++].value = v;
		}
		if (strncmp(name, f->row->pc, length) == 0 &&
		    f->row->pc[length] == '\0') {
			c->pc = v;
			c->has_pc = true;
		}
		if (strncmp(name, f->row->sp, length) == 0 &&
		    f->row->sp[length] == '\0')
			c->sp = v + f->row->bias;
		if (f->row->link != NULL &&
		    strncmp(name, f->row->link, length) == 0 &&
		    f->row->link[length] == '\0') {
			f->link = v + f->row->behind;
			f->has_link = true;
		}
		name += length;
		name += *name == ' ';
	}
}

/* siginfo_t: MIPS has si_code before si_errno. */
static void
core_siginfo(struct core *c, const struct core_file *f, uint64_t at)
{
	c->code = (int)(int32_t)core_get(f,
	    at + (f->machine == EM_MIPS ? 4 : 8), 4);
	/* Codes above 0 are the kernel's: then si_addr is what faulted. */
	c->has_address = c->code > 0 && c->code < 0x80 &&
	    (c->signal == SIGSEGV || c->signal == SIGBUS ||
		c->signal == SIGILL || c->signal == SIGFPE);
	if (c->has_address)
		c->address = core_word(f, at + (f->bits == 64 ? 16 : 12));
}

static void
core_auxv(struct core_file *f, uint64_t at, uint64_t n)
{
	uint64_t word = f->bits / 8;

	for (uint64_t i = 0; i + 2 * word <= n; i += 2 * word)
		if (core_word(f, at + i) == AT_ENTRY)
			f->entry = core_word(f, at + i + word);
}

/* NT_FILE: count, page size, (start, end, offset) each, then the names. */
static void
core_files(struct core *c, const struct core_file *f, uint64_t at, uint64_t n)
{
	uint64_t word = f->bits / 8, count = core_word(f, at);
	uint64_t names, length;

	if (count == 0 || count > n / (3 * word))
		return;
	names = 2 * word + count * 3 * word;
	if (names >= n)
		return;
	/* The first mapping of a file is the program's. */
	length = strnlen((const char *)f->data + at + names, n - names);
	snprintf(c->program, sizeof c->program, "%.*s",
	    (int)(length < 255 ? length : 255),
	    (const char *)f->data + at + names);
}

static void
core_notes(struct core *c, struct core_file *f, uint64_t at, uint64_t size)
{
	uint64_t end = at + size;

	while (at + 12 <= end) {
		uint64_t name = core_get(f, at, 4), n = core_get(f, at + 4, 4);
		uint64_t type = core_get(f, at + 8, 4);
		uint64_t desc = at + 12 + ((name + 3) & ~UINT64_C(3));

		if (desc > end || n > end - desc)
			return;
		if (type == NT_PRSTATUS)
			core_status(c, f, desc, n);
		else if (type == NT_SIGINFO && n >= 24)
			core_siginfo(c, f, desc);
		else if (type == NT_AUXV)
			core_auxv(f, desc, n);
		else if (type == NT_FILE)
			core_files(c, f, desc, n);
		at = desc + ((n + 3) & ~UINT64_C(3));
	}
}

/* The program's header, and its segments; notes are read at once. */
static int
core_open(struct core *c, struct core_file *f, const void *data, size_t n,
    char *why, size_t size)
{
	uint64_t at, entry, count;

	f->data = data;
	f->n = n;
	if (n < sizeof(Elf64_Ehdr) || memcmp(data, ELFMAG, SELFMAG) != 0) {
		snprintf(why, size, "no ELF file");
		return -1;
	}
	f->bits = f->data[EI_CLASS] == ELFCLASS64 ? 64 : 32;
	f->big = f->data[EI_DATA] == ELFDATA2MSB;
	f->machine = (uint16_t)core_get(f, 18, 2);
	f->row = coreregs_of(f->machine, f->bits);
	if (core_get(f, 16, 2) != ET_CORE) {
		snprintf(why, size, "an ELF file, but no core");
		return -1;
	}
	at = core_word(f, f->bits == 64 ? 32 : 28);
	entry = core_get(f, f->bits == 64 ? 54 : 42, 2);
	count = core_get(f, f->bits == 64 ? 56 : 44, 2);
	for (uint64_t i = 0; i < count && entry > 0; i++, at += entry) {
		bool wide = f->bits == 64;
		uint64_t type = core_get(f, at, 4);
		struct core_segment s = { core_word(f, at + (wide ? 16 : 8)),
			core_word(f, at + (wide ? 8 : 4)),
			core_word(f, at + (wide ? 32 : 16)) };

		if (at > n || s.offset > n)
			continue;
		if (s.size > n - s.offset) /* cut off */
			s.size = n - s.offset;
		/* The kernel's page for probes is the only one that can be
		 * executed and not read. */
		if (type == PT_LOAD &&
		    core_get(f, at + (wide ? 4 : 24), 4) == PF_X)
			f->probe = s.address;
		if (type == PT_NOTE)
			core_notes(c, f, s.offset, s.size);
		else if (type == PT_LOAD && s.size > 0 &&
		    f->segment_count < CORE_SEGMENTS_MAX)
			f->segments[f->segment_count++] = s;
	}
	if (!f->has_status) {
		snprintf(why, size, "a core without a thread");
		return -1;
	}
	return 0;
}

/* The function that an address of the program lies in, or NULL. */
static const struct elf_symbol *
core_function(const struct elf *e, uint64_t address)
{
	size_t low = 0, high = e->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (e->functions[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	const struct elf_symbol *s = &e->functions[low - 1];
	uint64_t code;

	/* Without a size it goes on to the next. */
	return (s->size == 0 || address - s->address < s->size) &&
	    elf_offset(e, address, &code) == 0 ? s : NULL;
}

static void
core_frame(struct core *c, const struct elf *e, uint64_t bias,
    uint64_t address, const char *how)
{
	/* Without the Thumb bit; and the call is before where it returns to. */
	uint64_t code = (e->machine == EM_ARM ? address & ~UINT64_C(1) :
	    address) - bias;
	const struct elf_symbol *s = core_function(e,
	    code - (c->frame_count > 0));

	c->frames[c->frame_count++] = (struct core_frame) { address, s,
		s == NULL ? 0 : code - s->address, how };
}

/*
 * May v be where the function of the innermost frame so far returns to?
 * CALLSITE_DIRECT if the call before it names just that function.
 */
static enum callsite
core_returns(const struct core *c, const struct elf *e, uint64_t bias,
    uint64_t v)
{
	const struct elf_symbol *inner =
	    c->frames[c->frame_count - 1].function;
	uint64_t target = 0;
	enum callsite call = callsite_before(e, v - bias, &target);

	if (call == CALLSITE_DIRECT && inner == NULL)
		return CALLSITE_INDIRECT;
	if (call != CALLSITE_DIRECT)
		return call;
	if (target == inner->address)
		return CALLSITE_DIRECT;
	/* It called another function: this is an older call's. A stub in
	 * between (a PLT, a veneer) is in no function. */
	return core_function(e, target) == NULL ? CALLSITE_INDIRECT :
	    CALLSITE_NONE;
}

/*
 * A return probe hides the innermost frame's caller. Its address, if only one
 * place calls that function; otherwise 0.
 */
static uint64_t
core_only_call(const struct core *c, const struct elf *e)
{
	const struct elf_symbol *inner =
	    c->frames[c->frame_count - 1].function;
	uint64_t found = 0, target;

	if (inner == NULL)
		return 0;
	for (size_t i = 0; i < e->segment_count; i++) {
		const struct elf_segment *s = &e->segments[i];

		for (uint64_t at = s->address; s->code &&
		     at < s->address + s->size; at++) {
			if (callsite_before(e, at, &target) !=
				CALLSITE_DIRECT || target != inner->address)
				continue;
			/* Code that ends in the bytes of a call is none. */
			if (core_function(e, at - 1) == NULL)
				continue;
			if (found != 0)
				return 0;
			found = at;
		}
	}
	return found;
}

/*
 * The next outer frame where the innermost function says in its code how its
 * frame is laid out, and sp is known to stand at that. False if it does not,
 * or if what lies there is no return address.
 */
static bool
core_outer_exact(struct core *c, const struct core_file *f,
    const struct elf *e, uint64_t bias, uint64_t *sp)
{
	const struct core_frame *inner = &c->frames[c->frame_count - 1];
	struct callsite_frame frame;
	uint64_t v, target;

	if (inner->function == NULL ||
	    !callsite_frame(e, inner->function->address, &frame) ||
	    !core_memory(f, *sp + frame.link, &v))
		return false;
	if (f->probe != 0 && v == f->probe) {
		v = core_only_call(c, e);
		core_frame(c, e, bias, v != 0 ? v + bias : f->probe,
		    v != 0 ? "only call" : "hidden");
	} else if (callsite_before(e, v - bias, &target) != CALLSITE_NONE) {
		core_frame(c, e, bias, v, "frame");
	} else {
		return false;
	}
	*sp += frame.size;
	return true;
}

/* Looks for the next outer frame from sp up; sp moves behind it. */
static bool
core_outer(struct core *c, const struct core_file *f, const struct elf *e,
    uint64_t bias, uint64_t *sp)
{
	uint64_t word = f->bits / 8, second = 0, second_sp = 0, v, probe = 0;

	for (unsigned i = 0; i < CORE_SCAN_WORDS; i++) {
		uint64_t at = *sp + i * word;
		enum callsite call;

		if (!core_memory(f, at, &v))
			break;
		v += f->row->behind;
		call = core_returns(c, e, bias, v);
		if (call == CALLSITE_DIRECT) {
			core_frame(c, e, bias, v, "call");
			*sp = at + word;
			return true;
		}
		if (call == CALLSITE_INDIRECT && second == 0) {
			second = v;
			second_sp = at + word;
		}
		if (f->probe != 0 && (v & ~UINT64_C(1)) == f->probe &&
		    probe == 0)
			probe = at + word;
		if ((second != 0 || probe != 0) && i > CORE_SCAN_DIRECT)
			break;
	}
	if (probe != 0) {
		v = core_only_call(c, e);
		core_frame(c, e, bias, v != 0 ? v + bias : f->probe,
		    v != 0 ? "only call" : "hidden");
		*sp = probe;
		return true;
	}
	if (second == 0)
		return false;
	core_frame(c, e, bias, second, "stack");
	*sp = second_sp;
	return true;
}

/* No debugger's unwinding: from call to call, as the code itself tells them. */
static void
core_backtrace(struct core *c, const struct core_file *f, const struct elf *e)
{
	uint64_t bias = f->entry == 0 ? 0 : f->entry - e->entry, sp = c->sp;
	struct callsite_frame frame = { 0, 0 };
	enum callsite call;
	bool exact = true;

	core_frame(c, e, bias, c->pc, "registers");
	/* A function that keeps it in its frame may have lost the register. */
	if (f->has_link && (c->frames[0].function == NULL ||
	    !callsite_frame(e, c->frames[0].function->address, &frame))) {
		call = core_returns(c, e, bias, f->link);
		/* In the midst of a function the register may still hold
		 * where the last call that it made came back to. */
		if (call == CALLSITE_DIRECT || (call == CALLSITE_INDIRECT &&
		    core_function(e, f->link - bias - 1) !=
			c->frames[0].function))
			core_frame(c, e, bias, f->link,
			    call == CALLSITE_DIRECT ? "call" : "stack");
		if (c->frames[0].function != NULL)
			sp += frame.size;
	}
	while (c->frame_count < CORE_FRAMES_MAX) {
		const struct elf_symbol *s;

		exact = exact && core_outer_exact(c, f, e, bias, &sp);
		if (!exact && !core_outer(c, f, e, bias, &sp))
			break;
		s = c->frames[c->frame_count - 1].function;
		if (s != NULL && strcmp(s->name, "main") == 0)
			break;
	}
}

int
core_read(struct core *c, const void *data, size_t n,
    const struct elf *program, const char *path, char *why, size_t size)
{
	static const char deleted[] = " (deleted)";
	struct core_file f = { 0 };
	size_t length = strlen(path);

	memset(c, 0, sizeof *c);
	if (core_open(c, &f, data, n, why, size) == -1)
		return -1;
	c->same = strncmp(c->program, path, length) == 0 &&
	    (c->program[length] == '\0' ||
		strcmp(c->program + length, deleted) == 0);
	if (c->same && c->has_pc && program->machine == f.machine &&
	    program->bits == f.bits && program->big == f.big)
		core_backtrace(c, &f, program);
	return 0;
}
