/*
 * What session.jsonl knows about packets: where each session begins, and
 * which packet carries which command. Fed with a capture's packets in order,
 * it says what should stand beside each.
 */
#ifndef RECORD_ANNOTATIONS_H
#define RECORD_ANNOTATIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"
#include "wire/frame.h"

/* All comments that we write begin so, and are replaced the next time. */
#define ANNOTATIONS_MARK "Kagemusha: "

struct annotations;

/* Reads a journal. NULL with errno set; lines that are cut are left out. */
struct annotations *annotations_load(const char *path) A_MUST_USE;
void annotations_free(struct annotations *);
/*
 * The comment for the next packet, or NULL; valid until the next call. wall
 * is the packet's stamp in nanoseconds.
 */
const char *annotations_packet(struct annotations *, int64_t wall,
    const struct frame *);

#endif
