/*
 * Names that aren't ordinary hosts (RFC 6761): reverse names, localhost, and
 * those that never are.
 */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/dns_reply.h"
#include "net/names.h"

static bool
special_is_under(const struct dns_name *name, const char *domain)
{
	unsigned labels = dns_name_labels(name);
	struct dns_name want, end;

	if (dns_name_parse(&want, domain) < 0 ||
	    labels < dns_name_labels(&want))
		return false;
	dns_name_strip(name, labels - dns_name_labels(&want), &end);
	return dns_name_equal(&end, &want);
}

/* Whether a name ends in a top-level domain of special use; few do. */
static bool
special_is(const struct dns_name *name)
{
	static const char *const special[] = { "arpa", "localhost", "invalid",
		"onion" };
	const uint8_t *last = name->wire;

	for (const uint8_t *p = last; *p != 0; p += *p + 1)
		last = p;
	for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
		if (strlen(special[i]) == *last && strncasecmp(special[i],
		    (const char *)last + 1, *last) == 0)
			return true;
	}
	return false;
}

/* One label of a reverse name as a number, or -1. */
static int
special_reverse_label(const uint8_t **label, unsigned base)
{
	const uint8_t *p = *label;
	char digits[4] = "";
	char *end;

	if (p[0] == 0 || p[0] > (base == 16 ? 1 : 3))
		return -1;
	memcpy(digits, p + 1, p[0]);
	*label = p + p[0] + 1;
	long v = strtol(digits, &end, (int)base);

	return *end == '\0' && digits[0] != '+' && digits[0] != '-' &&
	    digits[0] != ' ' && v < (base == 16 ? 16 : 256) ? (int)v : -1;
}

/* The address of d.c.b.a.in-addr.arpa or of ip6.arpa's nibbles; 0 or -1. */
static int
special_reverse_addr(const struct dns_name *name, bool v6, struct addr *a)
{
	const uint8_t *label = name->wire;
	unsigned labels = v6 ? 32 : 4;

	if (dns_name_labels(name) != labels + 2)
		return -1;
	memset(a, 0, sizeof *a);
	a->family = v6 ? AF_INET6 : AF_INET;
	for (unsigned i = labels; i-- > 0;) {
		int v = special_reverse_label(&label, v6 ? 16 : 10);

		if (v < 0)
			return -1;
		if (v6)
			a->bytes[i / 2] |= (uint8_t)(i % 2 ? v : v << 4);
		else
			a->bytes[i] = (uint8_t)v;
	}
	return 0;
}

/* in-addr.arpa and ip6.arpa: the names that were handed out. */
static void
special_reverse(struct dns_reply *reply, const struct dns_name *name,
    uint16_t type, bool v6)
{
	struct dns_name target, apex;
	const char *text = NULL;
	struct addr a;
	unsigned depth = dns_name_labels(name) - 2;

	if (special_reverse_addr(name, v6, &a) == 0) {
		text = names_of(reply->dns->names, &a);
		if (text == NULL && !v6 && a.bytes[0] == 127)
			text = "localhost";
	}
	if (text != NULL && (type == DNS_PTR || type == DNS_ANY) &&
	    dns_name_parse(&target, text) == 0) {
		dns_reply_record(reply, DNS_ANSWER, name, DNS_PTR,
		    reply->dns->ttl, target.wire, target.length);
		return;
	}
	/* Parts of an address are there, but empty. */
	if (text == NULL && depth >= (v6 ? 32 : 4))
		reply->rcode = DNS_NXDOMAIN;
	dns_name_strip(name, depth, &apex);
	dns_zone_soa_of(reply, DNS_AUTHORITY, &apex);
}

/* RFC 6761, 6.3: localhost is the machine itself. */
static void
special_localhost(struct dns_reply *reply, const struct dns_name *name,
    uint16_t type)
{
	struct addr a;

	if ((type == DNS_A || type == DNS_ANY) &&
	    addr_parse(&a, "127.0.0.1") == 0)
		dns_reply_addr(reply, DNS_ANSWER, name, &a);
	if ((type == DNS_AAAA || type == DNS_ANY) &&
	    addr_parse(&a, "::1") == 0)
		dns_reply_addr(reply, DNS_ANSWER, name, &a);
	if (type != DNS_A && type != DNS_AAAA && type != DNS_ANY)
		dns_zone_soa(reply, name, false);
}

/* Names that never are (RFC 6761, 6.4; RFC 7686), and arpa's others. */
static bool
special_is_nowhere(const struct dns_name *name)
{
	return special_is_under(name, "invalid") || special_is_under(name, "onion") ||
	    (dns_name_labels(name) > 1 && !special_is_under(name,
	    "resolver.arpa"));
}

bool
dns_special_answer(struct dns_reply *reply, const struct dns_name *name,
    uint16_t type)
{
	if (!special_is(name))
		return false;
	if (special_is_under(name, "in-addr.arpa"))
		special_reverse(reply, name, type, false);
	else if (special_is_under(name, "ip6.arpa"))
		special_reverse(reply, name, type, true);
	else if (special_is_under(name, "localhost"))
		special_localhost(reply, name, type);
	else if (special_is_nowhere(name)) {
		reply->rcode = DNS_NXDOMAIN;
		dns_zone_soa(reply, name, true);
	} else
		dns_zone_soa(reply, name, false);
	return true;
}
