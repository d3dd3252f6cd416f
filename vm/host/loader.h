/*
 * Loaders: what a dynamic sample needs beside itself. An image has those that
 * Debian has for its architecture (loaders/glibc and loaders/musl, each a tree
 * to put over the cell's); others come from a folder of the operator's.
 */
#ifndef HOST_LOADER_H
#define HOST_LOADER_H

#include <stddef.h>

#include "base/attrib.h"
#include "control.h"
#include "elffile.h"
#include "image.h"

struct loader {
	char *folder;	    /* the tree; NULL where nothing is needed */
	char *file;	    /* the loader in it */
	const char *wanted; /* the path that the sample asks for */
};

/*
 * Finds what the sample needs. choice is "glibc", "musl" or a folder that has
 * the wanted path in it; NULL goes by the wanted name. 0, or -1 with a line in
 * why: nothing there can load it. The sample's header must outlive it.
 */
int loader_find(struct loader *, const struct image *, const struct elf *,
    const char *choice, char *why, size_t size) A_MUST_USE;
/*
 * Sends all of it to the cell: the number of RESULTs that come back, or -1
 * with a line in why.
 */
int loader_send(const struct loader *, struct control *, char *why,
    size_t size) A_MUST_USE;
void loader_free(struct loader *);

#endif
