/*
 * Flows are found by an ordered key, the same for both directions. Each lies
 * in one list per kind of timeout, longest silent first, so that ending idle
 * ones costs nothing for the rest; and in the dirty list while an interim
 * line is owed for it.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "record/community_id.h"
#include "record/flow_table.h"

#define FLOWS_FRAGMENTS 1024 /* power of two */
#define FLOWS_NAME_MAX 255

const struct flows_limits flows_defaults = {
	.flows = 65536,
	.per_destination = 4096,
	.destinations = 4096,
	.names = 65536,
	.interim = 1000,
};

/* After how many silent seconds a flow of each class ends. */
static const int64_t flows_timeout[FLOWS_CLASSES] = { 2, 60, 300 };

struct flows *
flows_new(const struct flows_limits *limits, flows_line_cb line, void *arg)
{
	struct flows *f = xcalloc(1, sizeof *f);

	f->limits = *limits;
	f->line = line;
	f->arg = arg;
	for (int i = 0; i < FLOWS_CLASSES; i++)
		TAILQ_INIT(&f->ages[i]);
	TAILQ_INIT(&f->dirt);
	f->fragments = xcalloc(FLOWS_FRAGMENTS, sizeof *f->fragments);
	return f;
}

void
flows_free(struct flows *f)
{
	struct flow *flow, *flow_next;
	struct flow_dest *dest, *dest_next;
	struct flow_name *name, *name_next;

	HASH_ITER (hh, f->table, flow, flow_next) {
		HASH_DEL(f->table, flow);
		free(flow);
	}
	HASH_ITER (hh, f->dests, dest, dest_next) {
		HASH_DEL(f->dests, dest);
		free(dest);
	}
	HASH_ITER (hh, f->names, name, name_next) {
		HASH_DEL(f->names, name);
		free(name);
	}
	jsonw_free(&f->json);
	free(f->fragments);
	free(f);
}

static bool
flow_side_first(const struct addr *a, const struct addr *b)
{
	int order = memcmp(a->bytes, b->bytes, 16);

	return order < 0 || (order == 0 && a->port <= b->port);
}

/* The key, equal for both directions where the protocol has two. */
static struct flow_key
flow_key(const struct frame *fr)
{
	struct addr a = fr->src, b = fr->dst;
	struct flow_key key;

	memset(&key, 0, sizeof key);
	key.family = a.family;
	key.proto = fr->proto;
	if (!fr->ports)
		a.port = b.port = 0;
	else if (fr->proto == IPPROTO_ICMP || fr->proto == IPPROTO_ICMPV6) {
		int pair = community_id_icmp_pair(fr->proto, (uint8_t)a.port);

		if (pair < 0)
			key.one_way = 1;
		else
			a.port = b.port = a.port < pair ? a.port
							: (uint16_t)pair;
	}
	bool first = key.one_way || flow_side_first(&a, &b);
	memcpy(key.bytes[0], first ? a.bytes : b.bytes, 16);
	memcpy(key.bytes[1], first ? b.bytes : a.bytes, 16);
	key.port[0] = first ? a.port : b.port;
	key.port[1] = first ? b.port : a.port;
	return key;
}

static void
flow_classify(struct flows *f, struct flow *flow, enum flows_class class)
{
	TAILQ_REMOVE(&f->ages[flow->class], flow, by_age);
	flow->class = class;
	TAILQ_INSERT_TAIL(&f->ages[class], flow, by_age);
}

/* Writes a flow's last line and takes it out of the table. */
static void
flow_end(struct flows *f, struct flow *flow, const char *state)
{
	flow_write(f, flow, state);
	flow->dest->flows--;
	if (flow->dest->flows == 0 && flow->dest->id == 0) {
		HASH_DEL(f->dests, flow->dest);
		free(flow->dest);
	}
	if (flow->dirty)
		TAILQ_REMOVE(&f->dirt, flow, by_dirt);
	TAILQ_REMOVE(&f->ages[flow->class], flow, by_age);
	HASH_DEL(f->table, flow);
	free(flow);
}

/* True if this frame opens a new connection over an old one's ports. */
static bool
flow_reopened(const struct flow *flow, const struct frame *fr)
{
	if (fr->proto != IPPROTO_TCP ||
	    (fr->tcp_flags & (FRAME_SYN | FRAME_ACK)) != FRAME_SYN)
		return false;
	return flow->class == FLOWS_CLOSED ||
	    (flow->n.to_client.packets != 0 && fr->tcp_seq != flow->isn);
}

/* Notes FIN and RST; a closed flow stays for what is still under way. */
static enum flows_class
flow_class_after(struct flow *flow, const struct frame *fr, bool to_server)
{
	if (flow->proto != IPPROTO_TCP)
		return FLOWS_DATAGRAM;
	if (fr->tcp_flags & FRAME_FIN) {
		flow->fin_server |= to_server;
		flow->fin_client |= !to_server;
	}
	if (flow->class == FLOWS_CLOSED || (fr->tcp_flags & FRAME_RST) ||
	    (flow->fin_server && flow->fin_client))
		return FLOWS_CLOSED;
	return FLOWS_TCP;
}

static void
flow_count(struct flows *f, struct flow *flow, int64_t wall,
    const struct frame *fr, uint32_t length)
{
	bool to_server = flow->proto == IPPROTO_TCP ||
		flow->proto == IPPROTO_UDP
	    ? addr_equal(&fr->src, &flow->src)
	    : addr_same_host(&fr->src, &flow->src);

	flow_numbers_add(&flow->n, wall, fr, length, to_server);
	flow->fragments |= fr->fragment;
	flow_classify(f, flow, flow_class_after(flow, fr, to_server));
	if (!flow->dirty) {
		flow->dirty = true;
		TAILQ_INSERT_TAIL(&f->dirt, flow, by_dirt);
	}
}

/* Finds or makes the counters of a destination; NULL: no room for more. */
static struct flow_dest *
flows_dest(struct flows *f, uint8_t proto, const struct addr *a)
{
	struct dest_key key = dest_key(proto, a);
	struct flow_dest *d;

	HASH_FIND(hh, f->dests, &key, sizeof key, d);
	if (d != NULL)
		return d;
	if (HASH_COUNT(f->dests) >= f->limits.destinations &&
	    HASH_COUNT(f->table) >= f->limits.flows)
		return NULL;
	d = xcalloc(1, sizeof *d);
	d->key = key;
	d->addr = *a;
	HASH_ADD(hh, f->dests, key, sizeof d->key, d);
	return d;
}

/* Starts a flow that this frame is the first of. */
static struct flow *
flow_start(struct flows *f, const struct flow_key *key, struct flow_dest *d,
    int64_t wall, const struct frame *fr, bool swap)
{
	struct flow *flow = xcalloc(1, sizeof *flow);

	flow->key = *key;
	flow->id = ++f->last_id;
	flow->proto = fr->proto;
	flow->src = swap ? fr->dst : fr->src;
	flow->dst = swap ? fr->src : fr->dst;
	flow->ports = fr->ports;
	flow->isn = fr->tcp_seq;
	flow->class = fr->proto == IPPROTO_TCP ? FLOWS_TCP : FLOWS_DATAGRAM;
	flow->interim = wall + FLOW_SECOND;
	flow->dest = d;
	d->flows++;
	flow_numbers_start(&flow->n, wall);
	HASH_ADD(hh, f->table, key, sizeof flow->key, flow);
	TAILQ_INSERT_TAIL(&f->ages[flow->class], flow, by_age);
	f->counts.flows++;
	return flow;
}

/* Counts a frame that has no room in the table. */
static void
dest_count(struct flows *f, struct flow_dest *d, int64_t wall,
    const struct frame *fr, uint32_t length, bool to_server)
{
	if (d->id == 0) {
		d->id = ++f->last_id;
		flow_numbers_start(&d->n, wall);
	}
	flow_numbers_add(&d->n, wall, fr, length, to_server);
	f->counts.aggregated++;
}

/* A frame of no flow yet: starts one, or counts it with its destination. */
static void
flows_unknown(struct flows *f, const struct flow_key *key, int64_t wall,
    const struct frame *fr, uint32_t length)
{
	struct dest_key back = dest_key(fr->proto, &fr->src);
	struct flow_dest *d;
	bool swap = fr->proto == IPPROTO_TCP &&
	    (fr->tcp_flags & (FRAME_SYN | FRAME_ACK)) ==
		(FRAME_SYN | FRAME_ACK);

	/* An answer to something that was counted together. */
	HASH_FIND(hh, f->dests, &back, sizeof back, d);
	if (d != NULL && d->id != 0) {
		dest_count(f, d, wall, fr, length, false);
		return;
	}
	d = flows_dest(f, fr->proto, swap ? &fr->src : &fr->dst);
	if (d == NULL)
		dest_count(f, &f->rest, wall, fr, length, true);
	else if (HASH_COUNT(f->table) >= f->limits.flows ||
	    d->flows >= f->limits.per_destination)
		dest_count(f, d, wall, fr, length, !swap);
	else
		flow_count(f, flow_start(f, key, d, wall, fr, swap), wall, fr,
		    length);
}

/* Gives a later fragment the ports that its first one had. */
static void
flows_defragment(struct flows *f, struct frame *fr)
{
	struct dest_key src = dest_key(fr->proto, &fr->src);
	struct dest_key dst = dest_key(fr->proto, &fr->dst);
	uint32_t h = fr->fragment_id * 2654435761u ^
	    (uint32_t)fr->src.bytes[3] << 3 ^ fr->dst.bytes[3];
	struct flow_fragment *slot = &f->fragments[h & (FLOWS_FRAGMENTS - 1)];

	if (fr->first && fr->ports) {
		*slot = (struct flow_fragment){ src, dst, fr->fragment_id,
			fr->src.port, fr->dst.port };
	} else if (!fr->first && slot->id == fr->fragment_id &&
	    memcmp(&slot->src, &src, sizeof src) == 0 &&
	    memcmp(&slot->dst, &dst, sizeof dst) == 0) {
		fr->ports = true;
		fr->src.port = slot->sport;
		fr->dst.port = slot->dport;
	}
}

void
flows_packet(struct flows *f, int64_t wall, const struct frame *parsed,
    uint32_t length)
{
	struct flow *flow;

	if (wall > f->now)
		f->now = wall;
	if (parsed == NULL || !parsed->ip) {
		f->counts.other++;
		return;
	}
	struct frame fr = *parsed;
	if (fr.fragment)
		flows_defragment(f, &fr);
	struct flow_key key = flow_key(&fr);
	HASH_FIND(hh, f->table, &key, sizeof key, flow);
	if (flow != NULL && flow_reopened(flow, &fr)) {
		flow_end(f, flow, "closed");
		flow = NULL;
	}
	if (flow != NULL)
		flow_count(f, flow, wall, &fr, length);
	else
		flows_unknown(f, &key, wall, &fr, length);
}

void
flows_name(struct flows *f, const struct addr *a, const char *text)
{
	struct dest_key key = dest_key(0, a);
	size_t n = strnlen(text, FLOWS_NAME_MAX);
	struct flow_name *name;

	HASH_FIND(hh, f->names, &key, sizeof key, name);
	if (name != NULL) {
		HASH_DEL(f->names, name);
		free(name);
	} else if (HASH_COUNT(f->names) >= f->limits.names)
		return;
	name = xcalloc(1, sizeof *name + n + 1);
	name->key = key;
	memcpy(name->name, text, n);
	HASH_ADD(hh, f->names, key, sizeof name->key, name);
}

/* Interim lines, longest owed first, at most as many as a tick may write. */
static void
flows_interim(struct flows *f)
{
	struct flow *flow, *next;
	unsigned written = 0, looked = 0;

	for (flow = TAILQ_FIRST(&f->dirt); flow != NULL; flow = next) {
		next = TAILQ_NEXT(flow, by_dirt);
		if (written >= f->limits.interim ||
		    looked++ >= 4 * f->limits.interim)
			break;
		if (flow->interim > f->now)
			continue;
		flow_write(f, flow, "open");
		written++;
		flow->interim = f->now + FLOW_SECOND;
		flow->dirty = false;
		TAILQ_REMOVE(&f->dirt, flow, by_dirt);
	}
}

/* The same for what is counted together. */
static void
flows_interim_aggregates(struct flows *f)
{
	struct flow_dest *d, *next;
	unsigned written = 0;

	HASH_ITER (hh, f->dests, d, next) {
		if (d->id == 0 || d->n.end <= d->written)
			continue;
		if (written++ >= f->limits.interim)
			break;
		dest_write(f, d, "open");
		d->written = d->n.end;
	}
}

void
flows_tick(struct flows *f, int64_t wall)
{
	if (wall > f->now)
		f->now = wall;
	for (int class = 0; class < FLOWS_CLASSES; class++) {
		int64_t last = f->now - flows_timeout[class] * FLOW_SECOND;
		struct flow *flow;

		while ((flow = TAILQ_FIRST(&f->ages[class])) != NULL &&
		    flow->n.end <= last)
			flow_end(f, flow,
			    class == FLOWS_CLOSED ? "closed" : "idle");
	}
	flows_interim(f);
	if (f->counts.aggregated != 0)
		flows_interim_aggregates(f);
}

void
flows_stop(struct flows *f)
{
	struct flow_dest *dest, *next;
	struct flow *flow;

	for (int class = 0; class < FLOWS_CLASSES; class++)
		while ((flow = TAILQ_FIRST(&f->ages[class])) != NULL)
			flow_end(f, flow,
			    class == FLOWS_CLOSED ? "closed" : "stopped");
	HASH_ITER (hh, f->dests, dest, next)
		if (dest->id != 0) {
			dest_write(f, dest, "stopped");
			dest->id = 0;
		}
	if (f->rest.id != 0)
		dest_write(f, &f->rest, "stopped");
	f->rest.id = 0;
}

struct flows_counts
flows_counts(const struct flows *f)
{
	return f->counts;
}
