/*
 * What the operator wants of certain questions: fixed answers, a real
 * NXDOMAIN, failure, silence, or a generated series of which only the n-th
 * name lives. The first rule that matches decides; when none does, net/dns
 * goes on with the resolve hook and the sink pool.
 */
#ifndef NET_DNS_RULES_H
#define NET_DNS_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"

struct dns_rules;

enum dns_action {
	DNS_RULE_DEFAULT,  /* the sink pool, past later rules and the hook */
	DNS_RULE_ANSWER,   /* the rule's records; other types are empty */
	DNS_RULE_NODATA,   /* NOERROR without an answer */
	DNS_RULE_NXDOMAIN,
	DNS_RULE_SERVFAIL,
	DNS_RULE_REFUSED,
	DNS_RULE_SILENCE,  /* no answer: the client times out */
	DNS_RULE_SERIES	   /* NXDOMAIN for the first nth - 1 distinct names
			    * that match, the sink pool from the nth on; the
			    * early names stay dead */
};

struct dns_rule {
	/*
	 * "c2.example", or a pattern where * stands for any characters, dots
	 * too, and ? for one: "*.example", "????????.com", "*". Without case.
	 */
	const char *name;
	uint16_t type;	/* 0: every type */
	enum dns_action action;
	unsigned skip;	/* lets so many matching questions pass first */
	unsigned count; /* then decides so many; 0: all */
	unsigned nth;	/* for DNS_RULE_SERIES, from 1 */
};

/*
 * Adds a copy behind the others and returns its number. On a mistake returns
 * -1 and writes what is wrong to error.
 */
int dns_rules_add(struct dns_rules *, const struct dns_rule *, char *error,
    size_t error_size) A_MUST_USE;
/*
 * Adds a record to a DNS_RULE_ANSWER rule, data in presentation form. A CNAME
 * is followed: its target is looked up in turn. -1 and error as above.
 */
int dns_rules_record(struct dns_rules *, int rule, uint16_t type,
    uint32_t ttl, const char *data, char *error, size_t error_size)
    A_MUST_USE;
/* Forgets all rules and their counts. */
void dns_rules_clear(struct dns_rules *);
/* The number behind "answer", "nxdomain", "servfail", "refused", "nodata",
 * "timeout", "series", "default"; -1 for any other text. */
int dns_rules_action(const char *) A_MUST_USE;

#endif
