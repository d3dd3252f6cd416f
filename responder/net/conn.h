/*
 * One TCP connection of the sample. Everything that goes over it passes one
 * tap: the callback `tap` sees each byte once, in order, before anybody can
 * read it here or it leaves to the peer.
 *
 * A conn begins closed to readers: bytes can only be peeked at, so that a
 * TLS hello can still be handed to OpenSSL. conn_open_tap ends that.
 *
 * TLS is put under it by conn_start_tls; from then on peeking, the tap and
 * sending mean what is inside.
 *
 * Closing is graceful: what was sent is flushed, then our side is shut, and
 * what the peer still sends is tapped until it closes too, or a moment has
 * passed. The callback `closed` is the last one; conn_free may be called in
 * it, and in no other.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/util.h>

#include "base/attrib.h"

struct bufferevent;
struct conn;
struct evbuffer;
struct event_base;
struct tls;

enum conn_way { CONN_TO_SERVER, CONN_TO_CLIENT };

struct conn_callbacks {
	void (*tap)(void *, enum conn_way, const void *, size_t);
	/* New bytes, or the peer's end: see conn_ended. */
	void (*readable)(void *);
	/* What was sent has gone to the kernel. */
	void (*drained)(void *);
	/* The socket is closed; the reason in words, a constant. */
	void (*closed)(void *, const char *reason);
	/*
	 * After conn_start_tls: the handshake is done; or it failed, and this
	 * is why, in words.
	 */
	void (*secured)(void *, const char *failure);
};

/* Takes the socket, which is non-blocking. NULL without memory. */
struct conn *conn_new(struct event_base *, evutil_socket_t,
    const struct conn_callbacks *, void *) A_MUST_USE;
/* The same over a bufferevent, which it takes; for tests over a pair. */
struct conn *conn_new_over(struct event_base *, struct bufferevent *,
    const struct conn_callbacks *, void *) A_MUST_USE;
/* Closes the socket if it is still open, without callbacks. */
void conn_free(struct conn *);

/* Copies up to n of the first unread bytes; returns how many. */
size_t conn_peek(struct conn *, void *, size_t n);
/* Has the kernel bytes of the peer that we haven't read yet? */
bool conn_unread(const struct conn *);
/* What was peeked at, and all later bytes, go through the tap. */
void conn_open_tap(struct conn *);
/* The bytes that were tapped and not read yet; empty before the tap opens. */
size_t conn_length(struct conn *);
/* For looking only: take bytes out with conn_drain. */
struct evbuffer *conn_input(struct conn *);
void conn_drain(struct conn *, size_t n);

/*
 * Answers the client's TLS hello, which may be in the input already, in the
 * name of `name` where the client asks for none (net/tls.h); `secured`
 * follows. Bytes that were sent before go out in the clear. -1 if the
 * connection is closing, or has TLS.
 */
int conn_start_tls(struct conn *, struct tls *, const char *name,
    bool ask_certificate) A_MUST_USE;
/* What tls_info and its like take, or NULL before conn_start_tls. */
struct bufferevent *conn_tls(const struct conn *);

/* The reader waits for n bytes at once: hold that many, if need be. */
void conn_want(struct conn *, size_t n);

/* Can conn_send succeed? */
bool conn_sendable(const struct conn *);
/* Sends; 0, or -1 when our side is closed. */
int conn_send(struct conn *, const void *, size_t) A_MUST_USE;
/* Bytes that were sent and that the kernel hasn't taken. */
size_t conn_pending(struct conn *);

/*
 * Why no more bytes come ("client closed", "client reset", …), or NULL while
 * the peer may still send.
 */
const char *conn_ended(const struct conn *);
bool conn_closing(const struct conn *);
/* Flushes and closes; `closed` follows, never within this call. */
void conn_close(struct conn *);
/* Closes at once with a reset; `closed` follows, never within this call. */
void conn_abort(struct conn *);

#endif
