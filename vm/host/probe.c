/*
 * Function probes.
 */
#include <ctype.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "flow.h"
#include "probe.h"
#include "probename.h"
#include "protocol.h"
#include "thumb.h"
#include "told.h"
#include "../guest/breaks.h"

#define PROBES_MAX 2500
/* Behind the common head of all events. */
#define RECORD_MARKER 8

/* Where the first four arguments of a function lie, by the ELF header. */
struct probe_arch {
	uint16_t machine;
	uint8_t bits; /* of a pointer */
	const char *args[4];
	bool big;
	/* Arguments can still be read when the function returns. */
	bool kept;
	/* Run by the emulator in the amd64 guest, whose plugin tells of them: it
	 * knows where an argument lies by its number. */
	bool emulated;
};

#define PLUGIN_ARGS "%r0", "%r1", "%r2", "%r3"
static const struct probe_arch probe_archs[] = {
	{ EM_386, 32, { "$stack1", "$stack2", "$stack3", "$stack4" }, false,
	    true, false },
	{ EM_X86_64, 64, { "%di", "%si", "%dx", "%cx" }, false, false, false },
	{ EM_ARM, 32, { "%r0", "%r1", "%r2", "%r3" }, false, false, false },
	{ EM_AARCH64, 64, { "%x0", "%x1", "%x2", "%x3" }, false, false, false },
	{ EM_MIPS, 32, { "%r4", "%r5", "%r6", "%r7" }, false, false, false },
	{ EM_MIPS, 64, { "%r4", "%r5", "%r6", "%r7" }, false, false, false },
	{ EM_MIPS, 32, { PLUGIN_ARGS }, true, false, true },
	{ EM_PPC, 32, { PLUGIN_ARGS }, true, false, true },
	{ EM_68K, 32, { PLUGIN_ARGS }, true, false, true },
	{ EM_SPARCV9, 64, { PLUGIN_ARGS }, true, false, true },
};

/* Where the lowest of the code lies: the emulator tells where it put that. */
static uint64_t
probes_code(const struct elf *elf)
{
	uint64_t lowest = UINT64_MAX;

	for (size_t i = 0; i < elf->segment_count; i++)
		if (elf->segments[i].code && elf->segments[i].address < lowest)
			lowest = elf->segments[i].address;
	return lowest;
}

int
probes_init(struct probes *p, const struct elf *elf)
{
	const char *name;
	char why[128];

	memset(p, 0, sizeof *p);
	for (size_t i = 0; i < sizeof probe_archs / sizeof *probe_archs; i++)
		if (probe_archs[i].machine == elf->machine &&
		    probe_archs[i].bits == elf->bits &&
		    probe_archs[i].big == elf->big)
			p->arch = &probe_archs[i];
	if (p->arch == NULL)
		return -1;
	p->entry = p->arch->emulated ? probes_code(elf) : elf->entry;
	/* The guest's, not the sample's. */
	p->order.big = p->arch->big && !p->arch->emulated;
	p->order.long_size = p->arch->emulated ? 8 : p->arch->bits / 8;
	for (size_t i = 0; (name = probename_standard(i)) != NULL; i++)
		if (elf_function(elf, name) != NULL &&
		    probes_add(p, elf, name, why, sizeof why) == -1)
			continue;
	return 0;
}

void
probes_free(struct probes *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->list[i].name);
		free(p->list[i].event);
	}
	for (size_t i = 0; i < p->cover_count; i++) {
		free(p->covers[i].name);
		blocks_free(&p->covers[i].blocks);
	}
	free(p->covers);
	free(p->list);
	memset(p, 0, sizeof *p);
}

/* The name that tracefs gets: letters, digits, and a number. */
static char *
probe_event(const char *name, size_t number)
{
	char *event = xasprintf("f%zu_%.24s", number, name);

	for (char *c = event; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c))
			*c = '_';
	return event;
}

/* Appends a probe; its name is copied. */
static void
probes_append(struct probes *p, const struct elf *elf, struct probe *probe,
    const char *name)
{
	if (probe->thumb)
		thumb_next(elf, probe->address, probe->next);
	probe->name = xstrdup(name);
	probe->event = probe_event(name, p->count);
	p->list = xreallocarray(p->list, p->count + 1, sizeof *p->list);
	p->list[p->count++] = *probe;
}

/*
 * Fills in where a function is, or an address as text; an odd one is Thumb
 * code. 0, or -1 with a line in why.
 */
static int
probe_resolve(struct probe *b, const struct elf *elf, const char *name,
    char *why, size_t size)
{
	const struct elf_symbol *s = elf_function(elf, name);
	char *end;

	if (s != NULL) {
		b->address = s->address;
		b->offset = s->offset;
		b->thumb = s->thumb;
		return 0;
	}
	if (strncmp(name, "0x", 2) != 0) {
		snprintf(why, size, "the sample has no function %s%s", name,
		    elf->count == 0 ? " (it is stripped: give an address, "
				      "like 0x8049a3c)" : "");
		return -1;
	}
	b->address = strtoull(name, &end, 16);
	b->thumb = elf->machine == EM_ARM && (b->address & 1) != 0;
	b->address -= b->thumb;
	if (*end != '\0' || elf_offset(elf, b->address, &b->offset) == -1) {
		snprintf(why, size, "%s is no address in the sample's code",
		    name);
		return -1;
	}
	return 0;
}

int
probes_add(struct probes *p, const struct elf *elf, const char *name,
    char *why, size_t size)
{
	struct probe probe = { .kind = PROBE_NUMBERS };

	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->list[i].name, name) == 0)
			return 0;
	if (p->count == PROBES_MAX) {
		snprintf(why, size, "more than %d probes", PROBES_MAX);
		return -1;
	}
	if (probe_resolve(&probe, elf, name, why, size) == -1)
		return -1;
	probe.kind = probename_kind(name);
	probes_append(p, elf, &probe, name);
	return 0;
}

int
probes_add_coverage(struct probes *p, const struct elf *elf, const char *name,
    char *why, size_t size)
{
	const struct elf_symbol *s = elf_function(elf, name);
	struct probes_cover cover = { .name = NULL };
	struct probe entry;

	for (size_t i = 0; i < p->cover_count; i++)
		if (strcmp(p->covers[i].name, name) == 0)
			return 0;
	if (probe_resolve(&entry, elf, name, why, size) == -1 ||
	    probes_add(p, elf, name, why, size) == -1 ||
	    blocks_find(&cover.blocks, elf, entry.address,
		s == NULL ? 0 : s->size, entry.thumb, why, size) == -1)
		return -1;
	for (size_t i = 0; i < cover.blocks.count; i++) {
		struct probe probe = { .kind = PROBE_BLOCK, .entry_only = true,
			.cover = p->cover_count, .block = i,
			.thumb = entry.thumb };

		if (p->count == PROBES_MAX) {
			cover.blocks.left_out +=
			    (unsigned)(cover.blocks.count - i);
			cover.blocks.count = i;
			break;
		}
		probe.address = cover.blocks.list[i].address;
		probe.offset = cover.blocks.list[i].offset;
		probes_append(p, elf, &probe, "block");
	}
	cover.name = xstrdup(name);
	p->covers = xreallocarray(p->covers, p->cover_count + 1,
	    sizeof *p->covers);
	p->covers[p->cover_count++] = cover;
	return 0;
}

/*
 * On x86 the kernel can't probe instructions of AVX, with which glibc's string
 * functions begin. They leave arguments and stack alone, so the probe goes to
 * the first instruction behind them.
 */
static void
probe_behind_avx(struct probe *b, const struct elf *elf)
{
	struct flow_reader *r = NULL;
	const uint8_t *code;
	struct flow f;

	if (elf->machine != EM_386 && elf->machine != EM_X86_64)
		return;
	for (int i = 0; i < 8; i++) {
		code = elf_bytes(elf, b->address, 16);
		if (code == NULL ||
		    (code[0] != 0xc4 && code[0] != 0xc5 && code[0] != 0x62) ||
		    (elf->machine == EM_386 && code[1] < 0xc0))
			break;
		if ((r == NULL && (r = flow_open(elf, false)) == NULL) ||
		    flow_read(r, code, 16, b->address, &f, NULL) == -1)
			break;
		b->address += f.size;
		b->offset += f.size;
	}
	flow_close(r);
}

/* Adds one function without asking; what is there already stays. */
static size_t
probes_add_symbol(struct probes *p, const struct elf *elf,
    const struct elf_symbol *s, const char *name, enum probe_kind kind,
    bool takers_only)
{
	struct probe probe = { .kind = kind, .entry_only = true,
		.takers_only = takers_only, .thumb = s->thumb };

	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].kind != PROBE_BLOCK &&
		    p->list[i].offset == s->offset)
			return 0;
	if (p->count == PROBES_MAX)
		return 0;
	probe.address = s->address;
	probe.offset = s->offset;
	if (kind == PROBE_COMPARE)
		probe_behind_avx(&probe, elf);
	probes_append(p, elf, &probe, name);
	return 1;
}

size_t
probes_add_own(struct probes *p, const struct elf *elf, bool takers_only)
{
	const struct elf_symbol *main = elf_function(elf, "main");
	size_t count = 0, i = 0;

	/* crtbegin.o ends with frame_dummy. */
	while (i < elf->count &&
	    strcmp(elf->functions[i].name, "frame_dummy") != 0)
		i++;
	for (i++; i < elf->count; i++) {
		const struct elf_symbol *s = &elf->functions[i];

		if (probename_library(elf, s))
			break;
		if (s->name[0] != '_')
			count += probes_add_symbol(p, elf, s, s->name,
			    PROBE_NUMBERS, takers_only);
	}
	if (main != NULL)
		count += probes_add_symbol(p, elf, main, "main", PROBE_NUMBERS,
		    takers_only);
	return count;
}

size_t
probes_add_compares(struct probes *p, const struct elf *elf)
{
	size_t count = 0;

	for (size_t i = 0; i < elf->count; i++) {
		const char *name = probename_compare(elf->functions[i].name);

		if (name != NULL)
			count += probes_add_symbol(p, elf,
			    &elf->functions[i], name, PROBE_COMPARE, false);
	}
	return count;
}

/* The name of probe i is among those of its kind that come before it. */
static bool
probe_named(const struct probes *p, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (p->list[k].kind == p->list[i].kind &&
		    strcmp(p->list[k].name, p->list[i].name) == 0)
			return true;
	return false;
}

void
probes_tell(const struct probes *p, struct jsonw *j)
{
	size_t own = 0, blocks = 0, thumb = 0;

	jsonw_object(j, "probes");
	jsonw_array(j, "functions");
	for (size_t i = 0; i < p->count; i++)
		if (!p->list[i].entry_only)
			jsonw_string(j, NULL, p->list[i].name);
	jsonw_array_end(j);
	jsonw_array(j, "comparisons");
	for (size_t i = 0; i < p->count; i++) {
		const struct probe *b = &p->list[i];

		thumb += b->thumb;
		own += b->entry_only && b->kind == PROBE_NUMBERS;
		blocks += b->kind == PROBE_BLOCK;
		if (b->kind == PROBE_COMPARE && !probe_named(p, i))
			jsonw_string(j, NULL, b->name);
	}
	jsonw_array_end(j);
	jsonw_uint(j, "own", own);
	jsonw_uint(j, "blocks", blocks);
	jsonw_uint(j, "thumb", thumb);
	if (p->arch->emulated)
		jsonw_bool(j, "emulated", true);
	jsonw_object_end(j);
}

/* What is fetched at a function's entry. The caller frees it. */
static char *
probe_entry_args(const struct probe_arch *arch, enum probe_kind kind)
{
	char text[1024];
	size_t n = 0;

	if (kind == PROBE_ARGV) {
		n = (size_t)snprintf(text, sizeof text, " argc=%s:s32",
		    arch->args[0]);
		for (int i = 0; i < PROBE_WORDS; i++)
			n += (size_t)snprintf(text + n, sizeof text - n,
			    " w%d=+0(+%d(%s)):string", i, i * arch->bits / 8,
			    arch->args[1]);
		return xstrdup(text);
	}
	if (kind == PROBE_NOTHING || kind == PROBE_BLOCK)
		return xstrdup("");
	if (kind == PROBE_COMPARE)
		return xasprintf(" s0=+0(%s):string s1=+0(%s):string",
		    arch->args[0], arch->args[1]);
	if (kind == PROBE_BUFFER)
		return xasprintf(" fd=%s:s32 size=%s:s32", arch->args[0],
		    arch->args[2]);
	for (int i = 0; i < 4; i++)
		n += (size_t)snprintf(text + n, sizeof text - n,
		    " a%d=%s:x%d s%d=+0(%s):string q%d=+0(+0(%s)):string", i,
		    arch->args[i], arch->bits, i, arch->args[i], i,
		    arch->args[i]);
	return xstrdup(text);
}

static char *
probe_return_args(const struct probe_arch *arch, enum probe_kind kind)
{
	/* At a return the stack is one word higher where a call pushes one:
	 * the first argument stands where $stack0 is. */
	if (kind == PROBE_BUFFER && arch->kept)
		return xasprintf(" ret=$retval:s32 buf=+0($stack1):string");
	return xstrdup(" ret=$retval:s32");
}

/* Adds a line to the list, and frees it. */
static void
probes_line(char **all, size_t *n, char *line)
{
	size_t k = strlen(line) + 1;

	*all = xreallocarray(*all, *n + k, 1);
	memcpy(*all + *n, line, k);
	*n += k;
	free(line);
}

/* Is it a library that tells of this one? */
static bool
probes_told(const struct probes *p, const struct probe *b)
{
	return b->thumb || p->arch->emulated;
}

char *
probes_definitions(struct probes *p, const char *path, size_t *n)
{
	char *all = NULL;
	bool told = false;

	*n = 0;
	for (size_t i = 0; i < p->count; i++) {
		struct probe *b = &p->list[i];
		char *args[2] = { probe_entry_args(p->arch, b->kind),
			probe_return_args(p->arch, b->kind) };

		if (probes_told(p, b) && !told)
			probes_line(&all, n, xasprintf("f %llx %s",
			    (unsigned long long)p->entry, path));
		if (probes_told(p, b)) {
			probes_line(&all, n, told_definition(b, i, args[0],
			    p->arch->bits / 8));
			told = true;
			free(args[0]);
			free(args[1]);
			continue;
		}

		for (int r = 0; r < 2; r++) {
			if (r == 1 && b->entry_only) {
				free(args[r]);
				break;
			}
			probes_line(&all, n, xasprintf("%c:" PROBE_GROUP
			    "/%s%s %s:0x%llx%s", "pr"[r], b->event,
			    r == 0 ? "" : "_r", path,
			    (unsigned long long)b->offset, args[r]));
			free(args[r]);
		}
	}
	return all;
}

/* Events with this id are records, which begin so far into them. */
static void
probes_record(struct probes *p, uint16_t id, uint16_t at)
{
	if (p->record_count < PROBES_RECORDS)
		p->records[p->record_count++] = (struct probes_record) { id,
			at };
}

void
probes_format(struct probes *p, const char *text, size_t n)
{
	struct tracebuf_format f;

	if (tracebuf_format(&f, text, n) == -1)
		return;
	if (strcmp(f.name, "raw_data") == 0)
		probes_record(p, f.id, RECORD_MARKER);
	/* The emulator's: the record is a field of its own. */
	if (p->arch->emulated && strncmp(f.name, PLUGIN_EVENT,
	    sizeof PLUGIN_EVENT - 1) == 0)
		for (size_t i = 0; i < f.count; i++)
			if (strncmp(f.fields[i].name, "r0[", 3) == 0)
				probes_record(p, f.id, f.fields[i].offset);
	for (size_t i = 0; i < p->count; i++) {
		struct probe *b = &p->list[i];
		size_t k = strlen(b->event);

		if (strncmp(f.name, b->event, k) != 0)
			continue;
		if (f.name[k] == '\0')
			b->entry = f;
		else if (strcmp(f.name + k, "_r") == 0)
			b->back = f;
	}
}

struct probe *
probes_find(const struct probes *p, struct tracebuf_event *e, bool *back)
{
	size_t index;

	for (size_t i = 0; e->id != 0 && i < p->record_count; i++)
		if (e->id == p->records[i].id)
			return told_hit(e, p->records[i].at, &index, back) ==
			    0 && index < p->count &&
			    probes_told(p, &p->list[index]) ?
			    &p->list[index] : NULL;
	for (size_t i = 0; e->id != 0 && i < p->count; i++) {
		*back = p->list[i].back.id == e->id;
		if (*back || p->list[i].entry.id == e->id)
			return &p->list[i];
	}
	return NULL;
}
