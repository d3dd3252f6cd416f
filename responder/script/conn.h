/*
 * conn, as profiles know it: a session's connection, its evidence, and its
 * waiting.
 */
#ifndef SCRIPT_CONN_H
#define SCRIPT_CONN_H

#include <lua.h>

#include "script/stream.h"

/* Pushes the conn for a profile. [-0, +1, m] */
void stream_push(lua_State *, struct stream *);
/* The session is over: what profiles still hold is closed. */
void stream_detach(struct stream *);

#endif
