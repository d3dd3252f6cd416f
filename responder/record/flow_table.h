/*
 * The flow table's own structs, for flows.c, which keeps it, and flow_lines.c,
 * which writes what is in it.
 */
#ifndef RECORD_FLOW_TABLE_H
#define RECORD_FLOW_TABLE_H

#include <sys/queue.h>

#include <stdbool.h>

#include <uthash.h>

#include "base/addr.h"
#include "base/jsonw.h"
#include "record/flow_numbers.h"
#include "record/flows.h"

/* Which list, and so after how many silent seconds a flow ends. */
enum flows_class { FLOWS_CLOSED, FLOWS_DATAGRAM, FLOWS_TCP, FLOWS_CLASSES };

/* Compared as bytes: all of it is zeroed first. */
struct flow_key {
	uint8_t bytes[2][16];
	uint16_t port[2];
	uint8_t family, proto, one_way, zero;
};

struct flow {
	UT_hash_handle hh;
	TAILQ_ENTRY(flow) by_age, by_dirt;
	struct flow_key key;
	uint64_t id;
	uint8_t proto;
	struct addr src, dst;
	bool ports, fragments;
	struct flow_numbers n;
	uint32_t isn;
	bool fin_server, fin_client, dirty;
	enum flows_class class;
	int64_t interim; /* when the next interim line may be written */
	struct flow_dest *dest;
};
TAILQ_HEAD(flow_list, flow);

struct dest_key {
	uint8_t bytes[16];
	uint8_t family, proto, zero[2];
};

/* One protocol to one host. */
struct flow_dest {
	UT_hash_handle hh;
	struct dest_key key;
	struct addr addr;
	unsigned flows;	 /* in the table */
	uint64_t id;	 /* of its aggregate; 0 as long as it has none */
	int64_t written; /* what its last interim line held: up to here */
	struct flow_numbers n;
};

struct flow_name {
	UT_hash_handle hh;
	struct dest_key key; /* proto 0 */
	char name[];
};

/* Remembers the ports of a fragmented datagram's first part. */
struct flow_fragment {
	struct dest_key src, dst;
	uint32_t id;
	uint16_t sport, dport;
};

struct flows {
	struct flows_limits limits;
	flows_line_cb line;
	void *arg;
	struct jsonw json;
	struct flow *table;
	struct flow_dest *dests;
	struct flow_name *names;
	struct flow_list ages[FLOWS_CLASSES], dirt;
	struct flow_fragment *fragments;
	struct flow_dest rest; /* aggregate of what has no flow_dest */
	uint64_t last_id;
	int64_t now;
	struct flows_counts counts;
};

/* The key of a host, and of one protocol to it. */
static inline struct dest_key
dest_key(uint8_t proto, const struct addr *a)
{
	struct dest_key key;

	memset(&key, 0, sizeof key);
	memcpy(key.bytes, a->bytes, addr_size(a));
	key.family = a->family;
	key.proto = proto;
	return key;
}

/* Writes the line of one flow. */
void flow_write(struct flows *, const struct flow *, const char *state);
/* Writes the line of what had no room in the table, for one destination. */
void dest_write(struct flows *, const struct flow_dest *, const char *state);

#endif
