/*
 * Probes whose hits a library of ours tells, where the kernel's uprobes do not
 * go: in Thumb code one in the tracer, under an emulator its plugin
 * (vm/guest/breaks.h). What they tell is made to look like a uprobe's hits.
 */
#ifndef HOST_TOLD_H
#define HOST_TOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrib.h"
#include "probe.h"

/*
 * The library's line for probe number index, and what its hits look like
 * (entry, back). args are the fetches as tracefs would have them, word is the
 * size of a pointer, bytes. The caller frees it.
 */
char *told_definition(struct probe *, size_t index, const char *args,
    unsigned word) A_MUST_USE;
/*
 * Takes the record that begins so far into an event apart: the number of its
 * probe, and *e as if the kernel had told it. 0, or -1 if it is no record.
 */
int told_hit(struct tracebuf_event *e, size_t at, size_t *index, bool *back)
    A_MUST_USE;

#endif
