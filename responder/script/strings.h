/*
 * find, match, gmatch, gsub and rep for profiles, as Lua 5.4's manual describes
 * them, over the bounded matcher (script/pattern.h): a pattern that would
 * take for ever ends its task with an error, whatever pcall stands around it.
 */
#ifndef SCRIPT_STRINGS_H
#define SCRIPT_STRINGS_H

#include <lua.h>

/* Puts them in place of Lua's own, in the global table `string`. [-0, +0, m] */
void strings_open(lua_State *);

#endif
