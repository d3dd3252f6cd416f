/*
 * Files that the sample left behind, as the guest sends them: into files/ by
 * their SHA-256, and a `file` event each.
 */
#ifndef HOST_FILES_H
#define HOST_FILES_H

#include "ctlframe.h"

struct events;
struct files;

struct files *files_new(const char *dir, struct events *);
void files_free(struct files *);
/* Takes a FILE, DATA or FILE_END frame of the collector's. */
void files_frame(struct files *, const struct ctlframe *);

#endif
