/*
 * The owner: it opens everything in order, joins the pieces, and takes it
 * down again. What sessions do is in visit.c and service_udp.c.
 */
#include <netinet/in.h>

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "config.h"
#include "control.h"
#include "house.h"
#include "net/listener.h"
#include "net/neighbours.h"
#include "net/tls.h"
#include "record/device_link.h"
#include "record/run.h"
#include "script/engine.h"
#include "script/profiles.h"
#include "selftest.h"
#include "service.h"
#include "service_dhcp.h"
#include "service_dns.h"
#include "service_gate.h"
#include "service_udp.h"
#include "visits.h"
#include "wire/dns.h"

struct service {
	struct house house;
	struct service_options options;
	struct device_link *device;
	struct engine_host host;
	struct listener *listeners[CONFIG_LISTEN];
	struct visits *visits;
	struct service_udp *udp;
	struct service_dhcp *dhcp;
	struct service_gate *gate;
	struct neighbours *neighbours; /* NULL without a lab */
	struct event *tick;
	struct selftest *selftest; /* until we are ready */
	struct control *control;
	char *finished; /* why, once a profile said so */
	bool told;	/* that it finished */
};

static const char *
service_name_of(void *arg, const struct addr *a)
{
	struct service *s = arg;

	return service_dns_name(s->house.dns, a);
}

static void
service_accepted(void *arg, evutil_socket_t fd, const struct addr *src,
    const struct addr *dest)
{
	struct service *s = arg;

	if (!selftest_accept(s->selftest, fd, src))
		visits_accept(s->visits, fd, src, dest);
}

/* A query at the name server's port, unless a policy says who plays there. */
static bool
service_datagram_is_dns(const struct service *s,
    const struct listener_path *path, const void *bytes, size_t n)
{
	const struct config *c = s->house.config;
	const struct policy *p;

	if (path->dest.port != c->dns_port || !dns_is_query(bytes, n))
		return false;
	p = rules_policy(&c->rules, IPPROTO_UDP, &path->dest,
	    service_dns_name(s->house.dns, &path->dest));
	return p == NULL || p->profile == NULL;
}

static void
service_datagram(void *arg, const struct listener_path *path,
    const void *bytes, size_t n)
{
	struct service *s = arg;

	if (selftest_datagram(s->selftest, path, bytes, n))
		return;
	if (service_datagram_is_dns(s, path, bytes, n))
		service_dns_datagram(s->house.dns, path, bytes, n);
	else if (path->dest.port != DHCP_SERVER_PORT ||
	    !service_dhcp_datagram(s->dhcp, path, bytes, n))
		service_udp_input(s->udp, path, bytes, n);
}

static const struct listener_callbacks service_callbacks = {
	service_accepted, service_datagram };

/* The run has finished, unless somebody has the floor. */
static void
service_tell_finished(struct service *s)
{
	if (s->finished == NULL || s->told || control_held(s->control))
		return;
	s->told = true;
	log_info("finished: %s", s->finished);
	run_state(s->house.run, "finished", s->finished);
	device_link_finished(s->device, s->finished);
}

/* responder.finished: the first word counts. */
static void
service_finished(void *arg, const char *reason)
{
	struct service *s = arg;

	if (s->finished == NULL)
		s->finished = xstrdup(reason);
	service_tell_finished(s);
}

/* An attacher takes the floor, or all have given it back. */
static void
service_held(void *arg, bool held)
{
	struct service *s = arg;

	run_state(s->house.run, held ? "held" : "resumed", "attach");
	service_tell_finished(s);
}

/* responder.held of profiles. */
static bool
service_is_held(void *arg)
{
	struct service *s = arg;

	return control_held(s->control);
}

static void
service_device_event(void *arg, const json_t *event)
{
	struct service *s = arg;

	if (s->control != NULL)
		control_device(s->control, event);
	if (s->house.engine != NULL)
		engine_tell_device(s->house.engine, event);
}

static const char *
service_option(void *arg, const char *key)
{
	struct service *s = arg;

	return config_option(s->house.config, key);
}

/* dns.answer of profiles: as over TCP, in the session of whoever asks. */
static size_t
service_answer(void *arg, struct session *session, const void *query,
    size_t n, void *out, size_t size)
{
	struct service *s = arg;

	return size < SERVICE_DNS_SIZE ? 0 :
	    service_dns_answer(s->house.dns, session, query, n, out);
}

/* Once a second: listeners that had to pause try again. */
static void
service_tick(evutil_socket_t fd A_UNUSED, short what A_UNUSED, void *arg)
{
	struct service *s = arg;

	for (size_t i = 0; i < CONFIG_LISTEN && s->listeners[i] != NULL; i++)
		listener_resume(s->listeners[i]);
}

static int
service_listen(struct service *s)
{
	struct timeval second = { 1, 0 };

	for (size_t i = 0; i < s->house.config->listen_count; i++) {
		s->listeners[i] = listener_new(s->house.base, &s->house.config->listen[i],
		    &service_callbacks, s);
		if (s->listeners[i] == NULL)
			return -1;
	}
	s->tick = event_new(s->house.base, -1, EV_PERSIST, service_tick, s);
	if (s->tick == NULL)
		fatal("no memory for a timer");
	event_add(s->tick, &second);
	return 0;
}

/* What profiles reach through the engine. */
static void
service_open_host(struct service *s)
{
	const struct config *c = s->house.config;

	s->host.run = s->house.run;
	s->host.device = s->device;
	s->host.targets = &c->targets;
	if (addr_prefix_nth(&c->pool4, 1, &s->host.target4) < 0 ||
	    addr_prefix_nth(&c->pool6, 1, &s->host.target6) < 0)
		fatal("the pools have no room for a target");
	s->host.name_of = service_name_of;
	s->host.dns_answer = service_answer;
	s->host.option = service_option;
	s->host.finished = service_finished;
	s->host.held = service_is_held;
	s->host.arg = s;
}

/* TLS with the run's key log; without it no hello could be answered. */
static int
service_open_tls(struct service *s, const struct service_options *o)
{
	char error[TLS_AUTHORITY_ERROR_SIZE];
	char *key_log = xasprintf("%s/tls.keys", o->run);
	struct tls_options options = { o->authority, key_log };

	s->house.tls = tls_new(&options, error);
	free(key_log);
	if (s->house.tls == NULL)
		log_error("TLS: %s (--set tls=0 does without)", error);
	return s->house.tls != NULL ? 0 : -1;
}

/* For `kagemusha attach`. A run without it is still a run. */
static void
service_open_control(struct service *s)
{
	struct control_host host = { s->visits, s->house.run->journal,
		s->options.run, service_held, s };
	char *path = xasprintf("%s/attach.sock", s->options.run);

	s->control = control_new(s->house.base, path, &host);
	free(path);
}

/* The self-test has come to its end. */
static void
service_tested(void *arg, const char *failed)
{
	struct service *s = arg;

	selftest_free(s->selftest);
	s->selftest = NULL;
	if (failed == NULL)
		run_state(s->house.run, "ready", NULL);
	s->options.tested(s->options.arg, failed);
}

static void
service_test(struct service *s)
{
	struct addr addrs[CONFIG_LISTEN];
	size_t n = 0;

	for (; n < CONFIG_LISTEN && s->listeners[n] != NULL; n++)
		addrs[n] = *listener_addr(s->listeners[n]);
	s->selftest = selftest_new(s->house.base, addrs, n, service_tested, s);
}

struct service *
service_new(struct event_base *base, struct config *c,
    const struct service_options *o)
{
	struct service *s = xcalloc(1, sizeof *s);

	s->house.base = base;
	s->house.config = c;
	s->options = *o;
	if ((s->house.run = run_open(base, o->run, &c->run)) == NULL)
		goto fail;
	run_state(s->house.run, "started", NULL);
	s->device = device_link_new(base, o->device_socket,
	    service_device_event, s);
	if (s->device == NULL)
		goto fail;
	s->house.dns = service_dns_new(&s->house);
	if (c->tls != 0 && service_open_tls(s, o) < 0)
		goto fail;
	service_dns_reload(s->house.dns);
	service_open_host(s);
	s->house.engine = engine_new(base, o->profiles, &c->engine, &s->host);
	s->house.profiles = profiles_load(s->house.engine, o->profiles,
	    c->profiles, c->profile_count);
	if (s->house.profiles == NULL ||
	    rules_check_profiles(&c->rules, s->house.profiles) > 0)
		goto fail;
	s->visits = visits_new(&s->house);
	s->udp = service_udp_new(&s->house, &s->host);
	s->dhcp = service_dhcp_new(base, c, s->house.run);
	if (service_listen(s) < 0)
		goto fail;
	s->gate = service_gate_new(&s->house, s->udp, c->listen[0].transparent);
	if (c->listen[0].transparent)
		s->neighbours = neighbours_new(base, &c->lan6);
	service_open_control(s);
	service_test(s);
	return s;
fail:
	service_free(s);
	return NULL;
}

int
service_reload(struct service *s, struct config *fresh)
{
	struct profiles *ps = profiles_load(s->house.engine,
	    s->options.profiles, fresh->profiles, fresh->profile_count);

	if (ps == NULL)
		return -1;
	if (profiles_broken(ps) > 0 ||
	    rules_check_profiles(&fresh->rules, ps) > 0) {
		profiles_free(ps);
		return -1;
	}
	config_adopt(s->house.config, fresh);
	profiles_free(s->house.profiles);
	s->house.profiles = ps;
	service_dns_reload(s->house.dns);
	service_gate_reload(s->gate);
	run_state(s->house.run, "reloaded", NULL);
	return 0;
}

void
service_free(struct service *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < CONFIG_LISTEN; i++)
		listener_free(s->listeners[i]);
	selftest_free(s->selftest);
	service_gate_free(s->gate);
	neighbours_free(s->neighbours);
	visits_free(s->visits);
	service_udp_free(s->udp);
	service_dhcp_free(s->dhcp);
	service_dns_free(s->house.dns);
	if (s->tick != NULL)
		event_free(s->tick);
	if (s->house.tls != NULL)
		tls_free(s->house.tls);
	profiles_free(s->house.profiles);
	engine_free(s->house.engine);
	device_link_free(s->device);
	if (s->house.run != NULL)
		run_state(s->house.run, "stopped", NULL);
	control_free(s->control);
	run_close(s->house.run);
	free(s->finished);
	free(s);
}

const struct addr *
service_addr(const struct service *s, size_t n)
{
	return n < CONFIG_LISTEN && s->listeners[n] != NULL ?
	    listener_addr(s->listeners[n]) : NULL;
}
