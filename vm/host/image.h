/*
 * A device's image: the folder that `kagemusha device build` makes, with the
 * kernel, the initramfs, how QEMU is to be called, and perhaps a snapshot.
 */
#ifndef HOST_IMAGE_H
#define HOST_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrib.h"

struct image {
	char *folder;
	/* From the file "machine", lines of key=value. */
	char *arch, *qemu, *machine, *cpu, *append, *kernel_version;
	char *elf;	/* which ELF headers it runs, see elf_fits() */
	char *emulator; /* the program that runs them in the guest; may be "" */
	/* Where loaders/glibc and loaders/musl have theirs; may be "". */
	char *loader_glibc, *loader_musl;
	unsigned memory_mb;
	/* A restored machine wants no kernel: it is in the snapshot. */
	bool bare_restore;
	char *version; /* what its QEMU says of itself here */
	/* Why there is no snapshot to restore; NULL if there is one. */
	char *no_snapshot;
};

/*
 * Reads the folder's "machine" and looks whether its snapshot was made by this
 * QEMU with these arguments. NULL, with a line in why, if there is no usable
 * image. The caller frees it.
 */
struct image *image_open(const char *folder, char *why, size_t size) A_MUST_USE;
void image_free(struct image *);
/* The version of its QEMU, and whose build it is. */
const char *image_qemu_version(const struct image *);
/* The path of one of its files; the caller frees it. */
char *image_path(const struct image *, const char *name) A_MUST_USE;
/*
 * What a snapshot depends on: QEMU's version, the machine, the files. A text;
 * the caller frees it.
 */
char *image_key(const struct image *) A_MUST_USE;
/* Writes the key beside a new snapshot; 0 or -1. */
int image_write_key(const struct image *) A_MUST_USE;

#endif
