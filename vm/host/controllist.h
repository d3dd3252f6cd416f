/*
 * A list of texts, built for a frame's payload (protocol.h).
 */
#ifndef HOST_CONTROLLIST_H
#define HOST_CONTROLLIST_H

#include <stddef.h>

#include "base/attrib.h"

struct control_list {
	char *data;
	size_t n;
};

void control_list_add(struct control_list *, const char *fmt, ...)
    A_PRINTF(2, 3);
void control_list_free(struct control_list *);

#endif
