/*
 * One TCP session's life. A session is a `visit`: its evidence (session), its
 * connection (conn), its player (task). Whatever ends it goes through
 * visit_finish; when both the task and the connection have gone, `close` is
 * written and the visit is freed.
 */
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "config.h"
#include "net/conn.h"
#include "net/tls.h"
#include "opening.h"
#include "record/session.h"
#include "script/conn.h"
#include "script/profiles.h"
#include "script/task.h"
#include "service_dns.h"
#include "service_tls.h"
#include "visit.h"

/* Seconds until a silence is looked at again whose end nobody has read yet. */
#define VISIT_LATE 0.02

enum visit_state { VISIT_DELAYED, VISIT_PEEKING, VISIT_HANDSHAKE, VISIT_PLAYED,
	VISIT_DNS, VISIT_SUNK, VISIT_ENDING };

struct visit {
	const struct visit_keeper *keeper;
	void *arg; /* of the keeper */
	struct session session;
	struct stream stream;
	struct conn *conn;	 /* NULL once closed */
	struct task *task;	 /* NULL without one, or once ended */
	struct profile *profile; /* held; NULL: nobody's */
	struct event timer;	 /* silence, then idleness */
	enum visit_state state;
	char *sni;
	struct opening opening;
	uint64_t reset_after;	/* bytes; 0: never */
	const char *reason; /* why it ended, a constant */
};

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
	opening_end(&v->opening);
	session_close(&v->session, v->reason != NULL ? v->reason : "closed");
	profile_release(v->profile);
	free(v->sni);
	v->keeper->ended(v->arg);
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

static void
visit_answer_dns(struct visit *v)
{
	service_dns_stream(v->keeper->house->dns, &v->session, v->conn);
	if (conn_ended(v->conn) != NULL)
		visit_finish(v, conn_ended(v->conn));
}

/* Starts the profile that was chosen, or the sink. */
static void
visit_play(struct visit *v, struct profile *p)
{
	if (p == NULL) {
		v->state = VISIT_SUNK;
		visit_set_timer(v, v->keeper->house->config->idle_timeout);
		visit_sink(v);
		return;
	}
	v->state = VISIT_PLAYED;
	evtimer_del(&v->timer);
	v->profile = profile_hold(p);
	session_profile(&v->session, p->name);
	v->task = task_new(v->keeper->house->engine, &v->session,
	    visit_task_ended, v);
	profile_push(p, task_lua(v->task), "stream");
	stream_push(task_lua(v->task), &v->stream);
	task_start(v->task, 1);
}

/* Begins a handshake; who asks for the client's certificate: the user, too. */
static int
visit_start_tls(struct visit *v, bool ask)
{
	const struct house *s = v->keeper->house;
	char address[ADDR_TEXT_SIZE];
	const char *name = v->stream.name;

	if (name == NULL)
		name = addr_text(&v->session.dest, address);
	if (s->tls == NULL ||
	    conn_start_tls(v->conn, s->tls, name,
		ask || s->config->client_certificates != 0) < 0)
		return -1;
	v->stream.tls = STREAM_HANDSHAKE;
	return 0;
}

/* conn:start_tls of a profile. */
static int
visit_stream_tls(struct stream *stream, bool ask)
{
	return visit_start_tls((struct visit *)((char *)stream -
	    offsetof(struct visit, stream)), ask);
}

/* Answers a TLS hello; false if that can't be. */
static bool
visit_shake_hands(struct visit *v, bool ask)
{
	if (visit_start_tls(v, ask) < 0)
		return false;
	v->state = VISIT_HANDSHAKE;
	visit_set_timer(v, v->keeper->house->config->handshake_timeout);
	return true;
}

/* DNS from here on. */
static void
visit_become_dns(struct visit *v)
{
	v->state = VISIT_DNS;
	session_profile(&v->session, "dns");
	visit_set_timer(v, v->keeper->house->config->idle_timeout);
	visit_answer_dns(v);
}

/* False if the peer is gone: the visit has ended. */
static bool
visit_say(struct visit *v, const struct greeting *g)
{
	if (conn_send(v->conn, g->text, g->length) >= 0)
		return true;
	visit_finish(v, "client closed");
	return false;
}

/* Does what was decided about how the session opens. */
static void
visit_open(struct visit *v, const struct opening_move *m)
{
	const struct config *c = v->keeper->house->config;

	switch (m->what) {
	case OPENING_WAIT:
		/* Its silence is counted from here. */
		if (opening_is_fresh(&v->opening))
			visit_set_timer(v, c->silence);
		break;
	case OPENING_LISTEN:
		visit_set_timer(v, c->idle_timeout);
		break;
	case OPENING_TLS:
		break;
	case OPENING_DNS:
		visit_become_dns(v);
		break;
	case OPENING_PLAY:
		if (m->text == NULL || visit_say(v, m->text))
			visit_play(v, m->profile);
		break;
	case OPENING_SAY:
		visit_set_timer(v, c->idle_timeout);
		visit_say(v, m->text);
		break;
	case OPENING_TIMEOUT:
		visit_finish(v, "timeout");
		break;
	}
}

/* Bytes are there; silent: and no more come. */
static void
visit_decide(struct visit *v, bool silent)
{
	struct opening_move m = opening_bytes(&v->opening, v->conn, silent,
	    true);

	if (m.what == OPENING_TLS && visit_shake_hands(v, m.ask))
		return;
	if (m.what == OPENING_TLS)
		m = opening_bytes(&v->opening, v->conn, silent, false);
	visit_open(v, &m);
}

/* The peer waits for us. */
static void
visit_silent(struct visit *v)
{
	struct opening_move m = opening_silence(&v->opening, v->conn);

	visit_open(v, &m);
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
	} else if (v->state == VISIT_HANDSHAKE) {
		v->state = VISIT_PEEKING;
		visit_set_timer(v, v->keeper->house->config->silence);
		visit_readable(v);
	}
}

static const struct conn_callbacks visit_callbacks = { visit_tap,
	visit_readable, visit_drained, visit_closed, visit_secured };

/* The session is looked at from now on: what came already, or silence. */
static void
visit_begin(struct visit *v)
{
	const struct config *c = v->keeper->house->config;

	v->state = VISIT_PEEKING;
	visit_set_timer(v, c->silence);
	visit_readable(v);
}

/* What a policy has for a new session; true if that is not the usual. */
static bool
visit_obey(struct visit *v)
{
	const struct house *h = v->keeper->house;
	const struct policy *p = rules_policy(&h->config->rules, IPPROTO_TCP,
	    &v->session.dest, v->stream.name);

	if (p == NULL)
		return false;
	v->reset_after = p->reset_after;
	opening_force(&v->opening, p->profile);
	if (p->action == POLICY_REFUSE) {
		v->state = VISIT_ENDING;
		v->reason = POLICY_REFUSED;
		conn_abort(v->conn);
	} else if (p->action == POLICY_DROP) {
		v->reason = POLICY_DROPPED;
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
	double rest = v->keeper->house->config->idle_timeout -
	    (double)(clock_mono() - v->session.active) / 1e9;

	if (v->state == VISIT_DELAYED)
		visit_begin(v);
	else if (v->state == VISIT_PEEKING && conn_unread(v->conn))
		visit_set_timer(v, VISIT_LATE); /* we were late, not the peer */
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

/* Whatever it waits for. */
void
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

struct visit *
visit_new(const struct visit_keeper *keeper, void *arg, evutil_socket_t fd,
    const struct addr *src, const struct addr *dest)
{
	const struct house *h = keeper->house;
	struct visit *v = xcalloc(1, sizeof *v);

	v->keeper = keeper;
	v->arg = arg;
	v->conn = conn_new(h->base, fd, &visit_callbacks, v);
	if (v->conn == NULL)
		fatal("no memory for a connection");
	v->stream.conn = v->conn;
	v->stream.session = &v->session;
	v->stream.start_tls = visit_stream_tls;
	v->stream.name = service_dns_name(h->dns, dest);
	session_open(&v->session, h->run, IPPROTO_TCP, src, dest,
	    v->stream.name);
	opening_init(&v->opening, h, keeper->greeter, &v->session,
	    v->stream.name);
	evtimer_assign(&v->timer, h->base, visit_timer, v);
	return v;
}

void
visit_start(struct visit *v)
{
	if (!visit_obey(v))
		visit_begin(v);
}

static const char *const visit_states[] = { "delayed", "undecided",
	"handshake", "played", "dns", "nobody's", "ending" };

void
visit_info(const struct visit *v, struct visit_info *info)
{
	info->session = &v->session;
	info->state = visit_states[v->state];
	info->name = v->stream.name;
	info->sni = v->stream.sni;
	info->tls = v->stream.tls == STREAM_SECURE;
}

/* Why nothing can be sent just now, or NULL. */
static const char *
visit_unready(const struct visit *v)
{
	if (v->stream.tls == STREAM_HANDSHAKE)
		return "not yet: its TLS handshake goes on";
	switch (v->state) {
	case VISIT_DELAYED:
		return "not yet: a policy delays it";
	case VISIT_PEEKING:
		return v->opening.greeted ? NULL :
		    "not yet: its first bytes decide who plays";
	case VISIT_DNS:
		return "DNS is spoken there";
	case VISIT_HANDSHAKE:
	case VISIT_PLAYED:
	case VISIT_SUNK:
	case VISIT_ENDING:
		break;
	}
	return NULL;
}

uint64_t
visit_send(struct visit *v, const struct command *c,
    char why[static STREAM_WHY_SIZE])
{
	uint64_t players = v->session.command;
	const char *unready = visit_unready(v);

	if (unready != NULL) {
		snprintf(why, STREAM_WHY_SIZE, "%s", unready);
		return 0;
	}
	uint64_t id = stream_command(&v->stream,
	    &v->keeper->house->config->targets, c, why);

	v->session.command = players;
	return id;
}

void
visit_close(struct visit *v)
{
	visit_finish(v, "closed by hand");
}
