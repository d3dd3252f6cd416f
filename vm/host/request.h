/*
 * What is asked of the guest in more than one place: by a run, and before a
 * snapshot, so that a run of the usual kind finds it done.
 */
#ifndef HOST_REQUEST_H
#define HOST_REQUEST_H

#include "control.h"
#include "level.h"

/* What a snapshot is prepared for: the persona and the level of most runs. */
#define REQUEST_PERSONA "router"
#define REQUEST_LEVEL LEVEL_OBSERVE

/* FRAME_SETUP: the guest's addresses, and what its cell looks like. */
void request_setup(struct control *, const char *persona);
/* FRAME_PREPARE: the tracer, and in the cell the sample's process. */
void request_prepare(struct control *, enum level, bool keep,
    const char *rewrite);
/*
 * FRAME_RUN: it becomes the sample. args is argv[1] on, ended by NULL; its
 * sleeps end after skip seconds, unless that is 0.
 */
void request_run(struct control *, enum level, bool keep, const char *rewrite,
    double skip, const char *path, char *const *args);
/*
 * What a snapshot is prepared for in one line: images are renewed when it
 * changes. The caller frees it.
 */
char *request_prepared(void);

#endif
