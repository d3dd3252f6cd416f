/*
 * A session's events. The keys that all share are made once, at `open`.
 */
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/xmalloc.h"
#include "record/community_id.h"
#include "record/journal.h"
#include "record/run.h"
#include "record/session.h"

/* FNV-1a (Fowler, Noll, Vo), 64 bits. */
static uint64_t
session_hash(uint64_t h, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	return h;
}

/*
 * A number for the flow. 53 bits, which every JSON reader keeps; a port pair
 * that is used again by a later session is another flow.
 */
static uint64_t
session_flow_id(uint64_t session, uint8_t proto, const struct addr *src,
    const struct addr *dest)
{
	uint64_t h = 0xcbf29ce484222325;

	h = session_hash(h, &session, sizeof session);
	h = session_hash(h, &proto, 1);
	h = session_hash(h, src->bytes, sizeof src->bytes);
	h = session_hash(h, &src->port, sizeof src->port);
	h = session_hash(h, dest->bytes, sizeof dest->bytes);
	h = session_hash(h, &dest->port, sizeof dest->port);
	return h >> 11;
}

char *
session_keys(uint64_t session, uint8_t proto, const struct addr *src,
    const struct addr *dest, const char *name, size_t *length)
{
	char text[ADDR_TEXT_SIZE], id[COMMUNITY_ID_SIZE];
	struct jsonw w = { 0 };

	community_id_v1(proto, src, dest, id);
	jsonw_uint(&w, "flow_id", session_flow_id(session, proto, src, dest));
	jsonw_string(&w, "community_id", id);
	jsonw_string(&w, "src_ip", addr_text(src, text));
	jsonw_uint(&w, "src_port", src->port);
	jsonw_string(&w, "dest_ip", addr_text(dest, text));
	jsonw_uint(&w, "dest_port", dest->port);
	jsonw_string(&w, "proto", proto == IPPROTO_TCP ? "TCP" : "UDP");
	if (session != 0)
		jsonw_uint(&w, "session", session);
	if (name != NULL)
		jsonw_string(&w, "name", name);
	*length = w.length;
	char *keys = xmemdup0(w.data, w.length);
	jsonw_free(&w);
	return keys;
}

void
session_open(struct session *s, struct run *run, uint8_t proto,
    const struct addr *src, const struct addr *dest, const char *name)
{
	memset(s, 0, sizeof *s);
	s->run = run;
	s->id = ++run->sessions;
	s->proto = proto;
	s->src = *src;
	s->dest = *dest;
	s->opened = s->active = clock_mono();
	s->keys = session_keys(s->id, proto, src, dest, name, &s->keys_length);
	session_event(s, "open");
	session_event_end(s);
}

void
session_close(struct session *s, const char *reason)
{
	struct jsonw *w = session_event(s, "close");

	jsonw_object(w, "close");
	jsonw_string(w, "reason", reason);
	jsonw_uint(w, "bytes_toserver", s->bytes[SESSION_TO_SERVER]);
	jsonw_uint(w, "bytes_toclient", s->bytes[SESSION_TO_CLIENT]);
	jsonw_seconds(w, "age", clock_mono() - s->opened);
	if (s->hidden != 0)
		jsonw_uint(w, "bytes_not_shown", s->hidden);
	jsonw_object_end(w);
	session_event_end(s);
	free(s->keys);
	s->keys = NULL;
}

void
session_profile(struct session *s, const char *profile)
{
	s->profile = profile;
}

struct jsonw *
session_event(struct session *s, const char *type)
{
	struct jsonw *w = journal_begin(s->run->journal, type);

	jsonw_raw(w, NULL, s->keys, s->keys_length);
	if (s->profile != NULL)
		jsonw_string(w, "profile", s->profile);
	return w;
}

void
session_event_end(struct session *s)
{
	s->told += journal_end(s->run->journal);
}

bool
session_is_wordy(const struct session *s)
{
	uint64_t cap = s->run->limits.session_payload;

	return s->told > (cap > SESSION_WORDS ? cap : SESSION_WORDS);
}

/* Bytes that a `data` event may still show; says once when a cap is hit. */
static size_t
session_room(struct session *s, size_t n)
{
	const struct run_limits *max = &s->run->limits;
	uint64_t room = max->session_payload - s->payload;
	const char *what = "session_payload";

	if (max->run_payload - s->run->payload < room) {
		room = max->run_payload - s->run->payload;
		what = "run_payload";
	}
	if (n <= room)
		return n;
	if (s->hidden == 0) {
		char *text = xasprintf("the limit %s is reached: further "
		    "bytes are counted, not shown", what);

		session_error(s, text, NULL);
		free(text);
	}
	return (size_t)room;
}

void
session_data(struct session *s, enum session_direction way, const void *bytes,
    size_t n, uint64_t command)
{
	static const char *const names[] = { "to_server", "to_client" };
	uint64_t offset = s->bytes[way];
	size_t shown = session_room(s, n);

	s->active = clock_mono();
	s->bytes[way] += n;
	s->run->bytes[way] += n;
	s->payload += shown;
	s->run->payload += shown;
	s->hidden += n - shown;
	if (shown == 0 && n != 0)
		return;
	struct jsonw *w = session_event(s, "data");

	if (command != 0)
		jsonw_uint(w, "command", command);
	jsonw_object(w, "data");
	jsonw_string(w, "direction", names[way]);
	jsonw_uint(w, "offset", offset);
	jsonw_uint(w, "length", shown);
	jsonw_bytes(w, "text", "base64", bytes, shown);
	jsonw_object_end(w);
	journal_end(s->run->journal);
}

uint64_t
session_command(struct session *s, const struct session_command *c)
{
	struct jsonw *w = session_event(s, "command");
	uint64_t id = ++s->run->commands;

	jsonw_uint(w, "command", id);
	jsonw_object(w, "command_info");
	if (c->name != NULL)
		jsonw_string(w, "name", c->name);
	if (c->refused == NULL)
		jsonw_uint(w, "offset", s->bytes[SESSION_TO_CLIENT]);
	jsonw_uint(w, "length", c->length);
	jsonw_bytes(w, "text", "base64", c->bytes, c->length);
	if (c->target != NULL)
		jsonw_string(w, "target", c->target);
	if (c->words != NULL)
		jsonw_bytes(w, "words", "words_base64", c->words,
		    c->words_length);
	if (c->by != NULL)
		jsonw_string(w, "by", c->by);
	if (c->seconds >= 0)
		jsonw_real(w, "seconds", c->seconds);
	if (c->refused != NULL)
		jsonw_string(w, "refused", c->refused);
	else
		s->command = id;
	jsonw_object_end(w);
	session_event_end(s);
	return id;
}

void
session_credentials(struct session *s, const char *user, size_t user_length,
    const char *secret, size_t secret_length)
{
	struct jsonw *w = session_event(s, "credentials");

	jsonw_object(w, "credentials");
	jsonw_bytes(w, "user", "user_base64", user, user_length);
	jsonw_bytes(w, "secret", "secret_base64", secret, secret_length);
	jsonw_object_end(w);
	session_event_end(s);
}

void
session_file(struct session *s, const char *name, size_t name_length,
    uint64_t size, const char *sha256, const char *wrong)
{
	struct jsonw *w = session_event(s, "file");

	jsonw_object(w, "fileinfo");
	jsonw_bytes(w, "filename", "filename_base64", name, name_length);
	jsonw_uint(w, "size", size);
	jsonw_string(w, "sha256", sha256);
	jsonw_bool(w, "stored", wrong == NULL);
	if (wrong != NULL)
		jsonw_string(w, "error", wrong);
	jsonw_object_end(w);
	session_event_end(s);
}

void
session_error(struct session *s, const char *message, const char *traceback)
{
	struct jsonw *w = session_event(s, "error");

	if (s->command != 0)
		jsonw_uint(w, "command", s->command);
	jsonw_object(w, "error");
	jsonw_string(w, "message", message);
	if (traceback != NULL)
		jsonw_string(w, "traceback", traceback);
	jsonw_object_end(w);
	session_event_end(s);
}
