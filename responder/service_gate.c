/*
 * Policies in the order in which they stand, each as one rule or a few. The
 * addresses that a policy's name stands for are a set, which grows as DNS
 * hands them out: before the answer leaves, so the sample never comes first.
 */
#include <netinet/in.h>

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/jsonw.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "config.h"
#include "net/gate.h"
#include "net/names.h"
#include "record/journal.h"
#include "record/run.h"
#include "record/session.h"
#include "service_dns.h"
#include "service_gate.h"
#include "service_udp.h"
#include "visit.h"
#include "wire/frame.h"

/* SYNs remembered, so that one that is sent again is no new session. */
#define SERVICE_GATE_SYNS 4096
/* Two addresses with their ports, and the sequence number. */
#define SERVICE_GATE_KEY (2 * (16 + 2) + 4)

struct service_gate_syn {
	UT_hash_handle hh;
	uint8_t key[SERVICE_GATE_KEY];
};

struct service_gate {
	const struct house *house;
	struct service_udp *udp;
	struct gate *gate; /* NULL: the kernel can't be told */
	const char *why_not;
	struct service_gate_syn *syns; /* oldest first */
};

/* --- rules as text ----------------------------------------------------------- */

/* How many policies count: those behind the last that stops change nothing. */
static size_t
service_gate_length(const struct rules *r)
{
	size_t n = r->policy_count;

	while (n > 0 && r->policies[n - 1].action == POLICY_ACCEPT)
		n--;
	return n;
}

/* One rule: a policy for one protocol and one family of its name's set. */
static void
service_gate_rule(FILE *out, const struct policy *p, size_t index,
    uint8_t proto, const char *family)
{
	const struct addr_prefix *a = &p->address;
	char text[ADDR_TEXT_SIZE];

	fprintf(out, "add rule " GATE_TABLE " " GATE_CHAIN);
	if (a->addr.family != 0)
		fprintf(out, " %s daddr %s/%u",
		    a->addr.family == AF_INET ? "ip" : "ip6",
		    addr_text(&a->addr, text), a->bits);
	if (p->name != NULL)
		fprintf(out, " %s daddr @name%zu%s", family, index, family);
	fputs(proto == IPPROTO_TCP ?
	    " tcp flags & (fin|syn|rst|ack) == syn" : " meta l4proto udp", out);
	if (p->port_first != 0)
		fprintf(out, " %s dport %u-%u",
		    proto == IPPROTO_TCP ? "tcp" : "udp", p->port_first,
		    p->port_last);
	if (p->action == POLICY_ACCEPT)
		fputs(" counter return\n", out);
	else
		fprintf(out, " counter log prefix \"%s\" group %d snaplen 65535 "
		    "queue-threshold 1 %s\n",
		    p->action == POLICY_REFUSE ? GATE_SAYS_REFUSE :
		    GATE_SAYS_DROP, GATE_GROUP,
		    p->action == POLICY_REFUSE ? "goto " GATE_REFUSE : "drop");
}

char *
service_gate_commands(const struct rules *r)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	static const char *const families[] = { "ip", "ip6" };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		fatal("no memory for rules");
	for (size_t i = 0; i < service_gate_length(r); i++) {
		const struct policy *p = &r->policies[i];

		for (int f = 0; p->name != NULL && f < 2; f++)
			fprintf(out, "add set " GATE_TABLE " name%zu%s "
			    "{ type %s; }\nflush set " GATE_TABLE " name%zu%s\n",
			    i, families[f],
			    f == 0 ? "ipv4_addr" : "ipv6_addr", i, families[f]);
		for (int k = 0; k < 4; k++) {
			/* Only what names stand for has two families. */
			if ((p->proto == 0 || p->proto == protos[k % 2]) &&
			    (k < 2 || p->name != NULL))
				service_gate_rule(out, p, i, protos[k % 2],
				    families[k / 2]);
		}
	}
	fclose(out);
	return text;
}

/* A name was handed out: the sets that it belongs to, as commands. */
static void
service_gate_elements(FILE *out, const struct rules *r, const char *name,
    const struct addr *v4, const struct addr *v6)
{
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < service_gate_length(r); i++) {
		const struct policy *p = &r->policies[i];

		if (p->name == NULL || fnmatch(p->name, name, FNM_CASEFOLD) != 0)
			continue;
		if (v4 != NULL)
			fprintf(out, "add element " GATE_TABLE
			    " name%zuip { %s }\n", i, addr_text(v4, text));
		if (v6 != NULL)
			fprintf(out, "add element " GATE_TABLE
			    " name%zuip6 { %s }\n", i, addr_text(v6, text));
	}
}

struct service_gate_writer {
	FILE *out;
	const struct rules *rules;
};

static void
service_gate_each(void *arg, const char *name, const struct addr *v4,
    const struct addr *v6)
{
	struct service_gate_writer *w = arg;

	service_gate_elements(w->out, w->rules, name, v4, v6);
}

/* --- what the kernel is told ------------------------------------------------- */

static void
service_gate_named(void *arg, const char *name, const struct addr *v4,
    const struct addr *v6)
{
	struct service_gate *s = arg;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		fatal("no memory for rules");
	service_gate_elements(out, &s->house->config->rules, name, v4, v6);
	fclose(out);
	if (size > 0 && gate_run(s->gate, text) < 0)
		log_warn("policies for %s act after the handshake", name);
	free(text);
}

/* Policies that stop act late, and the journal says so. */
static void
service_gate_excuse(const struct service_gate *s)
{
	struct jsonw *w;

	log_warn("policies refuse and drop only after the handshake: %s",
	    s->why_not);
	w = journal_begin(s->house->run->journal, "note");
	jsonw_object(w, "note");
	jsonw_string(w, "kind", "policies");
	jsonw_string(w, "act", "after the handshake");
	jsonw_string(w, "why", s->why_not);
	jsonw_object_end(w);
	journal_end(s->house->run->journal);
}

void
service_gate_reload(struct service_gate *s)
{
	const struct rules *r = &s->house->config->rules;
	char *text = service_gate_commands(r), *elements = NULL;
	size_t size;

	if (s->gate != NULL && gate_load(s->gate, text) < 0) {
		/* All or nothing: the old rules are no longer meant. */
		gate_free(s->gate);
		s->gate = NULL;
		s->why_not = "nftables refuses our rules";
	}
	if (s->gate == NULL) {
		if (*text != '\0')
			service_gate_excuse(s);
		free(text);
		service_dns_watch(s->house->dns, NULL, NULL);
		return;
	}
	struct service_gate_writer w = { open_memstream(&elements, &size), r };

	if (w.out == NULL)
		fatal("no memory for rules");
	service_dns_names(s->house->dns, service_gate_each, &w);
	fclose(w.out);
	if (size > 0 && gate_run(s->gate, elements) < 0)
		log_warn("policies by name act after the handshake");
	free(elements);
	service_dns_watch(s->house->dns, *text != '\0' ? service_gate_named :
	    NULL, s);
	free(text);
}

/* --- what the kernel tells ---------------------------------------------------- */

/* True if this very SYN came before; remembers it. */
static bool
service_gate_known(struct service_gate *s, const struct frame *f)
{
	uint8_t key[SERVICE_GATE_KEY];
	struct service_gate_syn *syn;

	memcpy(key, f->src.bytes, 16);
	memcpy(key + 16, f->dst.bytes, 16);
	memcpy(key + 32, &f->src.port, 2);
	memcpy(key + 34, &f->dst.port, 2);
	memcpy(key + 36, &f->tcp_seq, 4);
	HASH_FIND(hh, s->syns, key, sizeof key, syn);
	if (syn != NULL)
		return true;
	if (HASH_COUNT(s->syns) >= SERVICE_GATE_SYNS) {
		syn = s->syns;
		HASH_DEL(s->syns, syn);
	} else {
		syn = xcalloc(1, sizeof *syn);
	}
	memcpy(syn->key, key, sizeof key);
	HASH_ADD(hh, s->syns, key, sizeof syn->key, syn);
	return false;
}

static void
service_gate_stopped(void *arg, const struct frame *f, enum gate_reason why)
{
	static const char *const reasons[] = { [GATE_REFUSED] = POLICY_REFUSED,
		[GATE_DROPPED] = POLICY_DROPPED,
		[GATE_FORGED] = "forged source" };
	struct service_gate *s = arg;
	const char *reason = reasons[why];
	struct session session = { 0 };

	if (f->proto == IPPROTO_UDP) {
		service_udp_stopped(s->udp, &f->src, &f->dst, f->payload,
		    f->payload_size, reason);
		return;
	}
	if (service_gate_known(s, f))
		return;
	session_open(&session, s->house->run, IPPROTO_TCP, &f->src, &f->dst,
	    service_dns_name(s->house->dns, &f->dst));
	session_close(&session, reason);
}

struct service_gate *
service_gate_new(const struct house *house, struct service_udp *udp,
    bool transparent)
{
	struct service_gate *s = xcalloc(1, sizeof *s);

	s->house = house;
	s->udp = udp;
	if (transparent)
		s->gate = gate_new(house->base, service_gate_stopped, s,
		    &s->why_not);
	else
		s->why_not = "we listen on plain sockets";
	service_gate_reload(s);
	return s;
}

void
service_gate_free(struct service_gate *s)
{
	struct service_gate_syn *syn, *next;

	if (s == NULL)
		return;
	gate_free(s->gate);
	HASH_ITER(hh, s->syns, syn, next) {
		HASH_DEL(s->syns, syn);
		free(syn);
	}
	free(s);
}
