/*
 * What profiles see: an environment of their own each, with the harmless part
 * of Lua's libraries, `require` of lua-profiles/lib, and our tables
 * responder, lab, device, dns and http2. No io, os, debug, load, coroutine.
 */
#ifndef SCRIPT_SANDBOX_H
#define SCRIPT_SANDBOX_H

#include <lua.h>

/* Prepares a state; once. */
void sandbox_open(lua_State *);
/* Pushes a fresh environment. [-0, +1, m] */
void sandbox_push_env(lua_State *);
/*
 * Loads a file as text with the environment at index env, and pushes the
 * function. LUA_OK, or another status with a message pushed. [-0, +1, -]
 */
int sandbox_load(lua_State *, const char *path, int env);

#endif
