/*
 * The network namespaces of this machine: those that a process lives in, and
 * those with a name under /run/netns. One that is only held open by a
 * descriptor, or bound elsewhere, isn't found.
 */
#ifndef LAB_SPACES_H
#define LAB_SPACES_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/attrib.h"

struct space {
	int fd;	     /* of the namespace, for setns() */
	ino_t inode; /* what tells one from another */
	char what[64]; /* "this namespace", "kage-lab0", "of process 12 (x)" */
};

struct spaces {
	struct space *list;
	size_t count;
	unsigned unseen; /* processes that we may not look into */
};

/* All of them, our own first. Free with spaces_free. */
struct spaces *spaces_new(void) A_MUST_USE;
void spaces_free(struct spaces *);
/* The namespace of a process, or 0 if it is gone or hidden. */
ino_t space_of_process(pid_t) A_MUST_USE;
/* Its name as the kernel cuts it to 15 bytes; "?" if it is gone. */
void process_name(pid_t, char name[static 16]);
/* Calls fn for each process of the machine. */
void each_process(void (*fn)(pid_t, void *arg), void *arg);

#endif
