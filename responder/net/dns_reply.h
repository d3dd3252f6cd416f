/*
 * A DNS response under way. Only for net/dns*.c: the message (dns.c), the
 * usual answers (dns_zone.c), the rules (dns_rules.c).
 */
#ifndef NET_DNS_REPLY_H
#define NET_DNS_REPLY_H

#include "net/dns.h"
#include "net/dns_rules.h"

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL };

struct dns {
	struct names *names;
	struct dns_callbacks callbacks;
	void *arg;
	struct dns_rules *rules;
	uint32_t ttl;
	char *version;
};

struct dns_reply {
	struct dns *dns;
	struct dns_writer dw;
	struct dns_name qname;
	char text[DNS_NAME_TEXT_SIZE]; /* of qname, as it was asked */
	uint16_t counts[3];	       /* records written, by section */
	unsigned rcode;
	const char *rule;
	bool truncated, silent;
};

/*
 * Adds a record; sections in order. An answer that doesn't fit sets TC, and
 * nothing is added any more; in other sections it is only left out.
 */
void dns_reply_record(struct dns_reply *, enum dns_section,
    const struct dns_name *owner, uint16_t type, uint32_t ttl,
    const uint8_t *rdata, size_t n);
/* A or AAAA of an address. */
void dns_reply_addr(struct dns_reply *, enum dns_section,
    const struct dns_name *owner, const struct addr *);

/* What the lab's internet says of a name: records, or that there are none. */
void dns_zone_answer(struct dns_reply *, const struct dns_name *,
    uint16_t type);
/* The same for names of special use; false: it is an ordinary one. */
bool dns_special_answer(struct dns_reply *, const struct dns_name *,
    uint16_t type);
/* The SOA of a domain. */
void dns_zone_soa_of(struct dns_reply *, enum dns_section,
    const struct dns_name *apex);
/* The SOA that an empty answer needs (RFC 2308, 2), into authority. */
void dns_zone_soa(struct dns_reply *, const struct dns_name *, bool nxdomain);

struct dns_rules *dns_rules_new(void);
void dns_rules_free(struct dns_rules *);
/*
 * Lets the first rule that matches decide on a name; true if one did and the
 * reply is done. false: none did, or it wants the usual answer (then *usual).
 * *cname is set when an alias was answered that has to be followed.
 */
bool dns_rules_answer(struct dns_rules *, struct dns_reply *,
    const struct dns_name *, uint16_t type, bool *usual,
    struct dns_name *cname);
/* Whether any rule is about this name, whether or not it has its turn. */
bool dns_rules_have(const struct dns_rules *, const struct dns_name *);

#endif
