/*
 * What the files that hold conn's calls share: conn.c has the handle and the
 * evidence, conn_receive.c what waits for bytes, conn_command.c what sends.
 */
#ifndef SCRIPT_CONN_CALLS_H
#define SCRIPT_CONN_CALLS_H

#include <lua.h>

#include "script/stream.h"

/* The stream of the conn at index 1, or NULL when its session is over. */
struct stream *conn_handle(lua_State *);
/* The same, for calls that make no sense afterwards: raises. */
struct stream *conn_check(lua_State *);
/* Sets the deadline of the call that begins; NULL is fine. */
void conn_begin(struct stream *);

/* The calls; each says in its file what it does. */
int conn_recv_line(lua_State *);
int conn_recv_until(lua_State *);
int conn_recv_bytes(lua_State *);
int conn_recv_any(lua_State *);
int conn_send_call(lua_State *);
int conn_command(lua_State *);
int conn_settle(lua_State *);

#endif
