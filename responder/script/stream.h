/*
 * What a profile's conn stands on: one session's connection, its evidence, and
 * its waiting; and what it takes to send a command over it, whoever does.
 */
#ifndef SCRIPT_STREAM_H
#define SCRIPT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attrib.h"

struct conn;
struct device_link;
struct session;
struct target_rules;

enum stream_tls { STREAM_PLAIN, STREAM_HANDSHAKE, STREAM_SECURE,
	STREAM_TLS_FAILED };

/*
 * Its owner keeps it until stream_detach (script/conn.h), sets the first part,
 * and clears `conn` when the connection has gone.
 */
struct stream {
	struct conn *conn; /* NULL once it has gone */
	struct session *session;
	const char *name; /* under which the destination was resolved */
	const char *sni;
	/*
	 * Begins the handshake, in which the client may be asked for its
	 * certificate; sets tls, and wakes the task when it ends.
	 */
	int (*start_tls)(struct stream *, bool ask_certificate);
	enum stream_tls tls;

	/* Ours. */
	uint64_t command;   /* id of the command that is being sent, or 0 */
	char *untold;	    /* for the device, once it has been handled */
	double timeout;	    /* seconds */
	int64_t deadline;   /* of the call that waits */
	struct {
		int64_t begun, quiet, max; /* monotonic ns; lengths */
		uint64_t bytes, events;
	} settle;
	struct stream **handle; /* in Lua, if it is still there */
};

/* One command, as it is to be sent. */
struct command {
	const void *bytes;
	size_t length;
	const char *name;   /* or NULL: its first word with a letter */
	const char *target; /* declared, or NULL; may be several */
	const char *words;  /* what binary bytes mean, or NULL */
	size_t words_length;
	const char *by;	    /* who sends it, or NULL: the profile */
	double seconds;	    /* that it goes on for; negative: not known */
};

#define STREAM_WHY_SIZE (ADDR_TEXT_SIZE + 80)

bool stream_sendable(const struct stream *);
/*
 * The latest command has had its time: the device, which may be NULL, is told,
 * once. It may want to be waited for then (device_link_busy).
 */
void stream_handled(struct stream *, struct device_link *);
/*
 * Sends a command, with its event, and returns its id. 0 if it isn't sent,
 * and why: "closed"; or "refused: …" when its text, its target or its words
 * name an address that the rules don't allow: then that is an event, too.
 */
uint64_t stream_command(struct stream *, const struct target_rules *,
    const struct command *, char why[static STREAM_WHY_SIZE]) A_MUST_USE;

#endif
