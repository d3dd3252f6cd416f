/*
 * Files that the sample left behind, as the guest sends them: into files/ by
 * their SHA-256, and a `file` event each.
 */
#ifndef HOST_FILES_H
#define HOST_FILES_H

#include "ctlframe.h"

struct decoded;
struct elf;
struct events;
struct files;

/* Texts in memory are looked up in the decoded, which must outlive it. */
struct files *files_new(const char *dir, struct events *, struct decoded *);
void files_free(struct files *);
/* The sample and its path in the guest, for cores. Both must outlive it. */
void files_set_program(struct files *, const struct elf *, const char *path);
/* What comes next is there because of this command; 0: of none. */
void files_set_command(struct files *, uint64_t command);
/* Takes a FILE, DATA or FILE_END frame of the collector's. */
void files_frame(struct files *, const struct ctlframe *);

#endif
