/*
 * Function probes.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "probe.h"
#include "protocol.h"

#define PROBES_MAX 512

/* Where the first four arguments of a function lie. */
struct probe_arch {
	const char *name;
	const char *args[4];
	uint8_t word; /* bytes of a pointer */
	bool big;
	/* Arguments can still be read when the function returns. */
	bool kept;
	/* Every function of a C library can be probed. */
	bool compares;
};

static const struct probe_arch probe_archs[] = {
	{ "i386", { "$stack1", "$stack2", "$stack3", "$stack4" }, 4, false,
	    true, true },
	{ "amd64", { "%di", "%si", "%dx", "%cx" }, 8, false, false, true },
	{ "armhf", { "%r0", "%r1", "%r2", "%r3" }, 4, false, false, false },
	{ "armel", { "%r0", "%r1", "%r2", "%r3" }, 4, false, false, false },
	{ "arm64", { "%x0", "%x1", "%x2", "%x3" }, 8, false, false, false },
	{ "mipsel", { "%r4", "%r5", "%r6", "%r7" }, 4, false, false, false },
	{ "mips64el", { "%r4", "%r5", "%r6", "%r7" }, 8, false, false, false },
};

/* Functions whose arguments have a shape that bots share. */
static const struct {
	const char *name;
	enum probe_kind kind;
	bool standard; /* probed without being asked for */
} probe_shapes[] = {
	{ "recvLine", PROBE_BUFFER, true },
	{ "processCmd", PROBE_ARGV, true },
	{ "initConnection", PROBE_NOTHING, true },
};

int
probes_init(struct probes *p, const struct elf *elf)
{
	const char *arch = elf_arch(elf);
	char why[128];

	memset(p, 0, sizeof *p);
	for (size_t i = 0; arch != NULL &&
	     i < sizeof probe_archs / sizeof *probe_archs; i++)
		if (strcmp(probe_archs[i].name, arch) == 0)
			p->arch = &probe_archs[i];
	if (p->arch == NULL)
		return -1;
	p->order.big = p->arch->big;
	p->order.long_size = p->arch->word;
	for (size_t i = 0; i < sizeof probe_shapes / sizeof *probe_shapes; i++)
		if (probe_shapes[i].standard &&
		    elf_function(elf, probe_shapes[i].name) != NULL &&
		    probes_add(p, elf, probe_shapes[i].name, why,
			sizeof why) == -1)
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

int
probes_add(struct probes *p, const struct elf *elf, const char *name,
    char *why, size_t size)
{
	struct probe probe = { .kind = PROBE_NUMBERS };
	const struct elf_symbol *s = elf_function(elf, name);
	char *end;

	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->list[i].name, name) == 0)
			return 0;
	if (p->count == PROBES_MAX) {
		snprintf(why, size, "more than %d probes", PROBES_MAX);
		return -1;
	}
	if (s != NULL && s->thumb) {
		snprintf(why, size, "%s is Thumb code, where the kernel can't "
		    "probe", name);
		return -1;
	}
	if (s != NULL) {
		probe.address = s->address;
		probe.offset = s->offset;
	} else if (strncmp(name, "0x", 2) != 0) {
		snprintf(why, size, "the sample has no function %s%s", name,
		    elf->count == 0 ? " (it is stripped: give an address, "
				      "--probe 0x…)" : "");
		return -1;
	} else {
		probe.address = strtoull(name, &end, 16);
		if (*end != '\0' ||
		    elf_offset(elf, probe.address, &probe.offset) == -1) {
			snprintf(why, size, "%s is no address in the sample's "
			    "code", name);
			return -1;
		}
	}
	for (size_t i = 0; i < sizeof probe_shapes / sizeof *probe_shapes; i++)
		if (strcmp(probe_shapes[i].name, name) == 0)
			probe.kind = probe_shapes[i].kind;
	probe.name = xstrdup(name);
	probe.event = probe_event(name, p->count);
	p->list = xreallocarray(p->list, p->count + 1, sizeof *p->list);
	p->list[p->count++] = probe;
	return 0;
}

/* Adds one function without asking; what is there already stays. */
static size_t
probes_add_symbol(struct probes *p, const struct elf_symbol *s,
    const char *name, enum probe_kind kind)
{
	struct probe probe = { .kind = kind, .entry_only = true };

	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].offset == s->offset)
			return 0;
	if (p->count == PROBES_MAX || s->thumb)
		return 0;
	probe.address = s->address;
	probe.offset = s->offset;
	probe.name = xstrdup(name);
	probe.event = probe_event(name, p->count);
	p->list = xreallocarray(p->list, p->count + 1, sizeof *p->list);
	p->list[p->count++] = probe;
	return 1;
}

size_t
probes_add_own(struct probes *p, const struct elf *elf)
{
	const struct elf_symbol *main = elf_function(elf, "main");
	size_t count = 0, i = 0;

	/* crtbegin.o ends with frame_dummy; the library's names begin with an
	 * underscore, but for small ones that headers bring. */
	while (i < elf->count &&
	    strcmp(elf->functions[i].name, "frame_dummy") != 0)
		i++;
	for (i++; i < elf->count; i++) {
		const struct elf_symbol *s = &elf->functions[i];

		if (s->name[0] == '_' && strncmp(s->name, "__bswap", 7) != 0)
			break;
		count += probes_add_symbol(p, s, s->name, PROBE_NOTHING);
	}
	if (main != NULL)
		count += probes_add_symbol(p, main, "main", PROBE_NOTHING);
	return count;
}

/* "__strncmp_sse4_2" is strncmp; NULL for what compares no texts. */
static const char *
probe_compare_name(const char *name)
{
	static const char *const names[] = { "strcmp", "strncmp", "strcasecmp",
		"strncasecmp", "strcasestr", "strstr", "memcmp", "strtok" };

	name += strspn(name, "_");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t n = strlen(names[i]);

		if (strncmp(name, names[i], n) == 0 &&
		    (name[n] == '\0' || name[n] == '_') &&
		    strstr(name + n, "ifunc") == NULL)
			return names[i];
	}
	return NULL;
}

size_t
probes_add_compares(struct probes *p, const struct elf *elf)
{
	size_t count = 0;

	if (!p->arch->compares)
		return 0;
	for (size_t i = 0; i < elf->count; i++) {
		const char *name = probe_compare_name(elf->functions[i].name);

		if (name != NULL)
			count += probes_add_symbol(p, &elf->functions[i], name,
			    PROBE_COMPARE);
	}
	return count;
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
			    " w%d=+0(+%d(%s)):string", i, i * arch->word,
			    arch->args[1]);
		return xstrdup(text);
	}
	if (kind == PROBE_NOTHING)
		return xstrdup("");
	if (kind == PROBE_COMPARE)
		return xasprintf(" s0=+0(%s):string s1=+0(%s):string",
		    arch->args[0], arch->args[1]);
	if (kind == PROBE_BUFFER)
		return xasprintf(" fd=%s:s32 size=%s:s32", arch->args[0],
		    arch->args[2]);
	for (int i = 0; i < 4; i++)
		n += (size_t)snprintf(text + n, sizeof text - n,
		    " a%d=%s:x%d s%d=+0(%s):string", i, arch->args[i],
		    arch->word * 8, i, arch->args[i]);
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

char *
probes_definitions(const struct probes *p, const char *path, size_t *n)
{
	char *all = NULL;

	*n = 0;
	for (size_t i = 0; i < p->count; i++) {
		const struct probe *b = &p->list[i];
		char *args[2] = { probe_entry_args(p->arch, b->kind),
			probe_return_args(p->arch, b->kind) };

		for (int r = 0; r < 2; r++) {
			if (r == 1 && b->entry_only) {
				free(args[r]);
				break;
			}
			char *line = xasprintf("%c:" PROBE_GROUP
			    "/%s%s %s:0x%llx%s", "pr"[r], b->event,
			    r == 0 ? "" : "_r", path,
			    (unsigned long long)b->offset, args[r]);
			size_t k = strlen(line) + 1;

			all = xreallocarray(all, *n + k, 1);
			memcpy(all + *n, line, k);
			*n += k;
			free(line);
			free(args[r]);
		}
	}
	return all;
}

void
probes_format(struct probes *p, const char *text, size_t n)
{
	struct tracebuf_format f;

	if (tracebuf_format(&f, text, n) == -1)
		return;
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

const struct probe *
probes_find(const struct probes *p, uint16_t id, bool *back)
{
	for (size_t i = 0; id != 0 && i < p->count; i++) {
		*back = p->list[i].back.id == id;
		if (*back || p->list[i].entry.id == id)
			return &p->list[i];
	}
	return NULL;
}
