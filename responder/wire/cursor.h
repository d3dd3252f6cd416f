/*
 * Checked reading and writing of bytes in network order. A cursor walks over
 * bytes that it doesn't own, a writer fills a buffer that it doesn't own. Both
 * ask before each step: a step that doesn't fit moves nothing, gives 0 or
 * NULL, and sets `failed`, which stays. So a parser reads straight on and
 * looks at `failed` in one place, and no step ever leaves its buffer.
 *
 *   0          offset            length
 *   |-- read ----|----- left -------|
 */
#ifndef WIRE_CURSOR_H
#define WIRE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *data;
	size_t length, offset;
	bool failed;
};

struct writer {
	uint8_t *data;
	size_t size, length;
	bool failed;
};

/* A cursor at the first of n bytes, which must outlive it. */
static inline struct cursor
cursor_of(const void *data, size_t n)
{
	return (struct cursor){ .data = data, .length = n };
}

static inline size_t
cursor_left(const struct cursor *c)
{
	return c->length - c->offset;
}

/* Whether n more bytes are there, and nothing failed before. */
static inline bool
cursor_has(const struct cursor *c, size_t n)
{
	return !c->failed && cursor_left(c) >= n;
}

/* The next n bytes, or NULL if there are fewer. */
static inline const uint8_t *
cursor_bytes(struct cursor *c, size_t n)
{
	if (!cursor_has(c, n)) {
		c->failed = true;
		return NULL;
	}
	const uint8_t *p = c->data + c->offset;

	c->offset += n;
	return p;
}

/* A big-endian number of n bytes, n from 1 to 4; 0 on failure. */
static inline uint32_t
cursor_number(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_bytes(c, n);
	uint32_t v = 0;

	if (p == NULL)
		return 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static inline uint8_t
cursor_u8(struct cursor *c)
{
	return (uint8_t)cursor_number(c, 1);
}

static inline uint16_t
cursor_u16(struct cursor *c)
{
	return (uint16_t)cursor_number(c, 2);
}

static inline uint32_t
cursor_u24(struct cursor *c)
{
	return cursor_number(c, 3);
}

static inline uint32_t
cursor_u32(struct cursor *c)
{
	return cursor_number(c, 4);
}

/*
 * A cursor over the next n bytes alone, which this one steps over. Where they
 * aren't there, both have failed.
 */
static inline struct cursor
cursor_sub(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_bytes(c, n);

	if (p == NULL)
		return (struct cursor){ .failed = true };
	return cursor_of(p, n);
}

/* A writer at the start of `size` bytes. */
static inline struct writer
writer_of(void *data, size_t size)
{
	return (struct writer){ .data = data, .size = size };
}

static inline bool
writer_has(const struct writer *w, size_t n)
{
	return !w->failed && w->size - w->length >= n;
}

static inline void
writer_bytes(struct writer *w, const void *bytes, size_t n)
{
	if (!writer_has(w, n)) {
		w->failed = true;
		return;
	}
	if (n != 0)
		memcpy(w->data + w->length, bytes, n);
	w->length += n;
}

static inline void
writer_u8(struct writer *w, uint8_t v)
{
	writer_bytes(w, &v, 1);
}

static inline void
writer_u16(struct writer *w, uint16_t v)
{
	uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	writer_bytes(w, b, sizeof b);
}

static inline void
writer_u32(struct writer *w, uint32_t v)
{
	uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16),
		(uint8_t)(v >> 8), (uint8_t)v };

	writer_bytes(w, b, sizeof b);
}

/* Overwrites two bytes that were written before, such as a length. */
static inline void
writer_patch_u16(struct writer *w, size_t at, uint16_t v)
{
	if (at + 2 > w->length) {
		w->failed = true;
		return;
	}
	w->data[at] = (uint8_t)(v >> 8);
	w->data[at + 1] = (uint8_t)v;
}

/* Goes back to an earlier length, and forgets a failure since then. */
static inline void
writer_rewind(struct writer *w, size_t length)
{
	if (length <= w->length)
		w->length = length;
	w->failed = false;
}

#endif
