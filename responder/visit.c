/*
 * One TCP session's life. A session is a `visit`: its evidence (session), its
 * connection (conn), its player (task). Whatever ends it goes through
 * visit_finish; when both the task and the connection have gone, `close` is
 * written and the visit is freed.
 */
#include <netinet/in.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "config.h"
#include "greeter.h"
#include "net/conn.h"
#include "net/tls.h"
#include "record/session.h"
#include "script/conn.h"
#include "script/profiles.h"
#include "script/task.h"
#include "service_dns.h"
#include "service_tls.h"
#include "visit.h"
#include "wire/detect.h"

/* Bytes that match gets to see. */
#define VISIT_PEEK 1024

enum visit_state { VISIT_DELAYED, VISIT_PEEKING, VISIT_HANDSHAKE, VISIT_PLAYED, VISIT_DNS,
	VISIT_SUNK, VISIT_ENDING };

struct visit {
	TAILQ_ENTRY(visit) entry;
	struct visits *set;
	struct session session;
	struct stream stream;
	struct conn *conn;	 /* NULL once closed */
	struct task *task;	 /* NULL without one, or once ended */
	struct profile *profile; /* held; NULL: nobody's */
	struct event timer;	 /* silence, then idleness */
	enum visit_state state;
	char *sni;
	struct profile *forced; /* by a policy; held */
	uint64_t reset_after;	/* bytes; 0: never */
	size_t greeting;	/* which first word was tried */
	bool greeted;
	const char *reason; /* why it ended, a constant */
};

struct visits {
	const struct house *house;
	TAILQ_HEAD(, visit) list;
	size_t count;
	struct greeter *greeter;
	uint64_t refused; /* over the limit */
};

/* Destinations whose first words are remembered. */
#define VISITS_PLACES 65536

static void
visit_set_timer(struct visit *v, double seconds)
{
	struct timeval tv = { (time_t)seconds,
		(suseconds_t)((seconds - (double)(time_t)seconds) * 1e6) };

	evtimer_add(&v->timer, &tv);
}

/* Writes `close` and frees, once nothing is left that could add to it. */
static void
visit_end(struct visit *v)
{
	if (v->conn != NULL || v->task != NULL)
		return;
	stream_detach(&v->stream);
	evtimer_del(&v->timer);
	if (v->greeted)
		greeter_result(v->set->greeter, &v->session.dest, v->greeting,
		    v->session.bytes[SESSION_TO_SERVER] > 0);
	session_close(&v->session, v->reason != NULL ? v->reason : "closed");
	profile_release(v->profile);
	profile_release(v->forced);
	free(v->sni);
	TAILQ_REMOVE(&v->set->list, v, entry);
	v->set->count--;
	free(v);
}

/* The one way out. The visit may be gone afterwards. */
static void
visit_finish(struct visit *v, const char *reason)
{
	if (v->reason == NULL)
		v->reason = reason;
	v->state = VISIT_ENDING;
	evtimer_del(&v->timer);
	task_free(v->task);
	v->task = NULL;
	if (v->conn != NULL)
		conn_close(v->conn);
	visit_end(v);
}

/* The profile's function returned, or failed. */
static void
visit_task_ended(void *arg, const char *error, const char *traceback)
{
	struct visit *v = arg;
	const char *ended = v->conn != NULL ? conn_ended(v->conn) : NULL;

	if (error != NULL)
		session_error(&v->session, error, traceback);
	visit_finish(v, error != NULL ? "error" :
	    ended != NULL ? ended : "profile closed");
}

/* Nobody plays: the bytes are in the journal already, and go. */
static void
visit_sink(struct visit *v)
{
	conn_drain(v->conn, conn_length(v->conn));
	if (conn_ended(v->conn) != NULL)
		visit_finish(v, conn_ended(v->conn));
}

/* DNS over TCP: each message has its length in front (RFC 1035, 4.2.2). */
static void
visit_answer_dns(struct visit *v)
{
	static uint8_t out[2 + SERVICE_DNS_SIZE];
	uint8_t head[2];

	while (conn_length(v->conn) >= 2) {
		conn_peek(v->conn, head, 2);
		size_t n = (size_t)head[0] << 8 | head[1];
		const uint8_t *message;

		if (conn_length(v->conn) < 2 + n)
			break;
		message = evbuffer_pullup(conn_input(v->conn),
		    (ev_ssize_t)(2 + n));
		if (message == NULL)
			fatal("no memory for a DNS message");
		size_t size = service_dns_answer(v->set->house->dns, &v->session,
		    message + 2, n, out + 2);

		conn_drain(v->conn, 2 + n);
		out[0] = (uint8_t)(size >> 8);
		out[1] = (uint8_t)size;
		if (size > 0 && conn_send(v->conn, out, 2 + size) < 0)
			break;
	}
	if (conn_ended(v->conn) != NULL)
		visit_finish(v, conn_ended(v->conn));
}

/* Starts the profile that was chosen, or the sink. */
static void
visit_play(struct visit *v, struct profile *p)
{
	if (p == NULL) {
		v->state = VISIT_SUNK;
		visit_set_timer(v, v->set->house->config->idle_timeout);
		visit_sink(v);
		return;
	}
	v->state = VISIT_PLAYED;
	evtimer_del(&v->timer);
	v->profile = profile_hold(p);
	session_profile(&v->session, p->name);
	v->task = task_new(v->set->house->engine, &v->session,
	    visit_task_ended, v);
	profile_push(p, task_lua(v->task), "stream");
	stream_push(task_lua(v->task), &v->stream);
	task_start(v->task, 1);
}

/* Tells the journal who plays, and why. */
static void
visit_note_choice(struct visit *v, const struct profiles_choice *c,
    const void *first, size_t n)
{
	struct detect guess;

	struct jsonw *w = session_event(&v->session, "note");

	jsonw_object(w, "note");
	jsonw_string(w, "kind", "detect");
	jsonw_string(w, "by", c->by);
	if (c->profile != NULL)
		jsonw_string(w, "profile", c->profile->name);
	if (strcmp(c->by, "match") == 0)
		jsonw_int(w, "score", c->score);
	detect_protocol(first, n, &guess);
	if (guess.count > 0) {
		jsonw_string(w, "protocol", guess.guesses[0].name);
		jsonw_int(w, "protocol_score", guess.guesses[0].score);
	}
	jsonw_object_end(w);
	session_event_end(&v->session);
}

static int
visit_start_tls(struct visit *v)
{
	const struct house *s = v->set->house;
	char address[ADDR_TEXT_SIZE];
	const char *name = v->stream.name;

	if (name == NULL)
		name = addr_text(&v->session.dest, address);
	if (s->tls == NULL ||
	    conn_start_tls(v->conn, s->tls, name,
		s->config->client_certificates != 0) < 0)
		return -1;
	v->stream.tls = STREAM_HANDSHAKE;
	return 0;
}

/* conn:start_tls of a profile. */
static int
visit_stream_tls(struct stream *stream)
{
	return visit_start_tls((struct visit *)((char *)stream -
	    offsetof(struct visit, stream)));
}

/*
 * Answers a TLS hello. True if that is under way, or if the bytes so far may
 * still become one.
 */
static bool
visit_try_tls(struct visit *v, bool silent)
{
	uint8_t first[VISIT_PEEK];
	size_t n;

	if (v->set->house->tls == NULL || conn_tls(v->conn) != NULL)
		return false;
	n = conn_peek(v->conn, first, sizeof first);
	switch (service_tls_guess(first, n)) {
	case SERVICE_TLS_NO:
		return false;
	case SERVICE_TLS_MAYBE:
		return n > 0 && !silent && conn_ended(v->conn) == NULL;
	case SERVICE_TLS_YES:
		break;
	}
	if (visit_start_tls(v) < 0)
		return false;
	v->state = VISIT_HANDSHAKE;
	visit_set_timer(v, v->set->house->config->handshake_timeout);
	return true;
}

/* A policy's profile, or the one that the first bytes are for. */
static void
visit_choose(struct visit *v, const void *first, size_t n,
    struct profiles_choice *c)
{
	struct profile_dest dest = { v->session.dest, v->stream.name, "tcp" };

	if (v->forced == NULL) {
		profiles_choose(v->set->house->profiles, PROFILE_TCP, first, n,
		    &dest, c);
		return;
	}
	memset(c, 0, sizeof *c);
	c->profile = v->forced;
	c->by = "policy";
}

/* Says one first word, by its number; the peer may answer anything. */
static void
visit_greet(struct visit *v, const struct greeting *g, struct profile *p,
    size_t count, bool known)
{
	struct jsonw *w = session_event(&v->session, "note");

	jsonw_object(w, "note");
	jsonw_string(w, "kind", "greeting");
	jsonw_uint(w, "try", v->greeting + 1);
	jsonw_uint(w, "of", count);
	jsonw_bool(w, "remembered", known);
	if (g != NULL)
		jsonw_bytes(w, "text", "base64", g->text, g->length);
	else
		jsonw_string(w, "profile", p->name);
	jsonw_object_end(w);
	session_event_end(&v->session);
	if (g == NULL) {
		visit_play(v, p);
		return;
	}
	visit_set_timer(v, v->set->house->config->idle_timeout);
	if (conn_send(v->conn, g->text, g->length) < 0)
		visit_finish(v, "client closed");
}

/*
 * The n-th first word for a port: of the profiles at home there, of the port's
 * greetings, of the other families, of the greetings for every port. False if
 * there is none.
 */
static bool
visit_first_word(const struct visit *v, size_t n, const struct greeting **g,
    struct profile **p)
{
	const struct house *h = v->set->house;
	const struct rules *r = &h->config->rules;
	struct profile_dest dest = { v->session.dest, v->stream.name, "tcp" };
	uint16_t port = v->session.dest.port;
	size_t home = 0, own = 0, players = 0;

	while ((*p = profiles_silent(h->profiles, &dest, home)) != NULL &&
	    profile_at_home(*p, PROFILE_TCP, port))
		home++;
	*g = NULL;
	if (n < home)
		return (*p = profiles_silent(h->profiles, &dest, n)) != NULL;
	while (rules_greeting(r, port, own) != NULL)
		own++;
	if (n - home < own)
		return (*g = rules_greeting(r, port, n - home)) != NULL;
	if ((*p = profiles_silent(h->profiles, &dest, n - own)) != NULL)
		return true;
	while (profiles_silent(h->profiles, &dest, players) != NULL)
		players++;
	return (*g = rules_greeting(r, 0, n - own - players)) != NULL;
}

/* The peer waits for us: it hears one first word a connection. */
static void
visit_silent(struct visit *v)
{
	const struct greeting *g;
	struct profile *p;
	size_t n = 0;
	bool known;

	conn_open_tap(v->conn);
	if (v->forced != NULL) {
		struct profiles_choice c = { .profile = v->forced,
			.by = "policy" };

		visit_note_choice(v, &c, "", 0);
		visit_play(v, v->forced);
		return;
	}
	if (v->greeted) {
		visit_finish(v, "timeout");
		return;
	}
	while (visit_first_word(v, n, &g, &p))
		n++;
	if (n == 0) {
		visit_play(v, NULL);
		return;
	}
	v->greeted = true;
	v->greeting = greeter_choose(v->set->greeter, &v->session.dest, n,
	    &known);
	visit_first_word(v, v->greeting, &g, &p);
	visit_greet(v, g, p, n, known);
}

/*
 * Decides who plays. While no profile is sure of the first bytes and the port
 * is nobody's home, more bytes may come until silence says that they don't.
 */
static void
visit_decide(struct visit *v, bool silent)
{
	struct profiles_choice c;
	uint8_t first[VISIT_PEEK];
	size_t n;

	if (visit_try_tls(v, silent))
		return;
	conn_open_tap(v->conn);
	n = conn_peek(v->conn, first, sizeof first);
	visit_choose(v, first, n, &c);
	if (c.error != NULL)
		session_error(&v->session, c.error, NULL);
	free(c.error);
	if (c.profile == NULL && !silent && n < sizeof first &&
	    conn_ended(v->conn) == NULL)
		return;
	visit_note_choice(v, &c, first, n);
	visit_play(v, c.profile);
}

static void
visit_tap(void *arg, enum conn_way way, const void *bytes, size_t n)
{
	struct visit *v = arg;

	if (way == CONN_TO_CLIENT) {
		session_data(&v->session, SESSION_TO_CLIENT, bytes, n,
		    v->stream.command);
		return;
	}
	session_data(&v->session, SESSION_TO_SERVER, bytes, n, 0);
	if (v->reset_after != 0 && v->reason == NULL &&
	    v->session.bytes[SESSION_TO_SERVER] >= v->reset_after) {
		v->reason = "reset by policy";
		conn_abort(v->conn);
	}
}

static void
visit_readable(void *arg)
{
	struct visit *v = arg;
	uint8_t byte;

	switch (v->state) {
	case VISIT_PEEKING:
		if (conn_peek(v->conn, &byte, 1) > 0)
			visit_decide(v, false);
		else if (conn_ended(v->conn) != NULL)
			visit_finish(v, conn_ended(v->conn));
		break;
	case VISIT_DELAYED:
	case VISIT_HANDSHAKE:
		break;
	case VISIT_PLAYED:
		task_wake(v->task);
		break;
	case VISIT_DNS:
		visit_answer_dns(v);
		break;
	case VISIT_SUNK:
		visit_sink(v);
		break;
	case VISIT_ENDING:
		break;
	}
}

static void
visit_drained(void *arg)
{
	struct visit *v = arg;

	if (v->state == VISIT_PLAYED)
		task_wake(v->task);
}

/* The socket is closed; a profile that still works is told. */
static void
visit_closed(void *arg, const char *reason)
{
	struct visit *v = arg;

	conn_free(v->conn);
	v->conn = v->stream.conn = NULL;
	if (v->reason == NULL && v->state != VISIT_PLAYED)
		v->reason = reason;
	if (v->task != NULL)
		task_wake(v->task);
	else
		visit_end(v);
}

/* DNS from here on. */
static void
visit_become_dns(struct visit *v)
{
	v->state = VISIT_DNS;
	session_profile(&v->session, "dns");
	conn_open_tap(v->conn);
	visit_set_timer(v, v->set->house->config->idle_timeout);
}

/* The handshake is over: who plays is decided by what is inside. */
static void
visit_secured(void *arg, const char *failure)
{
	struct visit *v = arg;
	struct tls_info info;

	service_tls_event(&v->session, conn_tls(v->conn), failure);
	v->stream.tls = failure != NULL ? STREAM_TLS_FAILED : STREAM_SECURE;
	tls_info(conn_tls(v->conn), &info);
	if (v->sni == NULL && info.sni[0] != '\0')
		v->stream.sni = v->sni = xstrdup(info.sni);
	if (v->state == VISIT_PLAYED) {
		task_wake(v->task);
	} else if (v->state == VISIT_HANDSHAKE && failure != NULL) {
		visit_finish(v, "TLS handshake failed");
	} else if (v->state == VISIT_HANDSHAKE &&
	    v->session.dest.port == v->set->house->config->dot_port) {
		visit_become_dns(v);
		visit_readable(v);
	} else if (v->state == VISIT_HANDSHAKE) {
		v->state = VISIT_PEEKING;
		visit_set_timer(v, v->set->house->config->silence);
		visit_readable(v);
	}
}

static const struct conn_callbacks visit_callbacks = { visit_tap,
	visit_readable, visit_drained, visit_closed, visit_secured };

/* The session is looked at from now on: what came already, or silence. */
static void
visit_begin(struct visit *v)
{
	const struct config *c = v->set->house->config;

	v->state = VISIT_PEEKING;
	if (v->session.dest.port == c->dns_port)
		visit_become_dns(v);
	else
		visit_set_timer(v, c->silence);
	visit_readable(v);
}

/* What a policy has for a new session; true if that is not the usual. */
static bool
visit_obey(struct visit *v)
{
	const struct house *h = v->set->house;
	const struct policy *p = rules_policy(&h->config->rules, IPPROTO_TCP,
	    &v->session.dest, v->stream.name);

	if (p == NULL)
		return false;
	v->reset_after = p->reset_after;
	if (p->profile != NULL) {
		struct profile *forced = profiles_find(h->profiles,
		    p->profile);

		v->forced = forced != NULL ? profile_hold(forced) : NULL;
	}
	if (p->action == POLICY_REFUSE) {
		v->state = VISIT_ENDING;
		v->reason = "refused by policy";
		conn_abort(v->conn);
	} else if (p->action == POLICY_DROP) {
		conn_open_tap(v->conn);
		visit_play(v, NULL);
	} else if (p->delay > 0) {
		v->state = VISIT_DELAYED;
		visit_set_timer(v, p->delay);
	} else {
		return false;
	}
	return true;
}

static void
visit_handshake_silent(struct visit *v)
{
	service_tls_event(&v->session, conn_tls(v->conn),
	    "the client went silent in the handshake");
	visit_finish(v, "TLS handshake timed out");
}

static void
visit_timer(evutil_socket_t fd A_UNUSED, short what A_UNUSED, void *arg)
{
	struct visit *v = arg;
	uint8_t byte;
	double rest = v->set->house->config->idle_timeout -
	    (double)(clock_mono() - v->session.active) / 1e9;

	if (v->state == VISIT_DELAYED)
		visit_begin(v);
	else if (v->state == VISIT_PEEKING && conn_peek(v->conn, &byte, 1) > 0)
		visit_decide(v, true);
	else if (v->state == VISIT_PEEKING)
		visit_silent(v);
	else if (v->state == VISIT_HANDSHAKE)
		visit_handshake_silent(v);
	else if (rest > 0)
		visit_set_timer(v, rest);
	else
		visit_finish(v, "timeout");
}

/* Ends a visit now, whatever it waits for. */
static void
visit_stop(struct visit *v)
{
	v->reason = v->reason != NULL ? v->reason : "stopped";
	if (v->state == VISIT_PEEKING)
		conn_open_tap(v->conn); /* what nobody has looked at yet */
	task_free(v->task);
	v->task = NULL;
	conn_free(v->conn);
	v->conn = NULL;
	visit_end(v);
}

struct visits *
visits_new(const struct house *house)
{
	struct visits *vs = xcalloc(1, sizeof *vs);

	vs->house = house;
	vs->greeter = greeter_new(VISITS_PLACES);
	TAILQ_INIT(&vs->list);
	return vs;
}

void
visits_free(struct visits *vs)
{
	if (vs == NULL)
		return;
	while (!TAILQ_EMPTY(&vs->list))
		visit_stop(TAILQ_FIRST(&vs->list));
	greeter_free(vs->greeter);
	free(vs);
}

size_t
visits_count(const struct visits *vs)
{
	return vs->count;
}

void
visits_accept(struct visits *vs, evutil_socket_t fd, const struct addr *src,
    const struct addr *dest)
{
	const struct house *s = vs->house;
	struct linger now = { .l_onoff = 1 };
	struct visit *v;

	if (vs->count >= s->config->sessions) {
		if (vs->refused++ == 0)
			log_warn("more than %llu sessions: the rest is reset",
			    (unsigned long long)s->config->sessions);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		close(fd);
		return;
	}
	v = xcalloc(1, sizeof *v);
	v->set = vs;
	v->conn = conn_new(s->base, fd, &visit_callbacks, v);
	if (v->conn == NULL)
		fatal("no memory for a connection");
	v->stream.conn = v->conn;
	v->stream.session = &v->session;
	v->stream.start_tls = visit_stream_tls;
	v->stream.name = service_dns_name(s->dns, dest);
	session_open(&v->session, s->run, IPPROTO_TCP, src, dest,
	    v->stream.name);
	TAILQ_INSERT_TAIL(&vs->list, v, entry);
	vs->count++;
	evtimer_assign(&v->timer, s->base, visit_timer, v);
	if (!visit_obey(v))
		visit_begin(v);
}
