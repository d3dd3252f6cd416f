/*
 * The lab's internet as DNS shows it: every name has addresses in the sink
 * pool, every domain the usual mail, name server and policy records around
 * it, all of them consistent with each other. What a name can't have is an
 * empty answer with the SOA of its domain (RFC 2308).
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "net/dns_reply.h"

/* A name, and the domain that someone would have registered for it. */
struct zone {
	const struct dns_name *name;
	struct dns_name apex;
	bool at_apex;
};

/* --- names --- */

static bool
zone_label_is(const struct dns_name *name, const char *label)
{
	size_t n = strlen(label);

	return name->wire[0] == n &&
	    strncasecmp((const char *)name->wire + 1, label, n) == 0;
}

/* Whether a two-label name is a registry's ("co.uk"). */
static bool
zone_is_registry(const struct dns_name *two)
{
	static const char *const second[] = { "co", "com", "net", "org", "ac",
		"gov", "edu", "or", "ne", "go" };

	if (two->wire[two->wire[0] + 1] != 2)
		return false;
	for (size_t i = 0; i < sizeof second / sizeof *second; i++) {
		if (zone_label_is(two, second[i]))
			return true;
	}
	return false;
}

/* Finds the registered domain: two labels, or three under a registry. */
static void
zone_of(const struct dns_name *name, struct zone *zone)
{
	unsigned labels = dns_name_labels(name);

	zone->name = name;
	zone->apex = *name;
	if (labels > 2) {
		dns_name_strip(name, labels - 2, &zone->apex);
		if (zone_is_registry(&zone->apex))
			dns_name_strip(name, labels - 3, &zone->apex);
	}
	zone->at_apex = zone->apex.length == name->length;
}

/* --- records --- */

/* Adds an address of a name; a full pool shares the lab's own target. */
static void
zone_addr(struct dns_reply *reply, enum dns_section section,
    const struct dns_name *name, int family)
{
	char text[DNS_NAME_TEXT_SIZE];
	struct addr a;

	dns_name_text(name, text);
	if (names_addr(reply->dns->names, text, family, &a) < 0)
		names_target(reply->dns->names, family, &a);
	dns_reply_addr(reply, section, name, &a);
}

/* Both addresses; beside an answer only if no rule says something else. */
static void
zone_both_addrs(struct dns_reply *reply, enum dns_section section,
    const struct dns_name *name)
{
	if (section == DNS_ADDITIONAL &&
	    dns_rules_have(reply->dns->rules, name))
		return;
	zone_addr(reply, section, name, AF_INET);
	zone_addr(reply, section, name, AF_INET6);
}

static void
zone_record(struct dns_reply *reply, enum dns_section section,
    const struct dns_name *owner, uint16_t type, const char *data)
{
	uint8_t rdata[2 * DNS_NAME_MAX + 64];
	int n = dns_rdata_parse(type, data, rdata, sizeof rdata);

	if (n < 0)
		fatal("dns: bad record data of our own: %s", data);
	dns_reply_record(reply, section, owner, type, reply->dns->ttl, rdata,
	    (size_t)n);
}

/* Joins a label and a name, or keeps the name if that would be too long. */
static struct dns_name
zone_join(const char *label, const struct dns_name *name)
{
	struct dns_name out;

	if (dns_name_prepend(label, name, &out) < 0)
		return *name;
	return out;
}

/* The n-th name server of a domain; the root's have names of their own. */
static struct dns_name
zone_server(const struct dns_name *apex, int n)
{
	static const char *const roots[] = { "a.root-servers.net",
		"b.root-servers.net" };
	static const char *const servers[] = { "ns1", "ns2" };
	struct dns_name out;

	if (apex->length == 1 && dns_name_parse(&out, roots[n]) == 0)
		return out;
	return zone_join(servers[n], apex);
}

void
dns_zone_soa_of(struct dns_reply *reply, enum dns_section section,
    const struct dns_name *apex)
{
	uint8_t rdata[2 * DNS_NAME_MAX + 20];
	struct writer w = writer_of(rdata, sizeof rdata);
	struct dns_name mname = zone_server(apex, 0);
	struct dns_name rname = zone_join("hostmaster", apex);

	writer_bytes(&w, mname.wire, mname.length);
	writer_bytes(&w, rname.wire, rname.length);
	writer_u32(&w, 2024010100);	  /* serial */
	writer_u32(&w, 7200);		  /* refresh */
	writer_u32(&w, 3600);		  /* retry */
	writer_u32(&w, 1209600);	  /* expire */
	writer_u32(&w, reply->dns->ttl);  /* how long "no" may be kept */
	dns_reply_record(reply, section, apex, DNS_SOA, reply->dns->ttl, rdata,
	    w.length);
}

void
dns_zone_soa(struct dns_reply *reply, const struct dns_name *name,
    bool nxdomain)
{
	struct zone zone;

	zone_of(name, &zone);
	/* That a whole domain isn't there is its parent's word. */
	if (nxdomain && zone.at_apex)
		dns_name_strip(&zone.apex, 1, &zone.apex);
	dns_zone_soa_of(reply, DNS_AUTHORITY, &zone.apex);
}

/* --- one function a type --- */

static void
zone_a(struct dns_reply *reply, const struct zone *zone)
{
	zone_addr(reply, DNS_ANSWER, zone->name, AF_INET);
}

static void
zone_aaaa(struct dns_reply *reply, const struct zone *zone)
{
	zone_addr(reply, DNS_ANSWER, zone->name, AF_INET6);
}

/* A subset of what there is (RFC 8482, 4.1): what a client can dial. */
static void
zone_any(struct dns_reply *reply, const struct zone *zone)
{
	zone_both_addrs(reply, DNS_ANSWER, zone->name);
}

static void
zone_ns(struct dns_reply *reply, const struct zone *zone)
{
	if (!zone->at_apex)
		return;
	for (int i = 0; i < 2; i++) {
		struct dns_name host = zone_server(&zone->apex, i);

		dns_reply_record(reply, DNS_ANSWER, zone->name, DNS_NS,
		    reply->dns->ttl, host.wire, host.length);
	}
	for (int i = 0; i < 2; i++) {
		struct dns_name host = zone_server(&zone->apex, i);

		zone_both_addrs(reply, DNS_ADDITIONAL, &host);
	}
}

static void
zone_soa_answer(struct dns_reply *reply, const struct zone *zone)
{
	if (zone->at_apex)
		dns_zone_soa_of(reply, DNS_ANSWER, &zone->apex);
}

static void
zone_mx(struct dns_reply *reply, const struct zone *zone)
{
	struct dns_name host = *zone->name;
	uint8_t rdata[2 + DNS_NAME_MAX] = { 0, 10 };

	if (zone->name->wire[1] == '_')
		return;
	if (!zone_label_is(&host, "mail"))
		host = zone_join("mail", zone->name);
	memcpy(rdata + 2, host.wire, host.length);
	dns_reply_record(reply, DNS_ANSWER, zone->name, DNS_MX,
	    reply->dns->ttl, rdata, 2u + host.length);
	zone_both_addrs(reply, DNS_ADDITIONAL, &host);
}

static void
zone_txt(struct dns_reply *reply, const struct zone *zone)
{
	if (zone->at_apex)
		zone_record(reply, DNS_ANSWER, zone->name, DNS_TXT,
		    "\"v=spf1 mx a -all\"");
	else if (zone_label_is(zone->name, "_dmarc"))
		zone_record(reply, DNS_ANSWER, zone->name, DNS_TXT,
		    "\"v=DMARC1; p=none\"");
}

/* _service._proto.host (RFC 2782): the host itself, on the usual port. */
static void
zone_srv(struct dns_reply *reply, const struct zone *zone)
{
	static const struct {
		const char *service;
		uint16_t port;
	} ports[] = {
		{ "_sip", 5060 }, { "_sips", 5061 }, { "_xmpp-client", 5222 },
		{ "_xmpp-server", 5269 }, { "_ldap", 389 },
		{ "_kerberos", 88 }, { "_imap", 143 }, { "_imaps", 993 },
		{ "_pop3", 110 }, { "_pop3s", 995 }, { "_submission", 587 },
		{ "_submissions", 465 }, { "_mqtt", 1883 }, { "_stun", 3478 },
		{ "_turn", 3478 }, { "_http", 80 }, { "_https", 443 },
		{ "_ntp", 123 }, { "_irc", 6667 }, { "_ircs", 6697 },
		{ "_minecraft", 25565 }, { "_bittorrent-tracker", 6969 },
	};
	struct dns_name proto, host;
	uint8_t rdata[6 + DNS_NAME_MAX] = { 0 };

	dns_name_strip(zone->name, 1, &proto);
	if (!zone_label_is(&proto, "_tcp") && !zone_label_is(&proto, "_udp") &&
	    !zone_label_is(&proto, "_tls"))
		return;
	dns_name_strip(&proto, 1, &host);
	if (host.length == 1)
		return;
	for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
		if (!zone_label_is(zone->name, ports[i].service))
			continue;
		rdata[4] = (uint8_t)(ports[i].port >> 8);
		rdata[5] = (uint8_t)ports[i].port;
		memcpy(rdata + 6, host.wire, host.length);
		dns_reply_record(reply, DNS_ANSWER, zone->name, DNS_SRV,
		    reply->dns->ttl, rdata, 6u + host.length);
		zone_both_addrs(reply, DNS_ADDITIONAL, &host);
		return;
	}
}

static void
zone_caa(struct dns_reply *reply, const struct zone *zone)
{
	if (zone->at_apex)
		zone_record(reply, DNS_ANSWER, zone->name, DNS_CAA,
		    "0 issue \"letsencrypt.org\"");
}

/* RFC 9460: the name itself, by HTTP/1.1, with its addresses as hints. */
static void
zone_https(struct dns_reply *reply, const struct zone *zone)
{
	char text[DNS_NAME_TEXT_SIZE], data[256];
	char v4[ADDR_TEXT_SIZE], v6[ADDR_TEXT_SIZE];
	struct addr a, b;

	/* _dns.resolver.arpa and the like: services we don't have. */
	if (zone->name->wire[1] == '_')
		return;
	dns_name_text(zone->name, text);
	if (names_addr(reply->dns->names, text, AF_INET, &a) < 0 ||
	    names_addr(reply->dns->names, text, AF_INET6, &b) < 0)
		return;
	snprintf(data, sizeof data,
	    "1 . alpn=http/1.1 ipv4hint=%s ipv6hint=%s", addr_text(&a, v4),
	    addr_text(&b, v6));
	zone_record(reply, DNS_ANSWER, zone->name, DNS_HTTPS, data);
}

static const struct {
	uint16_t type;
	void (*answer)(struct dns_reply *, const struct zone *);
} zone_types[] = {
	{ DNS_A, zone_a },
	{ DNS_AAAA, zone_aaaa },
	{ DNS_ANY, zone_any },
	{ DNS_NS, zone_ns },
	{ DNS_SOA, zone_soa_answer },
	{ DNS_MX, zone_mx },
	{ DNS_TXT, zone_txt },
	{ DNS_SRV, zone_srv },
	{ DNS_CAA, zone_caa },
	{ DNS_HTTPS, zone_https },
};

/* The root has no hosts, only servers. */
static void
zone_top(struct dns_reply *reply, const struct zone *zone, uint16_t type)
{
	if (type == DNS_NS || type == DNS_ANY)
		zone_ns(reply, zone);
	else if (type == DNS_SOA)
		dns_zone_soa_of(reply, DNS_ANSWER, zone->name);
	else
		dns_zone_soa_of(reply, DNS_AUTHORITY, zone->name);
}

void
dns_zone_answer(struct dns_reply *reply, const struct dns_name *name,
    uint16_t type)
{
	uint16_t before = reply->counts[DNS_ANSWER];
	struct zone zone;

	if (dns_special_answer(reply, name, type))
		return;
	zone_of(name, &zone);
	if (name->length == 1) {
		zone_top(reply, &zone, type);
		return;
	}
	for (size_t i = 0; i < sizeof zone_types / sizeof *zone_types; i++) {
		if (zone_types[i].type == type) {
			zone_types[i].answer(reply, &zone);
			break;
		}
	}
	if (reply->counts[DNS_ANSWER] == before && !reply->truncated)
		dns_zone_soa_of(reply, DNS_AUTHORITY, &zone.apex);
}
