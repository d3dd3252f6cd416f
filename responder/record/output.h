/*
 * A file of evidence that grows by whole records. Records gather in a buffer
 * and go out together; if the disk refuses, the file is cut back to its last
 * whole record, the lost ones are counted, and later records are tried again.
 */
#ifndef RECORD_OUTPUT_H
#define RECORD_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"

/* The longest record that output_reserve takes. */
#define OUTPUT_RECORD_MAX (512 * 1024)

struct output;

/*
 * Creates DIR/NAME, which must not exist: evidence is never written over.
 * NULL with errno set if it can't.
 */
struct output *output_create(const char *dir, const char *name) A_MUST_USE;
/* Flushes what is left, closes, frees. -1 if anything was ever lost. */
int output_close(struct output *);

/*
 * Room for one record of n bytes at the buffer's end, valid until the next
 * call; the caller fills all of it. n is at most OUTPUT_RECORD_MAX.
 */
uint8_t *output_reserve(struct output *, size_t n) A_MUST_USE;
/* Appends one whole record. */
void output_add(struct output *, const void *, size_t n);
/* Writes the buffer; 0, or -1 if the disk refused (logged the first time). */
int output_flush(struct output *);

/* Records that the disk refused, and bytes in the file. */
uint64_t output_lost(const struct output *);
uint64_t output_size(const struct output *);

#endif
