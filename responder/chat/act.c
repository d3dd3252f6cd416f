/*
 * One session: a conn of ours at one end of a bufferevent_pair, the peer at
 * the other, with TLS over it or not.
 */
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>

#include <openssl/ssl.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "chat/act.h"
#include "net/conn.h"
#include "net/tls.h"
#include "record/session.h"
#include "script/conn.h"
#include "script/profile.h"
#include "script/task.h"
#include "service_tls.h"

struct act {
	struct scene *scene;
	struct session session;
	struct stream stream;
	struct conn *conn;	  /* ours; NULL once closed */
	struct bufferevent *far;  /* the peer's end, or its TLS over it */
	struct bufferevent *wire; /* the peer's end without TLS */
	struct task *task;	  /* NULL once ended */
	const char *reason;
	char *name, *sni;
	bool secured;		  /* the peer's handshake is done */
	bool over;
};

/* Nothing is left that could add to the session: `close` is written. */
static void
act_end(struct act *a)
{
	if (a->conn != NULL || a->task != NULL || a->over)
		return;
	a->over = true;
	stream_detach(&a->stream);
	session_close(&a->session, a->reason != NULL ? a->reason : "closed");
}

static void
act_finish(struct act *a, const char *reason)
{
	if (a->reason == NULL)
		a->reason = reason;
	task_free(a->task);
	a->task = NULL;
	if (a->conn != NULL)
		conn_close(a->conn);
	act_end(a);
}

static void
act_task_ended(void *arg, const char *error, const char *traceback)
{
	struct act *a = arg;
	const char *ended = a->conn != NULL ? conn_ended(a->conn) : NULL;

	if (error != NULL)
		session_error(&a->session, error, traceback);
	act_finish(a, error != NULL ? "error" :
	    ended != NULL ? ended : "profile closed");
}

static void
act_tap(void *arg, enum conn_way way, const void *bytes, size_t n)
{
	struct act *a = arg;

	if (way == CONN_TO_SERVER)
		session_data(&a->session, SESSION_TO_SERVER, bytes, n, 0);
	else
		session_data(&a->session, SESSION_TO_CLIENT, bytes, n,
		    a->stream.command);
}

static void
act_wake(void *arg)
{
	struct act *a = arg;

	if (a->task != NULL)
		task_wake(a->task);
}

static void
act_closed(void *arg, const char *reason)
{
	struct act *a = arg;

	conn_free(a->conn);
	a->conn = a->stream.conn = NULL;
	if (a->reason == NULL && a->task == NULL)
		a->reason = reason;
	if (a->task != NULL)
		task_wake(a->task);
	else
		act_end(a);
}

/*
 * The lab's side of TLS, and a client that trusts everybody; made once, as
 * keys take their time. NULL, or what is wrong, which the caller frees.
 */
static char *
scene_make_tls(struct scene *s)
{
	char error[TLS_AUTHORITY_ERROR_SIZE];
	struct tls_options o = { .authority = s->folder };

	if (s->tls != NULL)
		return NULL;
	s->tls = tls_new(&o, error);
	if (s->tls == NULL)
		return xstrdup(error);
	s->client = SSL_CTX_new(TLS_client_method());
	if (s->client == NULL)
		fatal("no memory for TLS");
	return NULL;
}

void
act_play(struct act *a)
{
	struct scene *s = a->scene;

	session_profile(&a->session, s->profile->name);
	conn_open_tap(a->conn);
	a->task = task_new(s->engine, &a->session, act_task_ended, a);
	profile_push(s->profile, task_lua(a->task), "stream");
	stream_push(task_lua(a->task), &a->stream);
	task_start(a->task, 1);
}

/* Our handshake is over: the profile begins, or goes on. */
static void
act_our_tls(void *arg, const char *failure)
{
	struct act *a = arg;
	struct tls_info info;

	service_tls_event(&a->session, conn_tls(a->conn), failure);
	a->stream.tls = failure != NULL ? STREAM_TLS_FAILED : STREAM_SECURE;
	tls_info(conn_tls(a->conn), &info);
	if (a->sni == NULL && info.sni[0] != '\0')
		a->stream.sni = a->sni = xstrdup(info.sni);
	if (a->task != NULL)
		task_wake(a->task);
	else if (failure != NULL)
		act_finish(a, "TLS handshake failed");
	else
		act_play(a);
}

/* Our side of TLS: of the peer's hello, or conn:start_tls. */
static int
act_answer_tls(struct stream *stream, bool ask)
{
	struct act *a = (struct act *)((char *)stream -
	    offsetof(struct act, stream));
	char address[ADDR_TEXT_SIZE];

	if (scene_make_tls(a->scene) != NULL || conn_start_tls(a->conn,
	    a->scene->tls, a->name != NULL ? a->name :
	    addr_text(&a->session.dest, address), ask) < 0)
		return -1;
	a->stream.tls = STREAM_HANDSHAKE;
	return 0;
}

static void
act_far_event(struct bufferevent *bev A_UNUSED, short what, void *arg)
{
	struct act *a = arg;

	if (what & BEV_EVENT_CONNECTED)
		a->secured = true;
}

static const struct conn_callbacks act_callbacks = { .tap = act_tap,
	.readable = act_wake, .drained = act_wake, .closed = act_closed,
	.secured = act_our_tls };

void
act_free(struct act *a)
{
	task_free(a->task);
	a->task = NULL;
	conn_free(a->conn);
	a->conn = a->stream.conn = NULL;
	a->reason = a->reason != NULL ? a->reason : "stopped";
	act_end(a);
	bufferevent_free(a->far); /* with the wire under it */
	free(a->name);
	free(a->sni);
	free(a);
}

struct act *
act_new(struct scene *s, const struct addr *src, const struct addr *dest,
    const char *name)
{
	struct act *a = xcalloc(1, sizeof *a);
	struct bufferevent *pair[2];

	if (bufferevent_pair_new(s->base, BEV_OPT_DEFER_CALLBACKS, pair) < 0)
		fatal("no memory for a pair");
	a->scene = s;
	a->far = a->wire = pair[1];
	bufferevent_enable(a->far, EV_READ | EV_WRITE);
	a->name = name != NULL ? xstrdup(name) : NULL;
	a->conn = conn_new_over(s->base, pair[0], &act_callbacks, a);
	a->stream.conn = a->conn;
	a->stream.session = &a->session;
	a->stream.name = a->name;
	a->stream.start_tls = act_answer_tls;
	session_open(&a->session, s->run, IPPROTO_TCP, src, dest, a->name);
	return a;
}

char *
act_start_tls(struct act *a, const char *name, bool at_once)
{
	char *error = scene_make_tls(a->scene);
	SSL *ssl;

	if (error != NULL)
		return error;
	if (a->far != a->wire)
		return xstrdup("there is TLS already");
	if ((ssl = SSL_new(a->scene->client)) == NULL || (name != NULL &&
	    SSL_set_tlsext_host_name(ssl, name) != 1) || (a->far =
	    bufferevent_openssl_filter_new(a->scene->base, a->wire, ssl,
	    BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE |
	    BEV_OPT_DEFER_CALLBACKS)) == NULL)
		fatal("no memory for TLS");
	bufferevent_setcb(a->far, NULL, NULL, act_far_event, a);
	bufferevent_enable(a->far, EV_READ | EV_WRITE);
	if (at_once && act_answer_tls(&a->stream, false) < 0)
		return xstrdup("TLS can't begin");
	return NULL;
}

bool
act_secured(const struct act *a)
{
	return a->secured;
}

void
act_say(struct act *a, const void *bytes, size_t n)
{
	bufferevent_write(a->far, bytes, n);
}

void
act_hangup(struct act *a)
{
	if (a->far != a->wire)
		SSL_shutdown(bufferevent_openssl_get_ssl(a->far));
	bufferevent_flush(a->wire, EV_WRITE, BEV_FINISHED);
}

struct evbuffer *
act_heard(struct act *a)
{
	return bufferevent_get_input(a->far);
}

bool
act_over(const struct act *a)
{
	return a->over;
}

void
scene_clear(struct scene *s)
{
	if (s->tls != NULL)
		tls_free(s->tls);
	SSL_CTX_free(s->client);
}
