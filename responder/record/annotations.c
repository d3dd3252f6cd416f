/*
 * Sessions are found by their addresses; several may have used the same ones,
 * one after the other. A command is found by its place in the stream of bytes
 * to the client, where that lies open; under TLS and over UDP by its time.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <uthash.h>

#include "base/xmalloc.h"
#include "record/annotations.h"

#define ANNOTATIONS_COMMENT_MAX 2048
/* A session's `open` is journalled at most so long after its first packet. */
#define ANNOTATIONS_LATE INT64_C(10000000000)

struct note_command {
	struct note_command *next; /* in the order of the journal */
	int64_t wall;
	uint64_t offset; /* of its bytes, to the client */
	bool done;
	char *text;
};

struct note_session {
	struct note_session *next; /* of the same addresses, later */
	UT_hash_handle hh;	   /* by number */
	uint64_t number;
	int64_t opened;
	bool started, encrypted, isn_known;
	uint32_t first_seq; /* of the bytes to the client */
	char *text;
	char *profile;
	struct note_command *commands, **commands_end;
};

struct note_key {
	struct addr src, dst;
	uint8_t proto;
};

struct note_flow {
	UT_hash_handle hh;
	struct note_key key;
	struct note_session *sessions, **sessions_end, *current;
};

struct annotations {
	struct note_flow *flows;
	struct note_session *sessions;
	char comment[ANNOTATIONS_COMMENT_MAX];
};

/* "2026-11-22T19:15:00.123456+0000" in nanoseconds, or -1. */
static int64_t
note_time(const char *text)
{
	struct tm tm = { 0 };
	int64_t fraction = 0, unit = 100000000;
	const char *p = text != NULL ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm)
				     : NULL;

	if (p == NULL)
		return -1;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
			fraction += (*p - '0') * unit;
	return (int64_t)timegm(&tm) * 1000000000 + fraction;
}

static const char *
note_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text != NULL ? text : "";
}

static uint64_t
note_number(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));

	return n > 0 ? (uint64_t)n : 0;
}

/* The key in the direction to the server; 0 or -1. */
static int
note_key(struct note_key *key, const json_t *event)
{
	const char *proto = note_text(event, "proto");

	memset(key, 0, sizeof *key);
	key->proto = strcmp(proto, "UDP") == 0 ? IPPROTO_UDP : IPPROTO_TCP;
	if (addr_parse(&key->src, note_text(event, "src_ip")) < 0 ||
	    addr_parse(&key->dst, note_text(event, "dest_ip")) < 0)
		return -1;
	key->src.port = (uint16_t)note_number(event, "src_port");
	key->dst.port = (uint16_t)note_number(event, "dest_port");
	return 0;
}

static struct note_session *
note_session_open(struct annotations *a, const json_t *event, uint64_t number)
{
	struct note_session *s = xcalloc(1, sizeof *s);
	const char *name = note_text(event, "name");
	struct note_flow *flow;
	struct note_key key;

	if (note_key(&key, event) < 0) {
		free(s);
		return NULL;
	}
	HASH_FIND(hh, a->flows, &key, sizeof key, flow);
	if (flow == NULL) {
		flow = xcalloc(1, sizeof *flow);
		flow->key = key;
		flow->sessions_end = &flow->sessions;
		HASH_ADD(hh, a->flows, key, sizeof flow->key, flow);
	}
	s->number = number;
	s->opened = note_time(note_text(event, "timestamp"));
	s->commands_end = &s->commands;
	s->text = xasprintf("session %llu%s%s", (unsigned long long)number,
	    *name != '\0' ? " to " : "", name);
	*flow->sessions_end = s;
	flow->sessions_end = &s->next;
	HASH_ADD(hh, a->sessions, number, sizeof s->number, s);
	return s;
}

static void
note_command_add(struct note_session *s, const json_t *event)
{
	const json_t *info = json_object_get(event, "command_info");
	struct note_command *c = xcalloc(1, sizeof *c);
	const char *name = note_text(info, "name");
	char *bytes = xstrdup(note_text(info, "text"));

	bytes[strcspn(bytes, "\r\n")] = '\0';
	c->wall = note_time(note_text(event, "timestamp"));
	c->offset = note_number(info, "offset");
	c->text = xasprintf("command %llu%s%s%s%.200s",
	    (unsigned long long)note_number(event, "command"),
	    *name != '\0' ? " " : "", name, *bytes != '\0' ? ": " : "", bytes);
	free(bytes);
	*s->commands_end = c;
	s->commands_end = &c->next;
}

/* Takes one event of the journal. */
static void
note_event(struct annotations *a, const json_t *event)
{
	const char *type = note_text(event, "event_type");
	uint64_t number = note_number(event, "session");
	const char *profile = note_text(event, "profile");
	struct note_session *s;

	if (number == 0)
		return;
	HASH_FIND(hh, a->sessions, &number, sizeof number, s);
	if (s == NULL && strcmp(type, "open") == 0)
		s = note_session_open(a, event, number);
	if (s == NULL)
		return;
	if (s->profile == NULL && *profile != '\0')
		s->profile = xstrdup(profile);
	if (strcmp(type, "tls") == 0)
		s->encrypted = true;
	else if (strcmp(type, "command") == 0 &&
	    *note_text(json_object_get(event, "command_info"), "refused") ==
	    '\0')
		note_command_add(s, event);
}

struct annotations *
annotations_load(const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (file == NULL)
		return NULL;
	struct annotations *a = xcalloc(1, sizeof *a);
	while ((n = getline(&line, &size, file)) > 0) {
		json_t *event = json_loadb(line, (size_t)n,
		    JSON_ALLOW_NUL, NULL);

		if (event != NULL)
			note_event(a, event);
		json_decref(event);
	}
	free(line);
	fclose(file);
	return a;
}

void
annotations_free(struct annotations *a)
{
	struct note_session *s, *s_next;
	struct note_flow *flow, *f_next;
	struct note_command *c;

	HASH_ITER (hh, a->flows, flow, f_next) {
		HASH_DEL(a->flows, flow);
		free(flow);
	}
	HASH_ITER (hh, a->sessions, s, s_next) {
		HASH_DEL(a->sessions, s);
		while ((c = s->commands) != NULL) {
			s->commands = c->next;
			free(c->text);
			free(c);
		}
		free(s->profile);
		free(s->text);
		free(s);
	}
	free(a);
}

/* --- packets ------------------------------------------------------------ */

static void
note_append(struct annotations *a, const char *text, const char *more)
{
	size_t n = strlen(a->comment);

	snprintf(a->comment + n, sizeof a->comment - n, "%s%s%s",
	    n == 0 ? ANNOTATIONS_MARK : "; ", text, more);
}

/* The flow that a packet belongs to, and its direction. */
static struct note_flow *
note_flow_find(struct annotations *a, const struct frame *f, bool *to_server)
{
	struct note_key key;
	struct note_flow *flow;

	for (int back = 0; back < 2; back++) {
		memset(&key, 0, sizeof key);
		key.proto = f->proto;
		key.src = back ? f->dst : f->src;
		key.dst = back ? f->src : f->dst;
		HASH_FIND(hh, a->flows, &key, sizeof key, flow);
		if (flow != NULL) {
			*to_server = !back;
			return flow;
		}
	}
	return NULL;
}

/* A packet that may begin a session: steps to the next one of its flow. */
static void
note_begin(struct annotations *a, struct note_flow *flow, int64_t wall)
{
	struct note_session *s = flow->sessions;

	/* A SYN that is sent again begins nothing new. */
	if (flow->key.proto == IPPROTO_TCP && flow->current != NULL &&
	    !flow->current->isn_known)
		return;
	while (s != NULL && (s->started || s->opened + 1000 < wall))
		s = s->next;
	if (s == NULL || s->opened - wall > ANNOTATIONS_LATE)
		return;
	s->started = true;
	flow->current = s;
	note_append(a, s->text, "");
	if (s->profile != NULL) {
		note_append(a, "profile ", s->profile);
	}
}

/* True if this packet to the client is the first with the command's bytes. */
static bool
note_carries(const struct note_session *s, const struct note_command *c,
    int64_t wall, const struct frame *f)
{
	if (f->payload_length == 0)
		return false;
	/* Journal stamps are cut to microseconds. */
	if (f->proto != IPPROTO_TCP || s->encrypted || !s->isn_known)
		return wall + 1000 >= c->wall;
	uint32_t at = s->first_seq + (uint32_t)c->offset - f->tcp_seq;
	return at < f->payload_length;
}

static void
note_commands(struct annotations *a, struct note_session *s, int64_t wall,
    const struct frame *f)
{
	for (struct note_command *c = s->commands; c != NULL; c = c->next) {
		if (c->done)
			continue;
		if (!note_carries(s, c, wall, f))
			return; /* later ones come later */
		c->done = true;
		note_append(a, c->text, "");
		if (f->proto != IPPROTO_TCP || s->encrypted)
			return; /* by time: one packet, one command */
	}
}

const char *
annotations_packet(struct annotations *a, int64_t wall, const struct frame *f)
{
	bool to_server;

	a->comment[0] = '\0';
	if (!f->ip || !f->ports ||
	    (f->proto != IPPROTO_TCP && f->proto != IPPROTO_UDP))
		return NULL;
	struct note_flow *flow = note_flow_find(a, f, &to_server);
	if (flow == NULL)
		return NULL;
	bool syn = f->proto == IPPROTO_TCP && (f->tcp_flags & FRAME_SYN);
	if (to_server && (syn || f->proto == IPPROTO_UDP))
		note_begin(a, flow, wall);
	struct note_session *s = flow->current;
	if (s != NULL && !to_server && syn) {
		s->first_seq = f->tcp_seq + 1;
		s->isn_known = true;
	} else if (s != NULL && !to_server)
		note_commands(a, s, wall, f);
	return a->comment[0] != '\0' ? a->comment : NULL;
}
