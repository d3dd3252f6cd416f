/*
 * conn, as profiles know it: a session's connection, its evidence, and its
 * waiting.
 */
#ifndef SCRIPT_CONN_H
#define SCRIPT_CONN_H

#include <stdint.h>

#include <lua.h>

struct conn;
struct session;

enum stream_tls { STREAM_PLAIN, STREAM_HANDSHAKE, STREAM_SECURE,
	STREAM_TLS_FAILED };

/*
 * What a profile's conn stands on. Its owner keeps it until stream_detach,
 * sets the first part, and clears `conn` when the connection has gone.
 */
struct stream {
	struct conn *conn; /* NULL once it has gone */
	struct session *session;
	const char *name; /* under which the destination was resolved */
	const char *sni;
	/* Begins the handshake; sets tls, and wakes the task when it ends. */
	int (*start_tls)(struct stream *);
	enum stream_tls tls;

	/* Ours. */
	uint64_t command;   /* id of the command that is being sent, or 0 */
	double timeout;	    /* seconds */
	int64_t deadline;   /* of the call that waits */
	struct {
		int64_t begun, quiet, max; /* monotonic ns; lengths */
		uint64_t bytes, events;
	} settle;
	struct stream **handle; /* in Lua, if it is still there */
};

/* Pushes the conn for a profile. [-0, +1, m] */
void stream_push(lua_State *, struct stream *);
/* The session is over: what profiles still hold is closed. */
void stream_detach(struct stream *);

#endif
