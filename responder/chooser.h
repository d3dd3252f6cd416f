/*
 * Who plays a TCP session, and what a silent peer hears first: the rules for
 * both, and the notes that tell the journal how it was decided.
 */
#ifndef CHOOSER_H
#define CHOOSER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrib.h"

struct detect;
struct greeting;
struct house;
struct profile;
struct profiles_choice;
struct session;

/* What is known of a session before anybody plays it. */
struct chooser {
	const struct house *house;
	struct session *session;
	const char *name;	/* of its destination, or NULL */
	struct profile *forced; /* by a policy, or NULL */
	bool tls;		/* what is looked at is inside TLS */
};

/* The policy's profile, or the one that the first bytes are for. */
void chooser_choose(const struct chooser *, const void *first, size_t,
    struct profiles_choice *);
/* Tells the journal who plays, and why. */
void chooser_note(const struct chooser *, const struct profiles_choice *,
    const struct detect *);

/* A first word: a text, or a profile that speaks first. */
struct chooser_word {
	const struct greeting *text; /* or NULL */
	struct profile *profile;     /* not held */
};

/* Is it a port where our name server is at home? */
bool chooser_port_is_dns(const struct chooser *);

/*
 * The n-th first word for the session's port: of the profiles at home there,
 * of the port's greetings, of the other families, of the greetings for every
 * port, which a name server's client doesn't hear. False if there is none.
 */
bool chooser_word(const struct chooser *, size_t n, struct chooser_word *);
/*
 * What a server of the protocol that the first bytes look like says before all
 * else, for a peer that didn't wait for it; NULL if such servers are silent:
 * SSH (RFC 4253, 4.2), SMTP (RFC 5321, 3.1), telnet, FTP, POP3, IMAP. It is the
 * first greeting of the protocol's own port.
 */
const struct greeting *chooser_banner(const struct chooser *,
    const struct detect *);
/* Tells the journal what is said: the n-th of count, known to work or not. */
void chooser_note_word(const struct chooser *, const struct chooser_word *,
    size_t n, size_t count, bool known);

/* Is a TLS client there to be asked for its certificate? */
bool chooser_ask_certificate(const struct chooser *);

#endif
