/*
 * What profiles call, beyond Lua's own: one file a type or table. All of it
 * reaches the world through the engine's host.
 */
#ifndef SCRIPT_API_H
#define SCRIPT_API_H

#include <lua.h>

#include "base/addr.h"

struct session;

/* Makes the metatables; once a state. */
void api_open(lua_State *);
/* Sets responder, lab, device, dns, http2 and print in the table on top. */
void api_push_tables(lua_State *);

void api_conn_open(lua_State *);   /* conn.c */
void api_dgram_open(lua_State *);  /* dgram.c */
void api_http2_open(lua_State *);  /* http2.c */
void api_http2_push(lua_State *);
void api_responder_push(lua_State *);
void api_lab_push(lua_State *);
void api_device_push(lua_State *);
void api_dns_push(lua_State *);
/* Adds what makes DNS records to the table on top (resolve.c). */
void api_resolve_add(lua_State *);

/* Pushes the address as text and its port. [-0, +2, m] */
int api_push_addr(lua_State *, const struct addr *);
/* Raises if the session has told the journal more than it may. */
void api_check_words(lua_State *, const struct session *);
/* Pushes nil and a message; returns 2. [-0, +2, m] */
int api_refuse(lua_State *, const char *why);
/* A number of seconds at this index; raises if it isn't one, or negative. */
double api_check_seconds(lua_State *, int index);
/* A field of the table at index that is seconds, or what is given. */
double api_field_seconds(lua_State *, int index, const char *, double otherwise);

#endif
