/*
 * The DNS server's mind: a query's bytes in, the response's bytes out. It
 * plays a recursive resolver that knows the whole internet: every name
 * resolves into the sink pool (net/names.h) unless a rule (net/dns_rules.h) or
 * the resolve hook says otherwise. Sockets, the two length bytes of TCP and
 * the journal are the caller's.
 */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "base/addr.h"
#include "base/jsonw.h"
#include "net/names.h"
#include "wire/dns.h"

struct dns;
struct dns_reply;
struct dns_rules;

/* Where a query came from; passed on, in part to the journal. */
struct dns_query_info {
	uint8_t proto; /* IPPROTO_UDP: limited and truncated; IPPROTO_TCP not */
	struct addr src, dest;
	void *session; /* the caller's own */
};

/* One query and what became of it. All pointers end with the callback. */
struct dns_event {
	const struct dns_query_info *from;
	struct cursor query, response; /* response.length 0: silence */
	uint16_t id, flags;
	const char *rrname;	/* as it was asked; NULL: no readable question */
	uint16_t rrtype, rrclass;
	unsigned rcode;		/* enum dns_rcode */
	const char *rule;	/* the rule's pattern that decided, or NULL */
};

struct dns_question {
	const struct dns_query_info *from;
	const char *name; /* text, as it was asked, no final dot */
	uint16_t type;
};

struct dns_callbacks {
	/* A query was answered, or left without an answer. May be NULL. */
	void (*answered)(void *arg, const struct dns_event *);
	/*
	 * Asked for each question of class IN that no rule decides; may be
	 * NULL. true: the reply is as it stands now; false: the usual answer.
	 */
	bool (*resolve)(void *arg, const struct dns_question *,
	    struct dns_reply *);
};

/* Keeps the names and the callbacks, which must outlive it. */
struct dns *dns_new(struct names *, const struct dns_callbacks *, void *arg);
void dns_free(struct dns *);
/* The rules, to be filled; they belong to the dns. */
struct dns_rules *dns_rules(struct dns *);
/* Seconds that answers may be kept; 60 unless set. */
void dns_set_ttl(struct dns *, uint32_t ttl);
/* What version.bind says; copied. */
void dns_set_version(struct dns *, const char *);

/*
 * Answers one message of n bytes into out, which has room for `size` (at
 * least 512; 65535 for TCP). Returns the response's length; 0: say nothing.
 */
size_t dns_answer(struct dns *, const struct dns_query_info *,
    const uint8_t *query, size_t n, uint8_t *out, size_t size);
/*
 * Writes the journal's "dns" object (captures/README.md), with the answers as
 * they stand in the response.
 */
void dns_event_json(const struct dns_event *, struct jsonw *);

/* --- for the resolve hook --- */
/*
 * Adds an answer: data in presentation form ("198.18.0.9", "10 mx.example",
 * "\"text\""). owner NULL is the question's name. -1: bad data or no room.
 */
int dns_reply_add(struct dns_reply *, const char *owner, uint16_t type,
    uint32_t ttl, const char *data) A_MUST_USE;
/* Adds a TXT record of n bytes, cut into strings of 255. -1: no room. */
int dns_reply_txt(struct dns_reply *, uint32_t ttl, const void *bytes,
    size_t n) A_MUST_USE;
/* DNS_NXDOMAIN, DNS_SERVFAIL, … instead of NOERROR. */
void dns_reply_rcode(struct dns_reply *, unsigned rcode);
/* No answer at all. */
void dns_reply_silence(struct dns_reply *);

#endif
