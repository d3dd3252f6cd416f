/*
 * Whose sockets send where.
 */
#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No memory is fatal everywhere here. */
#define uthash_fatal(msg) fatal("%s", msg)
#include <uthash.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "events.h"
#include "pending.h"
#include "sockets.h"

#define SOCKETS_LINE_MAX 4096
/* Sockets beyond this are not told. */
#define SOCKETS_MAX 20000
/* A count that grows is told so often, nanoseconds. */
#define SOCKETS_AGAIN 1000000000

struct sockets_key {
	int64_t pid;
	char proto[8];
	char src[48], dest[48]; /* "" where not known */
	uint32_t src_port, dest_port;
};

struct sockets_entry {
	struct sockets_key key;
	uint64_t count, told; /* 0 for one that was only listed */
	int64_t told_at;
	UT_hash_handle hh;
};

struct sockets {
	struct events *events;
	bool (*ours)(void *arg, int64_t pid);
	void *arg;
	struct pending in;
	struct sockets_entry *entries;
	char proto[8]; /* of the histogram that is being read */
};

struct sockets *
sockets_new(struct events *events, bool (*ours)(void *arg, int64_t pid),
    void *arg)
{
	struct sockets *s = xcalloc(1, sizeof *s);

	s->events = events;
	s->ours = ours;
	s->arg = arg;
	return s;
}

void
sockets_free(struct sockets *s)
{
	struct sockets_entry *e, *next;

	if (s == NULL)
		return;
	HASH_ITER(hh, s->entries, e, next) {
		HASH_DEL(s->entries, e);
		free(e);
	}
	pending_free(&s->in);
	free(s);
}

static void
sockets_event(struct sockets *s, struct sockets_entry *e)
{
	struct jsonw *j = events_begin(s->events, clock_wall(), "socket");
	const struct sockets_key *k = &e->key;

	jsonw_int(j, "pid", k->pid);
	jsonw_object(j, "socket");
	jsonw_string(j, "proto", k->proto);
	if (k->src[0] != '\0')
		jsonw_string(j, "src_ip", k->src);
	if (k->src_port != 0)
		jsonw_uint(j, "src_port", k->src_port);
	if (k->dest[0] != '\0')
		jsonw_string(j, "dest_ip", k->dest);
	if (k->dest_port != 0)
		jsonw_uint(j, "dest_port", k->dest_port);
	if (e->count > 0)
		jsonw_uint(j, "sent", e->count);
	jsonw_object_end(j);
	events_end(s->events);
	e->told = e->count;
	e->told_at = clock_mono();
}

/* Is more known of the port of this socket, which has no destination? */
static bool
sockets_known(const struct sockets *s, const struct sockets_key *key)
{
	const struct sockets_entry *e;

	for (e = s->entries; key->dest[0] == '\0' && e != NULL; e = e->hh.next)
		if (e->key.pid == key->pid &&
		    e->key.src_port == key->src_port &&
		    e->key.dest[0] != '\0' &&
		    strcmp(e->key.proto, key->proto) == 0)
			return true;
	return false;
}

/* A socket that was seen, count times so far (0: it is open). */
static void
sockets_seen(struct sockets *s, const struct sockets_key *key, uint64_t count)
{
	struct sockets_entry *e;

	if (!s->ours(s->arg, key->pid))
		return;
	HASH_FIND(hh, s->entries, key, sizeof *key, e);
	if (e == NULL) {
		if (HASH_COUNT(s->entries) >= SOCKETS_MAX ||
		    sockets_known(s, key))
			return;
		e = xcalloc(1, sizeof *e);
		e->key = *key;
		e->count = count;
		HASH_ADD(hh, s->entries, key, sizeof e->key, e);
		sockets_event(s, e);
		return;
	}
	if (count > e->count)
		e->count = count;
	if (e->count > e->told &&
	    clock_mono() - e->told_at >= SOCKETS_AGAIN)
		sockets_event(s, e);
}

/*
 * "{ common_pid: 83, dst: 16777343, sport: 51600 } hitcount: 2"; dst is four
 * bytes that the kernel took for a number. Only little-endian guests have this.
 */
static void
sockets_way(struct sockets *s, const char *line)
{
	struct sockets_key k;
	unsigned long long count;
	unsigned dst, value;
	char name[8];
	long long pid;

	if (sscanf(line, "{ common_pid: %18lld, dst: %10u, %7[a-z]: %10u } "
		"hitcount: %18llu", &pid, &dst, name, &value, &count) != 5 ||
	    count == 0)
		return;
	memset(&k, 0, sizeof k);
	k.pid = pid;
	snprintf(k.dest, sizeof k.dest, "%u.%u.%u.%u", dst & 255,
	    dst >> 8 & 255, dst >> 16 & 255, dst >> 24);
	if (strcmp(name, "sport") == 0) {
		memcpy(k.proto, s->proto, sizeof k.proto);
		k.src_port = value & 0xffff;
	} else {
		snprintf(k.proto, sizeof k.proto, "%s",
		    value == 1 ? "ICMP" : "RAW");
	}
	sockets_seen(s, &k, count);
}

/* Is it an address, and none that means any? */
static bool
sockets_address(const char *text)
{
	unsigned char b[16], none[16] = { 0 };

	if (inet_pton(AF_INET, text, b) == 1)
		return memcmp(b, none, 4) != 0;
	return inet_pton(AF_INET6, text, b) == 1 && memcmp(b, none, 16) != 0;
}

/* "sock PID PROTO SRC SPORT DST DPORT" */
static void
sockets_open(struct sockets *s, const char *line)
{
	struct sockets_key k;
	char src[48], dest[48];
	long long pid;

	memset(&k, 0, sizeof k);
	if (sscanf(line, "sock %18lld %3[A-Z] %46s %5u %46s %5u", &pid,
		k.proto, src, &k.src_port, dest, &k.dest_port) != 6)
		return;
	k.pid = pid;
	if (sockets_address(src))
		snprintf(k.src, sizeof k.src, "%s", src);
	if (sockets_address(dest))
		snprintf(k.dest, sizeof k.dest, "%s", dest);
	if (k.src_port != 0)
		sockets_seen(s, &k, 0);
}

static void
sockets_line(void *arg, const char *bytes, size_t n)
{
	struct sockets *s = arg;
	char line[512];

	if (n >= sizeof line)
		return;
	memcpy(line, bytes, n);
	line[n] = '\0';
	if (strstr(line, "proto == 17") != NULL)
		memcpy(s->proto, "UDP", 4);
	else if (strstr(line, "proto == 6") != NULL)
		memcpy(s->proto, "TCP", 4);
	else if (line[0] == '{')
		sockets_way(s, line);
	else
		sockets_open(s, line);
}

void
sockets_take(struct sockets *s, const char *data, size_t n)
{
	pending_append(&s->in, data, n);
	pending_lines(&s->in, SOCKETS_LINE_MAX, sockets_line, s);
}

void
sockets_write(struct sockets *s)
{
	struct sockets_entry *e, *next;

	HASH_ITER(hh, s->entries, e, next)
		if (e->count > e->told)
			sockets_event(s, e);
}
