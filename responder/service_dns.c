/*
 * DNS: net/dns answers, this writes it down.
 */
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "base/jsonw.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "config.h"
#include "house.h"
#include "net/conn.h"
#include "net/dns.h"
#include "net/listener.h"
#include "net/names.h"
#include "record/journal.h"
#include "record/run.h"
#include "record/session.h"
#include "script/profiles.h"
#include "script/resolve.h"
#include "service_dns.h"

struct service_dns {
	const struct house *house;
	bool asking; /* a profile: it may not ask us in turn */
	struct names *names;
	struct dns *dns;
	uint8_t *out; /* for datagrams */
};

/* Writes the `dns` event, with the keys of its session if it has one. */
static void
service_dns_answered(void *arg, const struct dns_event *event)
{
	struct service_dns *s = arg;
	struct session *session = event->from->session;

	if (session != NULL) {
		dns_event_json(event, session_event(session, "dns"));
		session_event_end(session);
		return;
	}
	size_t n;
	char *keys = session_keys(0, event->from->proto, &event->from->src,
	    &event->from->dest, names_of(s->names, &event->from->dest), &n);
	struct jsonw *w = journal_begin(s->house->run->journal, "dns");

	jsonw_raw(w, NULL, keys, n);
	dns_event_json(event, w);
	journal_end(s->house->run->journal);
	free(keys);
}

/* A profile's resolve has failed: the usual answer is given. */
static void
service_dns_error(struct service_dns *s, const struct dns_question *q,
    const char *message)
{
	struct journal *j = s->house->run->journal;
	size_t n;
	char *keys = session_keys(0, q->from->proto, &q->from->src,
	    &q->from->dest, NULL, &n);
	struct jsonw *w = journal_begin(j, "error");

	jsonw_raw(w, NULL, keys, n);
	jsonw_object(w, "error");
	jsonw_string(w, "message", message);
	jsonw_object_end(w);
	journal_end(j);
	free(keys);
}

/* The first profile that knows the name decides. */
static bool
service_dns_resolve(void *arg, const struct dns_question *q,
    struct dns_reply *reply)
{
	struct service_dns *s = arg;
	struct profiles *ps = s->house->profiles;
	int known = 0;

	if (ps == NULL || s->asking)
		return false;
	s->asking = true;
	for (size_t i = 0; i < profiles_count(ps) && known == 0; i++) {
		struct profile *p = profiles_nth(ps, i);
		char *error = NULL;

		if (!p->has_resolve)
			continue;
		if ((known = resolve_ask(p, q, reply, &error)) < 0)
			service_dns_error(s, q, error);
		free(error);
	}
	s->asking = false;
	return known > 0;
}

static const struct dns_callbacks service_dns_callbacks = {
	service_dns_answered, service_dns_resolve };

struct service_dns *
service_dns_new(const struct house *house)
{
	const struct config *c = house->config;
	struct service_dns *s = xcalloc(1, sizeof *s);

	s->house = house;
	s->names = names_new(&c->pool4, &c->pool6);
	s->dns = dns_new(s->names, &service_dns_callbacks, s);
	s->out = xmalloc(SERVICE_DNS_SIZE);
	return s;
}

void
service_dns_reload(struct service_dns *s)
{
	dns_set_ttl(s->dns, (uint32_t)s->house->config->dns_ttl);
	rules_install_dns(&s->house->config->rules, dns_rules(s->dns));
}

void
service_dns_free(struct service_dns *s)
{
	if (s == NULL)
		return;
	dns_free(s->dns);
	names_free(s->names);
	free(s->out);
	free(s);
}

const char *
service_dns_name(const struct service_dns *s, const struct addr *a)
{
	return names_of(s->names, a);
}

void
service_dns_watch(struct service_dns *s, names_told *told, void *arg)
{
	names_watch(s->names, told, arg);
}

void
service_dns_names(const struct service_dns *s, names_told *told, void *arg)
{
	names_each(s->names, told, arg);
}

void
service_dns_datagram(struct service_dns *s, const struct listener_path *path,
    const void *query, size_t n)
{
	struct dns_query_info from = { .proto = IPPROTO_UDP, .src = path->src,
		.dest = path->dest };

	n = dns_answer(s->dns, &from, query, n, s->out, SERVICE_DNS_SIZE);
	if (n > 0 && listener_reply(path, s->out, n) < 0)
		log_debug("a DNS answer could not be sent: %s",
		    strerror(errno));
}

size_t
service_dns_answer(struct service_dns *s, struct session *session,
    const void *query, size_t n, void *out)
{
	struct dns_query_info from = { .proto = IPPROTO_TCP,
		.src = session->src, .dest = session->dest,
		.session = session };

	return dns_answer(s->dns, &from, query, n, out, SERVICE_DNS_SIZE);
}

void
service_dns_stream(struct service_dns *s, struct session *session,
    struct conn *conn)
{
	static uint8_t out[2 + SERVICE_DNS_SIZE];
	uint8_t head[2];

	while (conn_length(conn) >= 2) {
		conn_peek(conn, head, 2);
		size_t n = (size_t)head[0] << 8 | head[1];
		const uint8_t *message;

		if (conn_length(conn) < 2 + n)
			break;
		message = evbuffer_pullup(conn_input(conn),
		    (ev_ssize_t)(2 + n));
		if (message == NULL)
			fatal("no memory for a DNS message");
		size_t size = service_dns_answer(s, session, message + 2, n,
		    out + 2);

		conn_drain(conn, 2 + n);
		out[0] = (uint8_t)(size >> 8);
		out[1] = (uint8_t)size;
		if (size > 0 && conn_send(conn, out, 2 + size) < 0)
			break;
	}
}
