/*
 * An act: one session on the stage, both ends of it. What service.c's visit is
 * for sockets, in small.
 */
#ifndef CHAT_ACT_H
#define CHAT_ACT_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "base/attrib.h"

struct act;
struct addr;
struct engine;
struct evbuffer;
struct event_base;
struct profile;
struct run;
struct tls;

/* What acts play in; all of it outlives them. */
struct scene {
	struct event_base *base;
	struct run *run;
	struct engine *engine;
	struct profile *profile;
	/* Where the lab's authority is made when TLS is wanted. */
	const char *folder;
	struct tls *tls; /* then, with a client that trusts everybody */
	SSL_CTX *client;
};

/* Lets go of TLS, after all acts; the rest is the caller's. */
void scene_clear(struct scene *);

/* The peer has connected; nobody plays yet. name may be NULL. */
struct act *act_new(struct scene *, const struct addr *src,
    const struct addr *dest, const char *name) A_MUST_USE;
void act_free(struct act *);
/* The profile plays from here on. */
void act_play(struct act *);
/*
 * The peer begins TLS and asks for `name`, or for none. at_once: our side
 * answers, and plays when the handshake is done; otherwise the profile must
 * begin it. NULL, or what is wrong, which the caller frees.
 */
char *act_start_tls(struct act *, const char *name, bool at_once) A_MUST_USE;
/* Has the peer finished its handshake? */
bool act_secured(const struct act *);
/* The peer says something, or hangs up. */
void act_say(struct act *, const void *, size_t);
void act_hangup(struct act *);
/* What the peer heard and nobody took yet. */
struct evbuffer *act_heard(struct act *);
/* Is the session over? */
bool act_over(const struct act *);

#endif
