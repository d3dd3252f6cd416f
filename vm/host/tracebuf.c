/*
 * The kernel's trace ring buffer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracebuf.h"

/* Entry types above the lengths 1 to 28 (in units of four bytes). */
enum { TRACEBUF_PADDING = 29, TRACEBUF_EXTEND = 30, TRACEBUF_STAMP = 31 };

static uint64_t
tracebuf_get(const struct tracebuf_order *o, const uint8_t *p, size_t bytes)
{
	uint64_t v = 0;

	for (size_t i = 0; i < bytes; i++)
		v = v << 8 | p[o->big ? i : bytes - 1 - i];
	return v;
}

/* Hands over one event's bytes, if they are enough for the common head. */
static void
tracebuf_entry(const struct tracebuf_order *o, const uint8_t *p, size_t n,
    int64_t time, tracebuf_cb *cb, void *arg)
{
	struct tracebuf_event e = { time, 0, 0, p, n };

	if (n < 8)
		return;
	e.id = (uint16_t)tracebuf_get(o, p, 2);
	e.pid = (int32_t)tracebuf_get(o, p + 4, 4);
	cb(arg, &e);
}

/* How many events were lost before this page. */
static int64_t
tracebuf_lost(const struct tracebuf_order *o, const uint8_t *p, size_t n,
    size_t end, uint64_t commit)
{
	if ((commit & 1u << 31) == 0)
		return 0;
	if ((commit & 1u << 30) != 0 && n - end >= o->long_size)
		return (int64_t)(tracebuf_get(o, p + end, o->long_size) &
		    0x7fffffff);
	return 1;
}

int64_t
tracebuf_page(const struct tracebuf_order *o, const uint8_t *p, size_t n,
    tracebuf_cb *cb, void *arg)
{
	size_t at = 8 + o->long_size, end;
	uint64_t commit;
	int64_t time;

	if (n < at)
		return -1;
	time = (int64_t)tracebuf_get(o, p, 8);
	commit = tracebuf_get(o, p + 8, o->long_size);
	end = at + (commit & 0xfffff);
	if (end > n)
		return -1;
	while (end - at >= 4) {
		uint32_t head = (uint32_t)tracebuf_get(o, p + at, 4);
		uint32_t type = o->big ? head >> 27 : head & 31;
		uint32_t delta = o->big ? head & 0x7ffffff : head >> 5;
		size_t left = end - at - 4, length;
		uint64_t word = left >= 4 ?
		    tracebuf_get(o, p + at + 4, 4) : 0;

		if (type == TRACEBUF_PADDING) {
			/* Without a time it fills the rest of the page. */
			if (delta == 0)
				break;
			length = (size_t)word;
			time += delta;
		} else if (type == TRACEBUF_EXTEND) {
			length = 4;
			time += (int64_t)(word << 27 | delta);
		} else if (type == TRACEBUF_STAMP) {
			/* The whole time, but for its upper five bits. */
			length = 4;
			time = (int64_t)(((uint64_t)time & 0xf8ull << 56) |
			    word << 27 | delta);
		} else if (type == 0) {
			length = (size_t)word;
			time += delta;
			if (length >= 4 && length <= left)
				tracebuf_entry(o, p + at + 8, length - 4, time,
				    cb, arg);
		} else {
			length = type * 4;
			time += delta;
			if (length <= left)
				tracebuf_entry(o, p + at + 4, length, time, cb,
				    arg);
		}
		if (length > left || length == 0)
			return -1;
		at += 4 + length;
	}
	return tracebuf_lost(o, p, n, end, commit);
}

/* "\tfield:u32 argc;\toffset:12;\tsize:4;\tsigned:0;" */
static int
tracebuf_parse_field(struct tracebuf_field *f, const char *line)
{
	const char *end = strchr(line, ';'), *name;
	unsigned offset, size, is_signed;
	size_t n;

	if (end == NULL ||
	    sscanf(end, "; offset:%u; size:%u; signed:%u;", &offset, &size,
		&is_signed) != 3)
		return -1;
	for (name = end; name > line && name[-1] != ' '; name--)
		;
	n = (size_t)(end - name);
	if (n == 0 || n >= sizeof f->name || offset > 4096 || size > 4096)
		return -1;
	memset(f, 0, sizeof *f);
	memcpy(f->name, name, n);
	f->offset = (uint16_t)offset;
	f->size = (uint16_t)size;
	f->is_signed = is_signed != 0;
	f->text = strstr(line, "__data_loc") != NULL;
	return 0;
}

int
tracebuf_format(struct tracebuf_format *f, const char *text, size_t n)
{
	char line[256];

	memset(f, 0, sizeof *f);
	while (n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t k = end == NULL ? n : (size_t)(end - text), c;

		c = k < sizeof line ? k : sizeof line - 1;
		memcpy(line, text, c);
		line[c] = '\0';
		if (strncmp(line, "name: ", 6) == 0)
			snprintf(f->name, sizeof f->name, "%.60s", line + 6);
		else if (strncmp(line, "ID: ", 4) == 0)
			f->id = (uint16_t)strtoul(line + 4, NULL, 10);
		else if (strncmp(line, "\tfield:", 7) == 0 &&
		    f->count < TRACEBUF_FIELDS &&
		    tracebuf_parse_field(&f->fields[f->count], line + 7) == 0)
			f->count++;
		if (end == NULL)
			break;
		n -= k + 1;
		text = end + 1;
	}
	return f->name[0] == '\0' || f->id == 0 ? -1 : 0;
}

const struct tracebuf_field *
tracebuf_field(const struct tracebuf_format *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->fields[i].name, name) == 0)
			return &f->fields[i];
	return NULL;
}

int
tracebuf_number(const struct tracebuf_order *o, const struct tracebuf_event *e,
    const struct tracebuf_field *f, int64_t *value)
{
	uint64_t v;

	if (f->size == 0 || f->size > 8 || f->offset > e->n ||
	    e->n - f->offset < f->size)
		return -1;
	v = tracebuf_get(o, e->data + f->offset, f->size);
	if (f->is_signed && f->size < 8 && (v >> (f->size * 8 - 1)) != 0)
		v |= ~0ull << (f->size * 8);
	*value = (int64_t)v;
	return 0;
}

const char *
tracebuf_text(const struct tracebuf_order *o, const struct tracebuf_event *e,
    const struct tracebuf_field *f, size_t *n)
{
	int64_t where;
	size_t offset, length;
	const char *text;

	if (!f->text || f->size != 4 ||
	    tracebuf_number(o, e, f, &where) == -1)
		return NULL;
	/* Offset in the lower half, length with its NUL in the upper. */
	offset = (size_t)(where & 0xffff);
	length = (size_t)(where >> 16 & 0xffff);
	if (length == 0 || offset > e->n || e->n - offset < length)
		return NULL;
	text = (const char *)e->data + offset;
	*n = strnlen(text, length);
	/* Where a pointer to the string's pointer could not be followed, the
	 * kernel leaves a length of all the room that there was. */
	return *n + 1 == length ? text : NULL;
}
