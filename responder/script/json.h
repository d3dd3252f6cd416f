/*
 * Lua values as JSON, for notes and evidence. It raises no error: what can't
 * be written (functions, what is nested too deep) becomes null.
 */
#ifndef SCRIPT_JSON_H
#define SCRIPT_JSON_H

#include <lua.h>

#include "base/jsonw.h"

/*
 * Writes the fields of the table at index into the object that is open in w.
 * Text that isn't UTF-8 stands under its key with "_base64" behind it. The
 * key `skip` (may be NULL) is left out.
 */
void json_fields(lua_State *, int index, struct jsonw *w, const char *skip);

#endif
