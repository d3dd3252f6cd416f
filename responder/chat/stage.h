/*
 * A stage: one profile, played against a peer at the other end of a
 * bufferevent_pair, in the clear or over TLS, with the responder's own engine,
 * conn and journal, and without sockets; datagrams too (chat/parcels.h).
 * `chat` is the program over it.
 *
 * Time is whatever the clock says: with the test clock of `chat`, stage_wait
 * takes none, as it sets the clock on to the next timer.
 */
#ifndef CHAT_STAGE_H
#define CHAT_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/addr.h"
#include "base/attrib.h"

struct config;
struct evbuffer;
struct event_base;
struct parcels;
struct stage;

struct stage_options {
	const char *folder;  /* of the profiles */
	const char *profile; /* path of its file */
	struct config *config;
	/* Sets the clock (monotonic ns); NULL where time passes by itself. */
	void (*set_clock)(int64_t);
};

/* Who talks to whom, for the sessions to come. */
struct stage_peers {
	struct addr src, dest;
	char name[256]; /* under which dest was resolved, or "" */
};

/*
 * Loads the profile; what is in options outlives the stage. NULL with a
 * message, which the caller frees.
 */
struct stage *stage_new(struct event_base *, const struct stage_options *,
    char **error) A_MUST_USE;
void stage_free(struct stage *);
struct stage_peers *stage_peers(struct stage *);

/* What match says; -1 with a message, which the caller frees. */
int stage_match(struct stage *, const void *, size_t, char **error)
    A_MUST_USE;
/* The peer connects; sessions before it go on. */
void stage_connect(struct stage *);
/*
 * The peer begins TLS, as a client that asks for `name` (or for none): at once
 * on a new connection, before the profile sees anything, if there is no
 * session; otherwise in the latest one, where the profile must call
 * conn:start_tls. NULL, or what is wrong, which the caller frees.
 */
char *stage_start_tls(struct stage *, const char *name) A_MUST_USE;
/* Has the latest session's client finished its handshake? */
bool stage_secured(const struct stage *);
/* The latest session's peer says something, or hangs up. */
void stage_say(struct stage *, const void *, size_t);
void stage_hangup(struct stage *);
/* Where datagrams are played; NULL if the profile takes none. */
struct parcels *stage_parcels(struct stage *);
bool stage_streams(const struct stage *); /* does it take connections? */
/* Is there a session, and has the latest one ended? */
bool stage_begun(const struct stage *);
bool stage_over(const struct stage *);
/* What the profile sent on the latest session and nobody took yet. */
struct evbuffer *stage_heard(struct stage *);
/*
 * Lets the loop work until done says so or the time has come (monotonic ns).
 * True if done did. With the test clock only.
 */
bool stage_wait(struct stage *, int64_t until, bool (*done)(void *), void *);
/* All events of the journal so far, a JSON array; owned by the stage. */
json_t *stage_events(struct stage *);

#endif
