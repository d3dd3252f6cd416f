/*
 * How a TCP session opens: what the peer says first, its silence or a policy
 * decides who plays it. An opening only decides; its visit (visit.h) does it.
 */
#ifndef OPENING_H
#define OPENING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrib.h"
#include "house.h"

struct conn;
struct greeter;
struct greeting;
struct profile;
struct session;

struct opening {
	const struct house *house;
	struct greeter *greeter;
	struct session *session;
	const char *name;	/* of its destination, or NULL */
	struct profile *forced; /* by a policy; held */
	size_t greeting;	/* which first word was tried */
	bool greeted;
	bool waited; /* silent for long where nobody greets */
};

enum opening_what {
	OPENING_WAIT,	/* for more bytes, or for silence */
	OPENING_LISTEN, /* for long: nobody greets here */
	OPENING_TLS,	/* the peer wants TLS */
	OPENING_DNS,	/* it speaks DNS, where that is at home */
	OPENING_PLAY,	/* profile plays; NULL: nobody, but text may be said */
	OPENING_SAY,	/* text is said; the peer may answer anything */
	OPENING_TIMEOUT /* it has had its first word or its time */
};

struct opening_move {
	enum opening_what what;
	bool ask; /* OPENING_TLS: for the client's certificate */
	struct profile *profile; /* not held */
	const struct greeting *text;
};

/* Nothing that it is given is its own. */
void opening_init(struct opening *, const struct house *, struct greeter *,
    struct session *, const char *name);
/* Remembers whether its first word made the peer go on, and lets go. */
void opening_end(struct opening *);
/* A policy has this profile play, whatever comes; NULL: none. */
void opening_force(struct opening *, const char *profile);
/* Has it neither heard a first word nor been waited for? */
bool opening_is_fresh(const struct opening *);
/*
 * What the bytes so far call for; silent: no more come by themselves. While no
 * profile is sure of them and the port is nobody's home, more may come. tls:
 * a hello is answered, if it is one.
 */
struct opening_move opening_bytes(const struct opening *, struct conn *,
    bool silent, bool tls) A_MUST_USE;
/* What silence without any byte calls for: one first word a connection. */
struct opening_move opening_silence(struct opening *, struct conn *)
    A_MUST_USE;

#endif
