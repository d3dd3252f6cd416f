/*
 * The choice of a player. When to choose, and what follows from it, is the
 * business of visit.c.
 */
#include <string.h>

#include "base/jsonw.h"
#include "chooser.h"
#include "config.h"
#include "house.h"
#include "record/session.h"
#include "script/profiles.h"
#include "wire/detect.h"

/* From this score on a protocol is taken for what it looks like (detect.h). */
#define CHOOSER_LIKELY 50

static struct profile_dest
chooser_dest(const struct chooser *c)
{
	return (struct profile_dest){ c->session->dest, c->name, "tcp" };
}

void
chooser_choose(const struct chooser *c, const void *first, size_t n,
    struct profiles_choice *choice)
{
	struct profile_dest dest = chooser_dest(c);

	if (c->forced == NULL) {
		profiles_choose(c->house->profiles, PROFILE_TCP, first, n,
		    &dest, choice);
		return;
	}
	memset(choice, 0, sizeof *choice);
	choice->profile = c->forced;
	choice->by = "policy";
}

void
chooser_note(const struct chooser *c, const struct profiles_choice *choice,
    const struct detect *guess)
{
	struct jsonw *w = session_event(c->session, "note");

	jsonw_object(w, "note");
	jsonw_string(w, "kind", "detect");
	jsonw_string(w, "by", choice->by);
	if (choice->profile != NULL)
		jsonw_string(w, "profile", choice->profile->name);
	if (strcmp(choice->by, "match") == 0)
		jsonw_int(w, "score", choice->score);
	if (guess->count > 0) {
		jsonw_string(w, "protocol", guess->guesses[0].name);
		jsonw_int(w, "protocol_score", guess->guesses[0].score);
	}
	jsonw_object_end(w);
	session_event_end(c->session);
}

bool
chooser_port_is_dns(const struct chooser *c)
{
	const struct config *config = c->house->config;
	uint16_t port = c->session->dest.port;

	return port == config->dns_port ||
	    (c->tls && port == config->dot_port);
}

bool
chooser_word(const struct chooser *c, size_t n, struct chooser_word *word)
{
	const struct house *h = c->house;
	const struct rules *r = &h->config->rules;
	struct profile_dest dest = chooser_dest(c);
	uint16_t port = c->session->dest.port;
	size_t home = 0, own = 0, players = 0;
	struct profile *p;

	while ((p = profiles_silent(h->profiles, &dest, home)) != NULL &&
	    profile_at_home(p, PROFILE_TCP, port))
		home++;
	word->text = NULL;
	word->profile = NULL;
	if (n < home) {
		word->profile = profiles_silent(h->profiles, &dest, n);
		return word->profile != NULL;
	}
	while (rules_greeting(r, port, own) != NULL)
		own++;
	if (n - home < own) {
		word->text = rules_greeting(r, port, n - home);
		return word->text != NULL;
	}
	word->profile = profiles_silent(h->profiles, &dest, n - own);
	if (word->profile != NULL)
		return true;
	if (chooser_port_is_dns(c))
		return false;
	while (profiles_silent(h->profiles, &dest, players) != NULL)
		players++;
	word->text = rules_greeting(r, 0, n - own - players);
	return word->text != NULL;
}

const struct greeting *
chooser_banner(const struct chooser *c, const struct detect *guess)
{
	static const struct {
		const char *protocol;
		uint16_t port;
	} servers[] = { { "ssh", 22 }, { "telnet", 23 }, { "smtp", 25 },
		{ "ftp", 21 }, { "pop3", 110 }, { "imap", 143 } };

	for (size_t i = 0; i < sizeof servers / sizeof *servers; i++)
		if (guess->count > 0 &&
		    guess->guesses[0].score >= CHOOSER_LIKELY &&
		    strcmp(guess->guesses[0].name, servers[i].protocol) == 0)
			return rules_greeting(&c->house->config->rules,
			    servers[i].port, 0);
	return NULL;
}

void
chooser_note_word(const struct chooser *c, const struct chooser_word *word,
    size_t n, size_t count, bool known)
{
	struct jsonw *w = session_event(c->session, "note");

	jsonw_object(w, "note");
	jsonw_string(w, "kind", "greeting");
	jsonw_uint(w, "try", n + 1);
	jsonw_uint(w, "of", count);
	jsonw_bool(w, "remembered", known);
	if (word->text != NULL)
		jsonw_bytes(w, "text", "base64", word->text->text,
		    word->text->length);
	else
		jsonw_string(w, "profile", word->profile->name);
	jsonw_object_end(w);
	session_event_end(c->session);
}

bool
chooser_ask_certificate(const struct chooser *c)
{
	struct profile_dest dest = chooser_dest(c);

	return c->forced != NULL ? c->forced->client_certificate :
	    profiles_ask_certificate(c->house->profiles, &dest);
}
