/*
 * Datagrams to ports that aren't DNS. A flow's profile is chosen at its first
 * datagram; each datagram is a task of its own.
 */
#include <netinet/in.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "config.h"
#include "house.h"
#include "net/udp.h"
#include "record/session.h"
#include "script/dgram.h"
#include "script/engine.h"
#include "script/profiles.h"
#include "script/task.h"
#include "service_udp.h"

/* Datagrams of one flow that profiles work on at once; more are only kept. */
#define PARCEL_MAX 64

/* One datagram that a profile works on. */
struct parcel {
	TAILQ_ENTRY(parcel) entry;
	struct exchange *exchange;
	struct packet packet;
	struct task *task;
};

/* One flow. */
struct exchange {
	struct service_udp *service;
	struct session session;
	struct profile *profile;
	const char *name;
	TAILQ_HEAD(, parcel) parcels;
	size_t parcel_count;
	bool chosen;
	const char *reason; /* why it ends, if a policy stopped it; a constant */
};

struct service_udp {
	const struct house *house;
	const struct engine_host *host;
	struct udp *udp;
	const char *stopped; /* the datagram at hand: by whom; or NULL */
};

static void
parcel_free(struct parcel *p)
{
	packet_detach(&p->packet);
	task_free(p->task);
	TAILQ_REMOVE(&p->exchange->parcels, p, entry);
	p->exchange->parcel_count--;
	free(p);
}

static void
parcel_ended(void *arg, const char *error, const char *traceback)
{
	struct parcel *p = arg;

	if (error != NULL)
		session_error(&p->exchange->session, error, traceback);
	parcel_free(p);
}

static void *
exchange_opened(void *arg, struct udp_flow *f)
{
	struct service_udp *s = arg;
	struct exchange *x = xcalloc(1, sizeof *x);
	const struct listener_path *path = udp_flow_path(f);

	x->service = s;
	x->name = s->host->name_of(s->host->arg, &path->dest);
	TAILQ_INIT(&x->parcels);
	session_open(&x->session, s->house->run, IPPROTO_UDP, &path->src, &path->dest,
	    x->name);
	return x;
}

/* What a policy has for a flow; true if that settles who plays. */
static bool
exchange_obey(struct exchange *x)
{
	const struct house *h = x->service->house;
	const struct policy *p = rules_policy(&h->config->rules, IPPROTO_UDP,
	    &x->session.dest, x->name);
	struct profile *forced;

	if (p == NULL)
		return false;
	if (p->action != POLICY_ACCEPT) {
		x->reason = p->action == POLICY_REFUSE ? POLICY_REFUSED :
		    POLICY_DROPPED;
		return true;
	}
	forced = p->profile != NULL ? profiles_find(h->profiles, p->profile) :
	    NULL;
	if (forced == NULL || !forced->has_datagram)
		return false;
	x->profile = profile_hold(forced);
	session_profile(&x->session, x->profile->name);
	return true;
}

/* Chooses who plays the flow, by its first datagram. */
static void
exchange_choose(struct exchange *x, const void *bytes, size_t n)
{
	struct profiles_choice c;
	struct profile_dest dest = { x->session.dest, x->name, "udp" };

	x->chosen = true;
	if (exchange_obey(x))
		return;
	profiles_choose(x->service->house->profiles, PROFILE_UDP, bytes, n, &dest, &c);
	if (c.error != NULL)
		session_error(&x->session, c.error, NULL);
	free(c.error);
	if (c.profile == NULL)
		return;
	struct jsonw *w = session_event(&x->session, "note");

	jsonw_object(w, "note");
	jsonw_string(w, "kind", "detect");
	jsonw_string(w, "by", c.by);
	jsonw_string(w, "profile", c.profile->name);
	jsonw_int(w, "score", c.score);
	jsonw_object_end(w);
	session_event_end(&x->session);
	x->profile = profile_hold(c.profile);
	session_profile(&x->session, x->profile->name);
}

static void
exchange_datagram(void *arg, struct udp_flow *f, const void *bytes, size_t n)
{
	struct service_udp *s = arg;
	struct exchange *x = udp_flow_arg(f);
	struct parcel *p;

	session_data(&x->session, SESSION_TO_SERVER, bytes, n, 0);
	if (s->stopped != NULL) {
		x->chosen = true;
		x->reason = s->stopped;
		return;
	}
	if (!x->chosen)
		exchange_choose(x, bytes, n);
	if (x->profile == NULL || x->parcel_count >= PARCEL_MAX)
		return;
	p = xcalloc(1, sizeof *p);
	p->exchange = x;
	p->packet.flow = f;
	p->packet.session = &x->session;
	p->packet.name = x->name;
	TAILQ_INSERT_TAIL(&x->parcels, p, entry);
	x->parcel_count++;
	p->task = task_new(s->house->engine, &x->session, parcel_ended, p);
	profile_push(x->profile, task_lua(p->task), "datagram");
	packet_push(task_lua(p->task), &p->packet, bytes, n);
	task_start(p->task, 1);
}

static void
exchange_ended(void *arg A_UNUSED, struct udp_flow *f, const char *reason)
{
	struct exchange *x = udp_flow_arg(f);

	while (!TAILQ_EMPTY(&x->parcels))
		parcel_free(TAILQ_FIRST(&x->parcels));
	session_close(&x->session, x->reason != NULL ? x->reason : reason);
	profile_release(x->profile);
	free(x);
}

static const struct udp_callbacks exchange_callbacks = { exchange_opened,
	exchange_datagram, exchange_ended };

struct service_udp *
service_udp_new(const struct house *house, const struct engine_host *host)
{
	struct service_udp *s = xcalloc(1, sizeof *s);

	s->house = house;
	s->host = host;
	s->udp = udp_new(house->base, (unsigned)house->config->udp_idle,
	    (unsigned)house->config->udp_flows,
	    &exchange_callbacks, s);
	return s;
}

void
service_udp_free(struct service_udp *s)
{
	if (s == NULL)
		return;
	udp_free(s->udp);
	free(s);
}

void
service_udp_input(struct service_udp *s, const struct listener_path *path,
    const void *bytes, size_t n)
{
	udp_input(s->udp, path, bytes, n);
}

void
service_udp_stopped(struct service_udp *s, const struct addr *src,
    const struct addr *dest, const void *bytes, size_t n, const char *reason)
{
	struct listener_path path = { .src = *src, .dest = *dest };

	s->stopped = reason;
	udp_input(s->udp, &path, bytes, n);
	s->stopped = NULL;
}
