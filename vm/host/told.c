/*
 * Probes whose hits a library of ours tells.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "told.h"
#include "../guest/breaks.h"

/* How often each kind is told: in Thumb code every one costs two stops. */
#define TOLD_MOST 20000
#define TOLD_TAKERS_MOST 500
#define TOLD_BLOCK_MOST 5000

/* One field of a hit, as the formats of tracefs describe it. */
static void
told_field(struct tracebuf_format *f, unsigned word, const char *name,
    size_t n, bool text, bool is_int)
{
	struct tracebuf_field *field = &f->fields[f->count];

	if (f->count == TRACEBUF_FIELDS || n >= sizeof field->name)
		return;
	memset(field, 0, sizeof *field);
	memcpy(field->name, name, n);
	field->offset = (uint16_t)(f->count * word);
	/* Records have the order of the guest's own words: lower half first. */
	field->size = text || is_int ? 4 : (uint16_t)word;
	field->is_signed = is_int;
	field->text = text;
	f->count++;
}

/*
 * "argc=%r0:s32", "s1=+0(%r1):string" and "w1=+0(+4(%r1)):string" as the
 * library's fetches.
 */
static void
told_fetches(struct tracebuf_format *f, unsigned word, const char *args,
    char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	while (*(args += strspn(args, " ")) != '\0') {
		size_t name = strcspn(args, "="), k = strcspn(args, " ");
		unsigned reg = 0, offset = 0;
		char kind;

		if (sscanf(args + name, "=%%r%u", &reg) == 1)
			kind = 'n';
		else if (sscanf(args + name, "=+0(%%r%u", &reg) == 1)
			kind = 's';
		else if (sscanf(args + name, "=+0(+%u(%%r%u", &offset, &reg) ==
		    2)
			kind = 'p';
		else
			break;
		if (n + 16 > size)
			break;
		n += (size_t)snprintf(out + n, size - n, kind == 'p' ?
		    "p%u+%u," : "%c%u,", kind == 'p' ? reg : (unsigned)kind,
		    kind == 'p' ? offset : reg);
		told_field(f, word, args, name, kind != 'n', kind == 'n' &&
		    k > 4 && memcmp(args + k - 4, ":s32", 4) == 0);
		args += k;
	}
}

char *
told_definition(struct probe *b, size_t index, const char *args,
    unsigned word)
{
	char fetch[160];
	int flags = b->entry_only ? 0 : BREAKS_RETURN;

	b->entry.count = b->back.count = 0;
	told_fetches(&b->entry, word, args, fetch, sizeof fetch);
	told_field(&b->back, word, "ret", 3, false, true);
	if (b->kind == PROBE_BUFFER) {
		flags |= BREAKS_BUFFER;
		told_field(&b->back, word, "buf", 3, true, false);
	}
	return xasprintf("t %zu %llx %llx %llx %d %d %s", index,
	    (unsigned long long)b->address, (unsigned long long)b->next[0],
	    (unsigned long long)b->next[1], flags,
	    b->kind == PROBE_BLOCK ? TOLD_BLOCK_MOST :
	    b->takers_only ? TOLD_TAKERS_MOST : TOLD_MOST, fetch);
}

int
told_hit(struct tracebuf_event *e, size_t at, size_t *index, bool *back)
{
	uint32_t head[BREAKS_HEAD / 4];

	if (e->n < at || e->n - at < BREAKS_HEAD)
		return -1;
	for (size_t i = 0; i < BREAKS_HEAD / 4; i++) {
		const uint8_t *p = e->data + at + i * 4;

		head[i] = (uint32_t)p[0] | (uint32_t)p[1] << 8 |
		    (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	}
	if (head[0] != BREAKS_MAGIC)
		return -1;
	*index = head[1];
	*back = head[2] == 1;
	/* Who tells of itself leaves that to the kernel. */
	if (head[3] != 0)
		e->pid = (int32_t)head[3];
	e->data += at + BREAKS_HEAD;
	e->n -= at + BREAKS_HEAD;
	return 0;
}
