/*
 * A profile: a Lua file that returns a table (lua-profiles/README.md). It is
 * loaded once and shared by all sessions that it plays; they hold it, so that
 * a reload leaves running sessions alone.
 */
#ifndef SCRIPT_PROFILE_H
#define SCRIPT_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lua.h>

#include "base/addr.h"
#include "base/attrib.h"

struct engine;

#define PROFILE_PORTS 64

struct profile {
	struct engine *engine;
	unsigned holders;
	char *path, *name;
	bool family; /* else a service */
	bool has_match, has_stream, has_datagram, has_resolve;
	bool client_certificate; /* TLS clients are to show theirs */
	int table; /* reference to what the file returned */
	uint16_t ports[2][PROFILE_PORTS]; /* by enum profile_proto */
	size_t port_count[2];
};

enum profile_proto { PROFILE_TCP, PROFILE_UDP };

/* What match and the journal are told about where a session goes. */
struct profile_dest {
	struct addr addr;
	const char *name;  /* or NULL */
	const char *proto; /* "tcp" or "udp" */
};

/*
 * Loads a file, held once. NULL with a message, which the caller frees, that
 * says file and line where they are known.
 */
struct profile *profile_load(struct engine *, const char *path, char **error)
    A_MUST_USE;
struct profile *profile_hold(struct profile *);
void profile_release(struct profile *);
/* Is the port at home here? */
bool profile_at_home(const struct profile *, enum profile_proto, uint16_t);
/*
 * How surely the first bytes are this profile's: 0 to 100; 0 without match.
 * -1 if match says "never" (false, or less than 0), or if it failed: then the
 * message, which the caller frees, is in error, which is NULL otherwise.
 */
int profile_match(struct profile *, const void *, size_t,
    const struct profile_dest *, char **error) A_MUST_USE;
/* Pushes the function of this name ("stream", …). [-0, +1, -] */
void profile_push(struct profile *, lua_State *, const char *function);

#endif
