/*
 * The rules, in the order in which they were given.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "rules.h"
#include "script/profiles.h"

void
rules_add_policy(struct rules *r, const struct policy *p)
{
	r->policies = xreallocarray(r->policies, r->policy_count + 1,
	    sizeof *p);
	r->policies[r->policy_count++] = *p;
}

void
rules_add_greeting(struct rules *r, const struct greeting *g)
{
	r->greetings = xreallocarray(r->greetings, r->greeting_count + 1,
	    sizeof *g);
	r->greetings[r->greeting_count++] = *g;
}

void
rules_add_dns(struct rules *r, const struct rules_dns *d)
{
	r->dns = xreallocarray(r->dns, r->dns_count + 1, sizeof *d);
	r->dns[r->dns_count++] = *d;
}

void
rules_free(struct rules *r)
{
	for (size_t i = 0; i < r->policy_count; i++) {
		free(r->policies[i].name);
		free(r->policies[i].profile);
		free(r->policies[i].where);
	}
	for (size_t i = 0; i < r->greeting_count; i++)
		free(r->greetings[i].text);
	for (size_t i = 0; i < r->dns_count; i++) {
		char *name;

		memcpy(&name, &r->dns[i].rule.name, sizeof name);
		free(name);
		free(r->dns[i].data);
	}
	free(r->policies);
	free(r->greetings);
	free(r->dns);
	memset(r, 0, sizeof *r);
}

unsigned
rules_check_profiles(const struct rules *r, const struct profiles *ps)
{
	unsigned missing = 0;

	for (size_t i = 0; i < r->policy_count; i++) {
		const struct policy *p = &r->policies[i];

		if (p->profile == NULL || profiles_find(ps, p->profile) != NULL)
			continue;
		log_error("%s: no profile '%s' plays in this run (a family "
		    "has to be named: profile \"%s\")", p->where, p->profile,
		    p->profile);
		missing++;
	}
	return missing;
}

static bool
policy_fits(const struct policy *p, uint8_t proto, const struct addr *dest,
    const char *name)
{
	if (p->proto != 0 && p->proto != proto)
		return false;
	if (p->port_first != 0 &&
	    (dest->port < p->port_first || dest->port > p->port_last))
		return false;
	if (p->address.addr.family != 0 && !addr_prefix_has(&p->address, dest))
		return false;
	return p->name == NULL || (name != NULL &&
	    fnmatch(p->name, name, FNM_CASEFOLD) == 0);
}

const struct policy *
rules_policy(const struct rules *r, uint8_t proto, const struct addr *dest,
    const char *name)
{
	for (size_t i = 0; i < r->policy_count; i++) {
		if (policy_fits(&r->policies[i], proto, dest, name))
			return &r->policies[i];
	}
	return NULL;
}

const struct greeting *
rules_greeting(const struct rules *r, uint16_t port, size_t n)
{
	for (size_t i = 0; i < r->greeting_count; i++) {
		if (r->greetings[i].port == port && n-- == 0)
			return &r->greetings[i];
	}
	return NULL;
}

void
rules_install_dns(const struct rules *r, struct dns_rules *rules)
{
	char error[256];

	dns_rules_clear(rules);
	for (size_t i = 0; i < r->dns_count; i++) {
		const struct rules_dns *d = &r->dns[i];
		int n = dns_rules_add(rules, &d->rule, error, sizeof error);

		if (n >= 0 && d->data != NULL)
			n = dns_rules_record(rules, n, d->type, d->ttl,
			    d->data, error, sizeof error);
		if (n < 0)
			log_error("dns rule %s: %s", d->rule.name, error);
	}
}
