/*
 * The lines of flows.jsonl: each flow's, and, when the recorder has ended,
 * the file without those that were only on the way.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xmalloc.h"
#include "record/community_id.h"
#include "record/flow_table.h"

/* As Suricata spells them; others go by number. */
static const struct {
	uint8_t proto;
	const char *name;
} flows_protocols[] = {
	{ IPPROTO_TCP, "TCP" },
	{ IPPROTO_UDP, "UDP" },
	{ IPPROTO_ICMP, "ICMP" },
	{ IPPROTO_ICMPV6, "IPv6-ICMP" },
	{ IPPROTO_SCTP, "SCTP" },
	{ IPPROTO_GRE, "GRE" },
	{ IPPROTO_IGMP, "IGMP" },
};

static void
flows_write_proto(struct jsonw *w, uint8_t proto)
{
	char number[4];
	size_t n = sizeof flows_protocols / sizeof *flows_protocols;

	for (size_t i = 0; i < n; i++) {
		if (flows_protocols[i].proto == proto) {
			jsonw_string(w, "proto", flows_protocols[i].name);
			return;
		}
	}
	snprintf(number, sizeof number, "%u", proto);
	jsonw_string(w, "proto", number);
}

static void
flows_write_time(struct jsonw *w, const char *key, int64_t wall)
{
	char text[CLOCK_TEXT_SIZE];

	jsonw_string(w, key, clock_text(wall, text));
}

/* Opens a line, up to the flow_id. */
static void
flows_line_begin(struct flows *f, uint64_t id)
{
	struct jsonw *w = &f->json;

	jsonw_reset(w);
	jsonw_object(w, NULL);
	flows_write_time(w, "timestamp", f->now);
	jsonw_string(w, "event_type", "flow");
	jsonw_uint(w, "flow_id", id);
}

static void
flows_write_dest(struct flows *f, const struct addr *dst, uint8_t proto)
{
	struct dest_key key = dest_key(0, dst);
	char text[ADDR_TEXT_SIZE];
	struct flow_name *name;

	jsonw_string(&f->json, "dest_ip", addr_text(dst, text));
	if (proto == IPPROTO_TCP || proto == IPPROTO_UDP ||
	    proto == IPPROTO_SCTP)
		jsonw_uint(&f->json, "dest_port", dst->port);
	HASH_FIND(hh, f->names, &key, sizeof key, name);
	if (name != NULL)
		jsonw_string(&f->json, "name", name->name);
}

static void
flows_line_end(struct flows *f)
{
	jsonw_object_end(&f->json);
	jsonw_line_end(&f->json);
	f->line(f->arg, f->json.data, f->json.length);
}

void
flow_write(struct flows *f, const struct flow *flow, const char *state)
{
	struct jsonw *w = &f->json;
	char text[ADDR_TEXT_SIZE], id[COMMUNITY_ID_SIZE];
	bool icmp = flow->proto == IPPROTO_ICMP ||
	    flow->proto == IPPROTO_ICMPV6;

	flows_line_begin(f, flow->id);
	jsonw_string(w, "community_id",
	    community_id_v1(flow->proto, &flow->src, &flow->dst, id));
	jsonw_string(w, "src_ip", addr_text(&flow->src, text));
	if (!icmp && flow->ports)
		jsonw_uint(w, "src_port", flow->src.port);
	flows_write_dest(f, &flow->dst, flow->ports ? flow->proto : 0);
	flows_write_proto(w, flow->proto);
	if (icmp && flow->ports) {
		jsonw_uint(w, "icmp_type", flow->src.port);
		jsonw_uint(w, "icmp_code", flow->dst.port);
	}
	if (flow->fragments)
		jsonw_bool(w, "fragments", true);
	flow_numbers_write(&flow->n, w, state, flow->proto);
	flows_line_end(f);
}

void
dest_write(struct flows *f, const struct flow_dest *d, const char *state)
{
	flows_line_begin(f, d->id);
	if (d != &f->rest) {
		flows_write_dest(f, &d->addr, 0);
		flows_write_proto(&f->json, d->key.proto);
	}
	jsonw_bool(&f->json, "aggregate", true);
	flow_numbers_write(&d->n, &f->json, state, d->key.proto);
	flows_line_end(f);
}

/* Copies the lines that are a flow's last. */
static int
flows_copy_final(FILE *from, FILE *to)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	while ((n = getline(&line, &size, from)) > 0) {
		/* A quote inside of a JSON text is escaped: no false match. */
		if (strstr(line, "\"state\":\"open\"") != NULL)
			continue;
		if (fwrite(line, 1, (size_t)n, to) != (size_t)n)
			break;
	}
	free(line);
	return ferror(from) || ferror(to) ? -1 : 0;
}

int
flows_compact(const char *dir)
{
	char *path = xasprintf("%s/flows.jsonl", dir);
	char *beside = xasprintf("%s.new", path);
	FILE *from = fopen(path, "re"), *to = fopen(beside, "we");
	int result = -1;

	if (from != NULL && to != NULL)
		result = flows_copy_final(from, to);
	int saved = errno;
	if (from != NULL)
		fclose(from);
	if (to != NULL && fclose(to) != 0)
		result = -1;
	if (result == 0 && rename(beside, path) == 0)
		saved = 0;
	else {
		unlink(beside);
		result = -1;
	}
	free(beside);
	free(path);
	errno = saved;
	return result;
}
