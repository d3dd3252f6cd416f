/*
 * Any bytes as a DNS query, over UDP and TCP, with rules and a hook: whatever
 * is answered must be a message that can be read back, within its limits.
 */
#include <netinet/in.h>

#include <stdlib.h>

#include "net/dns.h"
#include "net/dns_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct jsonw json;
static uint8_t out[DNS_MESSAGE_MAX];

static void
answered(void *arg, const struct dns_event *event)
{
	(void)arg;
	jsonw_reset(&json);
	dns_event_json(event, &json);
}

static bool
resolve(void *arg, const struct dns_question *q, struct dns_reply *reply)
{
	(void)arg;
	if (q->type != DNS_TXT)
		return false;
	return dns_reply_txt(reply, 1, q->name, strlen(q->name)) == 0 ||
	    dns_reply_add(reply, q->name, DNS_CNAME, 1, q->name) == 0;
}

static struct dns *
world(void)
{
	static const struct dns_callbacks callbacks = { answered, resolve };
	static const struct dns_rule rules[] = {
		{ .name = "*.x", .action = DNS_RULE_SERIES, .nth = 50 },
		{ .name = "?", .action = DNS_RULE_ANSWER },
		{ .name = "*b*b", .type = DNS_A, .action = DNS_RULE_SILENCE,
		    .skip = 1, .count = 9 },
	};
	struct addr_prefix v4, v6;
	char error[100];

	if (addr_prefix_parse(&v4, "198.18.0.0/24") < 0 ||
	    addr_prefix_parse(&v6, "2001:2::/48") < 0)
		abort();
	struct dns *dns = dns_new(names_new(&v4, &v6), &callbacks, NULL);

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		int n = dns_rules_add(dns_rules(dns), &rules[i], error,
		    sizeof error);

		if (n < 0 || (i == 1 && (dns_rules_record(dns_rules(dns), n,
		    DNS_CNAME, 1, "c.x", error, sizeof error) < 0 ||
		    dns_rules_record(dns_rules(dns), n, DNS_MX, 1, "1 ?.x",
		    error, sizeof error) < 0)))
			abort();
	}
	return dns;
}

/* The response, read back. */
static void
verify(size_t length, size_t limit)
{
	struct cursor c = cursor_of(out, length);
	struct dns_header h;
	struct dns_name name;
	struct dns_record r;
	uint16_t type, class;

	dns_header_read(&c, &h);
	for (unsigned i = 0; i < h.qdcount; i++)
		dns_question_read(&c, &name, &type, &class);
	for (unsigned i = 0; i < (unsigned)h.ancount + h.nscount + h.arcount;
	    i++)
		dns_record_read(&c, &r);
	if (length > limit || c.failed || cursor_left(&c) != 0 ||
	    !(h.flags & DNS_QR))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct dns *dns;

	if (dns == NULL)
		dns = world();
	for (int tcp = 0; tcp < 2; tcp++) {
		struct dns_query_info from = {
			.proto = tcp ? IPPROTO_TCP : IPPROTO_UDP };
		size_t length = dns_answer(dns, &from, bytes, n, out,
		    sizeof out);

		if (length > 0)
			verify(length, tcp ? sizeof out : 1232);
	}
	return 0;
}
