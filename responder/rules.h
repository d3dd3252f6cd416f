/*
 * What the configuration says beyond settings: how certain destinations are
 * treated (policies), what a silent peer hears (greetings), and answers of
 * the name server.
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attrib.h"
#include "net/dns_rules.h"

struct profiles;

enum policy_action {
	POLICY_ACCEPT, /* as without a policy, after the delay */
	POLICY_REFUSE, /* as a closed port: a reset, or "port unreachable" */
	POLICY_DROP    /* as behind a firewall: nothing comes back */
};

/* Why sessions end that a policy stops. */
#define POLICY_REFUSED "refused by policy"
#define POLICY_DROPPED "dropped by policy"

/* For destinations that all given criteria fit. */
struct policy {
	struct addr_prefix address; /* family 0: any */
	uint16_t port_first, port_last; /* 0: any */
	char *name;	 /* pattern of fnmatch(3) for the resolved name */
	uint8_t proto;	 /* IPPROTO_…, 0: both */
	enum policy_action action;
	uint64_t reset_after; /* reset once so many bytes came; 0: never */
	double delay;	      /* seconds before the session is looked at */
	char *profile;	      /* who plays, whatever the first bytes; or NULL */
	char *where;	      /* FILE:LINE that says so */
};

struct greeting {
	uint16_t port; /* 0: any port, after those of their own */
	char *text;
	size_t length;
};

/* A name server's rule with at most one record. */
struct rules_dns {
	struct dns_rule rule; /* rule.name is ours */
	uint16_t type;
	uint32_t ttl;
	char *data; /* NULL without a record */
};

struct rules {
	struct policy *policies;
	struct greeting *greetings;
	struct rules_dns *dns;
	size_t policy_count, greeting_count, dns_count;
};

/* Each takes the memory of what is added. */
void rules_add_policy(struct rules *, const struct policy *);
void rules_add_greeting(struct rules *, const struct greeting *);
void rules_add_dns(struct rules *, const struct rules_dns *);
void rules_free(struct rules *);

/* Logs each policy whose profile doesn't play in this run; how many. */
unsigned rules_check_profiles(const struct rules *, const struct profiles *);
/* The first policy that fits, or NULL; name may be NULL. */
const struct policy *rules_policy(const struct rules *, uint8_t proto,
    const struct addr *dest, const char *name);
/* The n-th greeting for this port alone, or NULL. */
const struct greeting *rules_greeting(const struct rules *, uint16_t port,
    size_t n);
/* Puts all name server rules in place of those that are there. */
void rules_install_dns(const struct rules *, struct dns_rules *);

#endif
