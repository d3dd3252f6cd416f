/*
 * One session's evidence: one TCP connection, or one flow of datagrams, from
 * the first byte to the reason why it ended. Every event of the session is
 * written through here, so that all carry the same keys. It knows no sockets.
 */
#ifndef RECORD_SESSION_H
#define RECORD_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attrib.h"

struct jsonw;
struct run;

enum session_direction { SESSION_TO_SERVER, SESSION_TO_CLIENT };

struct session {
	struct run *run;
	uint64_t id;
	struct addr src, dest;
	uint8_t proto;	     /* IPPROTO_TCP or IPPROTO_UDP */
	const char *profile; /* NULL until one plays; see session_profile */
	char *keys;	     /* JSON of the keys common to all its events */
	size_t keys_length;
	uint64_t bytes[2]; /* by direction */
	uint64_t payload;  /* shown in `data` events */
	uint64_t hidden;   /* bytes that a cap kept out of them */
	uint64_t told;	   /* bytes of all its other events, as they stand */
	uint64_t command;  /* the latest one of this session, or 0 */
	int64_t opened, active; /* monotonic, ns */
};

/*
 * Opens a session: it gets the next number, and `open` is written. name is
 * what dest was handed out for, or NULL; it is copied.
 */
void session_open(struct session *, struct run *, uint8_t proto,
    const struct addr *src, const struct addr *dest, const char *name);
/* Writes `close` with the reason in words and frees what the session holds. */
void session_close(struct session *, const char *reason);
/* From here on events carry the profile's name. It must outlive the session. */
void session_profile(struct session *, const char *profile);

/*
 * Bytes went over the line. command is the id of the command that they are,
 * or 0. Beyond the caps they are counted and not shown.
 */
void session_data(struct session *, enum session_direction, const void *,
    size_t, uint64_t command);
/* A command; what points may be NULL but for the bytes. */
struct session_command {
	const void *bytes;
	size_t length;
	const char *name, *target;
	const char *words; /* what binary bytes mean */
	size_t words_length;
	const char *by; /* who sends it, if that isn't the profile */
	double seconds;	     /* negative when it has no duration */
	const char *refused; /* why it will not be sent */
};

/*
 * A command is about to be sent, or refused: it gets the next number, which is
 * returned. Later events of the session belong to it if it is sent.
 */
uint64_t session_command(struct session *, const struct session_command *);
void session_credentials(struct session *, const char *user, size_t,
    const char *secret, size_t);
/* A stored payload; what is wrong with it (too large, disk) or NULL. */
void session_file(struct session *, const char *name, size_t name_length,
    uint64_t size, const char *sha256, const char *wrong);
/* traceback may be NULL. */
void session_error(struct session *, const char *message,
    const char *traceback);
/*
 * Any other event: returns the writer after the common keys; the caller adds
 * the details and calls session_event_end.
 */
struct jsonw *session_event(struct session *, const char *type);
void session_event_end(struct session *);
/* Bytes that every session may tell, however low its cap. */
#define SESSION_WORDS (1024 * 1024)
/*
 * Has it told more, beside `data`, than the cap of a session allows? Then its
 * profile is to end: it writes without pause.
 */
bool session_is_wordy(const struct session *) A_MUST_USE;

/*
 * The common keys of a flow (flow_id … name), as JSON without braces, for
 * events outside a session. session is 0 there. The caller frees it.
 */
char *session_keys(uint64_t session, uint8_t proto, const struct addr *src,
    const struct addr *dest, const char *name, size_t *length) A_MUST_USE;

#endif
