/*
 * How a TCP session opens.
 */
#include <stdlib.h>

#include "chooser.h"
#include "greeter.h"
#include "net/conn.h"
#include "opening.h"
#include "record/session.h"
#include "script/profiles.h"
#include "service_tls.h"
#include "wire/detect.h"
#include "wire/dns.h"

/* Bytes that match gets to see. */
#define OPENING_PEEK 1024

void
opening_init(struct opening *o, const struct house *house,
    struct greeter *greeter, struct session *session, const char *name)
{
	*o = (struct opening) { .house = house, .greeter = greeter,
		.session = session, .name = name };
}

void
opening_end(struct opening *o)
{
	if (o->greeted)
		greeter_result(o->greeter, &o->session->dest, o->greeting,
		    o->session->bytes[SESSION_TO_SERVER] > 0);
	profile_release(o->forced);
	o->forced = NULL;
}

void
opening_force(struct opening *o, const char *profile)
{
	struct profile *p = profile == NULL ? NULL :
	    profiles_find(o->house->profiles, profile);

	o->forced = p != NULL ? profile_hold(p) : NULL;
}

bool
opening_is_fresh(const struct opening *o)
{
	return !o->greeted && !o->waited;
}

static struct chooser
opening_chooser(const struct opening *o, const struct conn *conn)
{
	return (struct chooser) { o->house, o->session, o->name, o->forced,
		conn_tls(conn) != NULL };
}

/*
 * Is DNS at home on this port, and do the first bytes look like it? What
 * doesn't is played by whoever plays it elsewhere: commands come from port
 * 53, too.
 */
static enum dns_guess
opening_dns(const struct chooser *chooser, struct conn *conn,
    const uint8_t *first, size_t n, bool silent)
{
	if (chooser->forced != NULL || !chooser_port_is_dns(chooser))
		return DNS_GUESS_NO;
	return dns_guess(first, n, silent || conn_ended(conn) != NULL);
}

/* Is it a TLS hello, or may the bytes so far still become one? */
static enum service_tls_guess
opening_hello(const struct opening *o, struct conn *conn, bool silent)
{
	uint8_t first[OPENING_PEEK];
	enum service_tls_guess guess;
	size_t n;

	if (o->house->tls == NULL || conn_tls(conn) != NULL)
		return SERVICE_TLS_NO;
	n = conn_peek(conn, first, sizeof first);
	guess = service_tls_guess(first, n);
	if (guess == SERVICE_TLS_MAYBE &&
	    (n == 0 || silent || conn_ended(conn) != NULL))
		return SERVICE_TLS_NO;
	return guess;
}

struct opening_move
opening_bytes(const struct opening *o, struct conn *conn, bool silent,
    bool tls)
{
	struct chooser chooser = opening_chooser(o, conn);
	struct opening_move move = { .what = OPENING_WAIT };
	enum service_tls_guess hello = tls ?
	    opening_hello(o, conn, silent) : SERVICE_TLS_NO;
	struct profiles_choice c;
	struct detect guess;
	uint8_t first[OPENING_PEEK];
	enum dns_guess dns;
	size_t n;

	if (hello == SERVICE_TLS_MAYBE)
		return move;
	if (hello == SERVICE_TLS_YES) {
		move.what = OPENING_TLS;
		move.ask = chooser_ask_certificate(&chooser);
		return move;
	}
	conn_open_tap(conn);
	n = conn_peek(conn, first, sizeof first);
	dns = opening_dns(&chooser, conn, first, n, silent);
	if (dns != DNS_GUESS_NO) {
		move.what = dns == DNS_GUESS_YES ? OPENING_DNS : OPENING_WAIT;
		return move;
	}
	chooser_choose(&chooser, first, n, &c);
	if (c.error != NULL)
		session_error(o->session, c.error, NULL);
	free(c.error);
	if (c.profile == NULL && !silent && n < sizeof first &&
	    conn_ended(conn) == NULL)
		return move;
	detect_protocol(first, n, &guess);
	chooser_note(&chooser, &c, &guess);
	move.what = OPENING_PLAY;
	move.profile = c.profile;
	if (c.profile == NULL && !o->greeted)
		move.text = chooser_banner(&chooser, &guess);
	if (move.text != NULL) {
		struct chooser_word word = { .text = move.text };

		chooser_note_word(&chooser, &word, 0, 1, false);
	}
	return move;
}

struct opening_move
opening_silence(struct opening *o, struct conn *conn)
{
	struct chooser chooser = opening_chooser(o, conn);
	struct opening_move move = { .what = OPENING_PLAY };
	struct chooser_word word;
	size_t n = 0;
	bool known;

	conn_open_tap(conn);
	if (o->forced != NULL) {
		struct profiles_choice c = { .profile = o->forced,
			.by = "policy" };
		struct detect nothing = { .count = 0 };

		chooser_note(&chooser, &c, &nothing);
		move.profile = o->forced;
		return move;
	}
	if (!opening_is_fresh(o)) {
		move.what = OPENING_TIMEOUT;
		return move;
	}
	while (chooser_word(&chooser, n, &word))
		n++;
	if (n == 0 && chooser_port_is_dns(&chooser)) {
		o->waited = true;
		move.what = OPENING_LISTEN;
	}
	if (n == 0)
		return move;
	o->greeted = true;
	o->greeting = greeter_choose(o->greeter, &o->session->dest, n, &known);
	chooser_word(&chooser, o->greeting, &word);
	chooser_note_word(&chooser, &word, o->greeting, n, known);
	move.profile = word.profile;
	if (word.text != NULL) {
		move.what = OPENING_SAY;
		move.text = word.text;
	}
	return move;
}
