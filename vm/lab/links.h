/*
 * Links across namespaces, asked for by netlink (RFC 3549): what of another
 * namespace stands on the lab's links or is paired with one, and which taps of
 * the lab have somebody at their other end.
 */
#ifndef LAB_LINKS_H
#define LAB_LINKS_H

#include <stddef.h>

#include "base/addr.h"
#include "lab/problems.h"

#define LINKS_TAPS 15

/*
 * From inside another namespace (named what): tells of each link there that is
 * tied to the lab, whose namespace lab_fd is.
 */
void links_foreign(int lab_fd, const char *what, struct problems *);
/*
 * From inside the lab: the names of taps with a carrier, NULL after the last;
 * the caller frees them. At most LINKS_TAPS.
 */
void links_taps(char *taps[static LINKS_TAPS + 1]);
/* From inside the lab: forgets a neighbour on the link with this index. */
void links_forget(int ifindex, const struct addr *);

#endif
