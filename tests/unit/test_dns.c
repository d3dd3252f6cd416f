/*
 * net/dns: queries as bytes in, responses as bytes out, mostly as tables.
 * A response is written down as one line of text:
 *
 *   RCODE flags|answer|answer/authority/additional
 */
#include <netinet/in.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "net/dns.h"
#include "net/dns_rules.h"

struct world {
	struct names *names;
	struct dns *dns;
	struct jsonw json;
	int events;
	uint8_t out[DNS_MESSAGE_MAX];
	size_t length;
	char text[16384];
};

static void
answered(void *arg, const struct dns_event *event)
{
	struct world *w = arg;

	jsonw_reset(&w->json);
	jsonw_object(&w->json, NULL);
	dns_event_json(event, &w->json);
	jsonw_object_end(&w->json);
	w->events++;
}

/* A resolve hook: payload.example has a TXT record, gone.example nothing,
 * dead.example isn't there, mute.example never answers. */
static bool
resolve(void *arg, const struct dns_question *q, struct dns_reply *reply)
{
	char big[600];

	(void)arg;
	if (strcasecmp(q->name, "payload.example") == 0 && q->type == DNS_TXT) {
		memset(big, 'x', sizeof big);
		assert_int_equal(dns_reply_txt(reply, 5, "id\0;", 4), 0);
		if (q->from->proto == IPPROTO_TCP)
			assert_int_equal(dns_reply_txt(reply, 5, big,
			    sizeof big), 0);
		return true;
	}
	if (strcasecmp(q->name, "gone.example") == 0)
		return true;
	if (strcasecmp(q->name, "dead.example") == 0) {
		dns_reply_rcode(reply, DNS_NXDOMAIN);
		return true;
	}
	if (strcasecmp(q->name, "mute.example") == 0) {
		dns_reply_silence(reply);
		return true;
	}
	if (strcasecmp(q->name, "mx.example") == 0 && q->type == DNS_MX) {
		assert_int_equal(dns_reply_add(reply, NULL, DNS_MX, 7,
		    "x y"), -1);
		assert_int_equal(dns_reply_add(reply, NULL, DNS_MX, 7,
		    "5 in.example"), 0);
		return true;
	}
	return false;
}

static int
setup(void **state)
{
	static const struct dns_callbacks callbacks = { answered, resolve };
	struct world *w = calloc(1, sizeof *w);
	struct addr_prefix v4, v6;

	assert_int_equal(addr_prefix_parse(&v4, "198.18.0.0/15"), 0);
	assert_int_equal(addr_prefix_parse(&v6, "2001:2::/48"), 0);
	w->names = names_new(&v4, &v6);
	w->dns = dns_new(w->names, &callbacks, w);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	dns_free(w->dns);
	names_free(w->names);
	jsonw_free(&w->json);
	free(w);
	return 0;
}

static void
add(struct world *w, const char *text)
{
	strncat(w->text, text, sizeof w->text - strlen(w->text) - 1);
}

static void
describe_section(struct world *w, struct cursor *c, unsigned count)
{
	char name[DNS_NAME_TEXT_SIZE], type[DNS_TYPE_TEXT_SIZE];
	char rdata[4096], line[8192];
	struct dns_record r;

	for (unsigned i = 0; i < count; i++) {
		dns_record_read(c, &r);
		assert_false(c->failed);
		if (r.type == DNS_OPT) {
			snprintf(line, sizeof line, "|OPT %u v%u%s", r.class,
			    r.ttl >> 16 & 255, r.ttl & 0x8000 ? " do" : "");
			add(w, line);
			continue;
		}
		dns_rdata_text(&r, rdata, sizeof rdata);
		snprintf(line, sizeof line, "|%s %u %s %s",
		    dns_name_text(&r.name, name), r.ttl,
		    dns_type_text(r.type, type), rdata);
		add(w, line);
	}
}

/* The response in w->out as text. */
static const char *
describe(struct world *w)
{
	struct cursor c = cursor_of(w->out, w->length);
	char text[DNS_TYPE_TEXT_SIZE];
	struct dns_header h;
	struct dns_name name;
	uint16_t type, class;

	w->text[0] = '\0';
	if (w->length == 0)
		return "silence";
	dns_header_read(&c, &h);
	assert_true(h.flags & DNS_QR);
	add(w, dns_rcode_text(DNS_RCODE(h.flags), text));
	if (h.flags & DNS_TC)
		add(w, " tc");
	if (h.qdcount == 0)
		add(w, " noquestion");
	for (unsigned i = 0; i < h.qdcount; i++)
		dns_question_read(&c, &name, &type, &class);
	assert_false(c.failed);
	describe_section(w, &c, h.ancount);
	if (h.nscount + h.arcount > 0)
		add(w, "/");
	describe_section(w, &c, h.nscount);
	if (h.arcount > 0)
		add(w, "/");
	describe_section(w, &c, h.arcount);
	assert_int_equal(cursor_left(&c), 0);
	return w->text;
}

static const char *
send_bytes(struct world *w, uint8_t proto, const uint8_t *query, size_t n)
{
	struct dns_query_info from = { .proto = proto };

	w->length = dns_answer(w->dns, &from, query, n, w->out,
	    sizeof w->out);
	return describe(w);
}

struct ask {
	const char *name;
	uint16_t type, class;
	uint16_t edns; /* size, 0: without EDNS */
	uint16_t flags;
	uint8_t version;
	bool tcp;
};

static const char *
ask(struct world *w, struct ask a)
{
	uint8_t query[512];
	struct dns_writer dw = { .w = writer_of(query, sizeof query) };
	struct dns_header h = { .id = 0x1234, .flags = DNS_RD | a.flags,
		.qdcount = 1, .arcount = a.edns != 0 };
	struct dns_name name;

	assert_int_equal(dns_name_parse(&name, a.name), 0);
	dns_header_write(&dw.w, &h);
	dns_name_write(&dw, &name);
	writer_u16(&dw.w, a.type);
	writer_u16(&dw.w, a.class != 0 ? a.class : DNS_IN);
	if (a.edns != 0) {
		writer_u8(&dw.w, 0);
		writer_u16(&dw.w, DNS_OPT);
		writer_u16(&dw.w, a.edns);
		writer_u32(&dw.w, (uint32_t)a.version << 16 | 0x8000);
		writer_u16(&dw.w, 0);
	}
	return send_bytes(w, a.tcp ? IPPROTO_TCP : IPPROTO_UDP, query,
	    dw.w.length);
}

static const char *
ask_simple(struct world *w, const char *name, uint16_t type)
{
	return ask(w, (struct ask){ .name = name, .type = type });
}

#define SOA_C2 "/|c2.example 60 SOA ns1.c2.example. " \
	"hostmaster.c2.example. 2024010100 7200 3600 1209600 60"
#define SOA_EXAMPLE "/|example 60 SOA ns1.example. hostmaster.example. " \
	"2024010100 7200 3600 1209600 60"

#define GLUE(host, n) host " 60 A 198.18.0." n "|" host \
	" 60 AAAA 2001:2::" n

/* One after the other in one world: addresses are handed out in order. */
static void
usual_answers(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		const char *want;
	} cases[] = {
		{ "c2.example", DNS_A, "NOERROR|c2.example 60 A 198.18.0.2" },
		{ "b.example", DNS_A, "NOERROR|b.example 60 A 198.18.0.3" },
		{ "c2.example", DNS_AAAA,
		    "NOERROR|c2.example 60 AAAA 2001:2::2" },
		{ "C2.eXaMpLe", DNS_A, "NOERROR|C2.eXaMpLe 60 A 198.18.0.2" },
		{ "cnc", DNS_A, "NOERROR|cnc 60 A 198.18.0.4" },
		{ "a\\.b.example", DNS_A,
		    "NOERROR|a\\.b.example 60 A 198.18.0.5" },
		{ "\\000\\255.example", DNS_A,
		    "NOERROR|\\000\\255.example 60 A 198.18.0.6" },
		{ "c2.example", DNS_ANY, "NOERROR|" GLUE("c2.example", "2") },
		{ "c2.example", DNS_CNAME, "NOERROR" SOA_C2 },
		{ "c2.example", 44, "NOERROR" SOA_C2 },
		{ "c2.example", 65300, "NOERROR" SOA_C2 },
		{ "c2.example", DNS_NS, "NOERROR|c2.example 60 NS "
		    "ns1.c2.example.|c2.example 60 NS ns2.c2.example.//|"
		    GLUE("ns1.c2.example", "7") "|"
		    GLUE("ns2.c2.example", "8") },
		{ "www.c2.example", DNS_NS, "NOERROR" SOA_C2 },
		{ "c2.example", DNS_SOA, "NOERROR|c2.example 60 SOA "
		    "ns1.c2.example. hostmaster.c2.example. 2024010100 7200 "
		    "3600 1209600 60" },
		{ "c2.example", DNS_MX, "NOERROR|c2.example 60 MX 10 "
		    "mail.c2.example.//|" GLUE("mail.c2.example", "9") },
		{ "mail.c2.example", DNS_MX, "NOERROR|mail.c2.example 60 MX "
		    "10 mail.c2.example.//|" GLUE("mail.c2.example", "9") },
		{ "c2.example", DNS_TXT,
		    "NOERROR|c2.example 60 TXT \"v=spf1 mx a -all\"" },
		{ "_dmarc.c2.example", DNS_TXT,
		    "NOERROR|_dmarc.c2.example 60 TXT \"v=DMARC1; p=none\"" },
		{ "x.c2.example", DNS_TXT, "NOERROR" SOA_C2 },
		{ "_ldap._tcp.c2.example", DNS_SRV, "NOERROR|"
		    "_ldap._tcp.c2.example 60 SRV 0 0 389 c2.example.//|"
		    GLUE("c2.example", "2") },
		{ "_nothing._tcp.c2.example", DNS_SRV, "NOERROR" SOA_C2 },
		{ "c2.example", DNS_SRV, "NOERROR" SOA_C2 },
		{ "c2.example", DNS_CAA, "NOERROR|c2.example 60 CAA 0 issue "
		    "\"letsencrypt.org\"" },
		{ "c2.example", DNS_HTTPS, "NOERROR|c2.example 60 HTTPS 1 . "
		    "alpn=\"http/1.1\" ipv4hint=198.18.0.2 "
		    "ipv6hint=2001:2::2" },
		{ "c2.example", DNS_SVCB, "NOERROR" SOA_C2 },
		{ "www.shop.co.uk", DNS_SRV, "NOERROR/|shop.co.uk 60 SOA "
		    "ns1.shop.co.uk. hostmaster.shop.co.uk. 2024010100 7200 "
		    "3600 1209600 60" },
		/* reverse */
		{ "2.0.18.198.in-addr.arpa", DNS_PTR, "NOERROR|"
		    "2.0.18.198.in-addr.arpa 60 PTR c2.example." },
		{ "5.0.18.198.in-addr.arpa", DNS_PTR, "NOERROR|"
		    "5.0.18.198.in-addr.arpa 60 PTR a\\.b.example." },
		{ "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0."
		  "1.0.0.2.IP6.arpa", DNS_PTR, "NOERROR|"
		    "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0."
		    "1.0.0.2.IP6.arpa 60 PTR c2.example." },
		{ "8.8.8.8.in-addr.arpa", DNS_PTR, "NXDOMAIN/|in-addr.arpa "
		    "60 SOA ns1.in-addr.arpa. hostmaster.in-addr.arpa. "
		    "2024010100 7200 3600 1209600 60" },
		{ "2.0.18.198.in-addr.arpa", DNS_A, "NOERROR/|in-addr.arpa "
		    "60 SOA ns1.in-addr.arpa. hostmaster.in-addr.arpa. "
		    "2024010100 7200 3600 1209600 60" },
		{ "0.18.198.in-addr.arpa", DNS_PTR, "NOERROR/|in-addr.arpa "
		    "60 SOA ns1.in-addr.arpa. hostmaster.in-addr.arpa. "
		    "2024010100 7200 3600 1209600 60" },
		{ "1.0.0.127.in-addr.arpa", DNS_PTR, "NOERROR|"
		    "1.0.0.127.in-addr.arpa 60 PTR localhost." },
		/* names of special use */
		{ "localhost", DNS_A, "NOERROR|localhost 60 A 127.0.0.1" },
		{ "x.localhost", DNS_AAAA, "NOERROR|x.localhost 60 AAAA ::1" },
		{ "a.invalid", DNS_A, "NXDOMAIN/|invalid 60 SOA ns1.invalid. "
		    "hostmaster.invalid. 2024010100 7200 3600 1209600 60" },
		{ ".", DNS_A, "NOERROR/|. 60 SOA a.root-servers.net. "
		    "hostmaster. 2024010100 7200 3600 1209600 60" },
		{ ".", DNS_NS, "NOERROR|. 60 NS a.root-servers.net.|. 60 NS "
		    "b.root-servers.net.//|a.root-servers.net 60 A "
		    "198.18.0.10|a.root-servers.net 60 AAAA 2001:2::a|"
		    "b.root-servers.net 60 A 198.18.0.11|"
		    "b.root-servers.net 60 AAAA 2001:2::b" },
		{ "_dns.resolver.arpa", DNS_SVCB, "NOERROR/|resolver.arpa 60 "
		    "SOA ns1.resolver.arpa. hostmaster.resolver.arpa. "
		    "2024010100 7200 3600 1209600 60" },
		/* questions that no name can answer */
		{ "c2.example", DNS_AXFR, "FORMERR" },
		{ "c2.example", DNS_IXFR, "REFUSED" },
		{ "c2.example", DNS_MAILB, "NOTIMP" },
		{ "c2.example", DNS_OPT, "FORMERR" },
		{ "c2.example", 0, "FORMERR" },
		{ "c2.example", 200, "NOTIMP" },
		/* the hook */
		{ "PayLoad.example", DNS_TXT, "NOERROR|PayLoad.example 5 TXT "
		    "\"id\\000;\"" },
		{ "gone.example", DNS_A, "NOERROR/|gone.example 60 SOA "
		    "ns1.gone.example. hostmaster.gone.example. 2024010100 "
		    "7200 3600 1209600 60" },
		{ "dead.example", DNS_A, "NXDOMAIN" SOA_EXAMPLE },
		{ "mute.example", DNS_A, "silence" },
		{ "mx.example", DNS_MX, "NOERROR|mx.example 7 MX 5 "
		    "in.example." },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(ask_simple(*state, cases[i].name,
		    cases[i].type), cases[i].want);
}

static void
classes_and_edns(void **state)
{
	static const struct {
		struct ask ask;
		const char *want;
	} cases[] = {
		{ { "version.bind", DNS_TXT, .class = DNS_CH },
		    "NOERROR|version.bind 0 TXT \"named 9\"" },
		{ { "VERSION.bind", DNS_ANY, .class = DNS_CH },
		    "NOERROR|VERSION.bind 0 TXT \"named 9\"" },
		{ { "id.server", DNS_TXT, .class = DNS_CH },
		    "NOERROR|id.server 0 TXT \"resolver1\"" },
		{ { "version.bind", DNS_A, .class = DNS_CH }, "NOERROR" },
		{ { "other.bind", DNS_TXT, .class = DNS_CH }, "REFUSED" },
		{ { "a.example", DNS_A, .class = DNS_HS }, "REFUSED" },
		{ { "a.example", DNS_A, .class = 4000 }, "REFUSED" },
		{ { "a.example", DNS_A, .class = DNS_CLASS_ANY },
		    "NOERROR|a.example 30 A 198.18.0.2" },
		{ { "a.example", DNS_AXFR, .tcp = true }, "REFUSED" },
		{ { "a.example", DNS_A, .edns = 4096 }, "NOERROR|a.example 30 "
		    "A 198.18.0.2//|OPT 1232 v0 do" },
		/* the upper bits of BADVERS stand in the OPT record */
		{ { "a.example", DNS_A, .edns = 4096, .version = 1 },
		    "NOERROR//|OPT 1232 v0 do" },
		{ { "a.example", DNS_A, .flags = 1 << 11 }, "NOTIMP" },
		{ { "a.example", DNS_SOA, .flags = 4 << 11 }, "NOTIMP" },
		{ { "a.example", DNS_SOA, .flags = 5 << 11, .edns = 512 },
		    "NOTIMP//|OPT 1232 v0 do" },
		{ { "a.example", DNS_A, .flags = DNS_QR }, "silence" },
	};
	struct world *w = *state;

	dns_set_ttl(w->dns, 30);
	dns_set_version(w->dns, "named 9");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(ask(w, cases[i].ask), cases[i].want);
	ask(w, (struct ask){ "a.example", DNS_A, .edns = 4096, .version = 1 });
	assert_int_equal(w->out[w->length - 6], DNS_BADVERS >> 4);
}

/* What goes back unchanged in the header, and what never does. */
static void
header_bits(void **state)
{
	struct world *w = *state;

	ask(w, (struct ask){ "a.example", DNS_A,
	    .flags = DNS_CD | DNS_AA | DNS_TC | 0x60 | 3 });
	assert_int_equal(w->out[0] << 8 | w->out[1], 0x1234);
	assert_int_equal(w->out[2] << 8 | w->out[3],
	    DNS_QR | DNS_RD | DNS_RA | DNS_CD);
}

static void
messages_out_of_order(void **state)
{
#define HEAD "\x12\x34\1\0"
#define QUESTION "\1a\7example\0\0\1\0\1"
	static const struct {
		const char *bytes;
		size_t n;
		const char *want;
	} cases[] = {
#define CASE(text, want) { text, sizeof text - 1, want }
		CASE("", "silence"),
		CASE("\x12", "silence"),
		CASE("\x12\x34\1\0\0\1\0\0\0\0\0", "silence"),
		CASE(HEAD "\0\0\0\0\0\0\0\0", "FORMERR noquestion"),
		CASE(HEAD "\0\1\0\0\0\0\0\0", "FORMERR noquestion"),
		/* two questions (RFC 9619) */
		CASE(HEAD "\0\2\0\0\0\0\0\0" QUESTION QUESTION,
		    "FORMERR noquestion"),
		/* a name that runs out, and one that points to itself */
		CASE(HEAD "\0\1\0\0\0\0\0\0\77abc", "FORMERR noquestion"),
		CASE(HEAD "\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1",
		    "FORMERR noquestion"),
		CASE(HEAD "\0\1\0\0\0\0\0\0\x41z\0\0\1\0\1",
		    "FORMERR noquestion"),
		CASE(HEAD "\0\1\0\0\0\0\0\0\1a\7example\0\0\1\0",
		    "FORMERR noquestion"),
		/* records that are announced but missing, or cut off */
		CASE(HEAD "\0\1\0\1\0\0\0\0" QUESTION, "FORMERR"),
		CASE(HEAD "\0\1\0\0\0\0\0\1" QUESTION "\0\0\x29\x10\0\0\0\0\0"
		    "\0\4abc", "FORMERR"),
		/* two OPT, OPT elsewhere, OPT with a name (RFC 6891, 6.1.1) */
		CASE(HEAD "\0\1\0\0\0\0\0\2" QUESTION "\0\0\x29\x10\0\0\0\0\0"
		    "\0\0\0\0\x29\x10\0\0\0\0\0\0\0", "FORMERR"),
		CASE(HEAD "\0\1\0\0\0\1\0\0" QUESTION "\0\0\x29\x10\0\0\0\0\0"
		    "\0\0", "FORMERR"),
		CASE(HEAD "\0\1\0\0\0\0\0\1" QUESTION "\1x\0\0\x29\x10\0\0\0"
		    "\0\0\0\0", "FORMERR"),
		/* sloppy but clear */
		CASE(HEAD "\0\1\0\0\0\0\0\0" QUESTION "trailing",
		    "NOERROR|a.example 60 A 198.18.0.2"),
		CASE("\x12\x34\x28\0\0\0\0\0\0\0\0\0", "NOTIMP noquestion"),
#undef CASE
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_string_equal(send_bytes(w, IPPROTO_UDP,
		    (const uint8_t *)cases[i].bytes, cases[i].n),
		    cases[i].want);
		assert_int_equal(w->events, i + 1);
	}
}

/* Adds a rule, with one record when data is given. */
static void
rule(struct world *w, struct dns_rule spec, uint16_t type, const char *data)
{
	char error[128] = "";
	int n = dns_rules_add(dns_rules(w->dns), &spec, error, sizeof error);

	assert_string_equal(error, "");
	assert_true(n >= 0);
	if (data == NULL)
		return;
	assert_int_equal(dns_rules_record(dns_rules(w->dns), n, type, 9, data,
	    error, sizeof error), 0);
}

static void
rules_decide(void **state)
{
	static const struct {
		struct dns_rule rule;
		uint16_t type;
		const char *data;
	} rules[] = {
		{ { "fixed.example", 0, .action = DNS_RULE_ANSWER }, DNS_A,
		    "198.18.9.9" },
		{ { "v6only.example", DNS_A, .action = DNS_RULE_NODATA }, 0, NULL },
		{ { "live.dead.example.", 0, .action = DNS_RULE_DEFAULT }, 0, NULL },
		{ { "*.Dead.example", 0, .action = DNS_RULE_NXDOMAIN }, 0, NULL },
		{ { "broken.example", 0, .action = DNS_RULE_SERVFAIL }, 0, NULL },
		{ { "closed.example", 0, .action = DNS_RULE_REFUSED }, 0, NULL },
		{ { "slow.example", 0, .action = DNS_RULE_SILENCE, .count = 2 }, 0,
		    NULL },
		{ { "flux.example", 0, .action = DNS_RULE_ANSWER, .count = 1 }, DNS_A,
		    "198.18.9.1" },
		{ { "flux.example", 0, .action = DNS_RULE_ANSWER }, DNS_A,
		    "198.18.9.2" },
		{ { "later.example", 0, .action = DNS_RULE_NXDOMAIN, .skip = 1 }, 0,
		    NULL },
		{ { "alias.example", 0, .action = DNS_RULE_ANSWER }, DNS_CNAME,
		    "fixed.example" },
		{ { "alias2.example", 0, .action = DNS_RULE_ANSWER }, DNS_CNAME,
		    "else.example." },
		{ { "alias3.example", 0, .action = DNS_RULE_ANSWER }, DNS_CNAME,
		    "gone.dead.example" },
		{ { "loop.example", 0, .action = DNS_RULE_ANSWER }, DNS_CNAME,
		    "loop.example" },
		{ { "????.dga.example", 0, .action = DNS_RULE_SERIES, .nth = 3 }, 0,
		    NULL },
		{ { "txt.example", DNS_TXT, .action = DNS_RULE_ANSWER }, DNS_TXT,
		    "\"cmd;1\" two" },
		{ { "payload.example", 0, .action = DNS_RULE_DEFAULT }, 0, NULL },
		{ { "mail.ruled.*", 0, .action = DNS_RULE_NXDOMAIN }, 0, NULL },
		{ { "raw.example", 0, .action = DNS_RULE_ANSWER }, 65300,
		    "\\# 3 0a0b0c" },
	};
	static const struct {
		const char *name;
		uint16_t type;
		const char *want;
	} cases[] = {
		{ "Fixed.example", DNS_A,
		    "NOERROR|Fixed.example 9 A 198.18.9.9" },
		{ "fixed.example", DNS_AAAA, "NOERROR/|fixed.example 60 SOA "
		    "ns1.fixed.example. hostmaster.fixed.example. 2024010100 "
		    "7200 3600 1209600 60" },
		{ "v6only.example", DNS_A, "NOERROR/|v6only.example 60 SOA "
		    "ns1.v6only.example. hostmaster.v6only.example. "
		    "2024010100 7200 3600 1209600 60" },
		{ "v6only.example", DNS_AAAA,
		    "NOERROR|v6only.example 60 AAAA 2001:2::2" },
		{ "a.b.dead.example", DNS_A, "NXDOMAIN/|dead.example 60 SOA "
		    "ns1.dead.example. hostmaster.dead.example. 2024010100 "
		    "7200 3600 1209600 60" },
		{ "live.dead.example", DNS_A,
		    "NOERROR|live.dead.example 60 A 198.18.0.3" },
		{ "broken.example", DNS_A, "SERVFAIL" },
		{ "closed.example", DNS_MX, "REFUSED" },
		{ "slow.example", DNS_A, "silence" },
		{ "slow.example", DNS_A, "silence" },
		{ "slow.example", DNS_A,
		    "NOERROR|slow.example 60 A 198.18.0.4" },
		{ "flux.example", DNS_A,
		    "NOERROR|flux.example 9 A 198.18.9.1" },
		{ "flux.example", DNS_A,
		    "NOERROR|flux.example 9 A 198.18.9.2" },
		{ "flux.example", DNS_A,
		    "NOERROR|flux.example 9 A 198.18.9.2" },
		{ "later.example", DNS_A,
		    "NOERROR|later.example 60 A 198.18.0.5" },
		{ "later.example", DNS_A, "NXDOMAIN" SOA_EXAMPLE },
		{ "alias.example", DNS_A, "NOERROR|alias.example 9 CNAME "
		    "fixed.example.|fixed.example 9 A 198.18.9.9" },
		{ "alias.example", DNS_CNAME,
		    "NOERROR|alias.example 9 CNAME fixed.example." },
		{ "alias2.example", DNS_AAAA, "NOERROR|alias2.example 9 CNAME "
		    "else.example.|else.example 60 AAAA 2001:2::6" },
		{ "alias3.example", DNS_A, "NXDOMAIN|alias3.example 9 CNAME "
		    "gone.dead.example./|dead.example 60 SOA "
		    "ns1.dead.example. hostmaster.dead.example. 2024010100 "
		    "7200 3600 1209600 60" },
		/* the generated series: the third name lives, and the next */
		{ "aaaa.dga.example", DNS_A, "NXDOMAIN/|dga.example 60 SOA "
		    "ns1.dga.example. hostmaster.dga.example. 2024010100 7200 "
		    "3600 1209600 60" },
		{ "bbbb.dga.example", DNS_AAAA, "NXDOMAIN/|dga.example 60 SOA "
		    "ns1.dga.example. hostmaster.dga.example. 2024010100 7200 "
		    "3600 1209600 60" },
		{ "AAAA.dga.example", DNS_A, "NXDOMAIN/|dga.example 60 SOA "
		    "ns1.dga.example. hostmaster.dga.example. 2024010100 7200 "
		    "3600 1209600 60" },
		{ "cccc.dga.example", DNS_A,
		    "NOERROR|cccc.dga.example 60 A 198.18.0.7" },
		{ "aaaa.dga.example", DNS_A, "NXDOMAIN/|dga.example 60 SOA "
		    "ns1.dga.example. hostmaster.dga.example. 2024010100 7200 "
		    "3600 1209600 60" },
		{ "dddd.dga.example", DNS_A,
		    "NOERROR|dddd.dga.example 60 A 198.18.0.8" },
		{ "xx.dga.example", DNS_A,
		    "NOERROR|xx.dga.example 60 A 198.18.0.9" },
		{ "txt.example", DNS_TXT,
		    "NOERROR|txt.example 9 TXT \"cmd;1\" \"two\"" },
		/* a rule of one type answers ANY too; what is told beside an
		 * answer leaves out names that have rules */
		{ "txt.example", DNS_ANY,
		    "NOERROR|txt.example 9 TXT \"cmd;1\" \"two\"" },
		{ "ruled.example", DNS_MX,
		    "NOERROR|ruled.example 60 MX 10 mail.ruled.example." },
		/* a rule can also switch the hook off */
		{ "payload.example", DNS_TXT, "NOERROR|payload.example 60 TXT "
		    "\"v=spf1 mx a -all\"" },
		{ "raw.example", 65300,
		    "NOERROR|raw.example 9 TYPE65300 \\# 3 0a0b0c" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		rule(w, rules[i].rule, rules[i].type, rules[i].data);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(ask_simple(w, cases[i].name,
		    cases[i].type), cases[i].want);
	/* an alias to itself: a few steps, then failure */
	assert_memory_equal(ask_simple(w, "loop.example", DNS_A),
	    "SERVFAIL|", 9);
	dns_rules_clear(dns_rules(w->dns));
	assert_string_equal(ask_simple(w, "broken.example", DNS_A),
	    "NOERROR|broken.example 60 A 198.18.0.10");
}

static void
rules_refuse_mistakes(void **state)
{
	static const struct {
		struct dns_rule rule;
		uint16_t type;
		const char *data, *want;
	} cases[] = {
		{ { "", 0, .action = DNS_RULE_NXDOMAIN }, 0, NULL,
		    "a rule needs a name" },
		{ { "a..b", 0, .action = DNS_RULE_NXDOMAIN }, 0, NULL,
		    "'a..b' is no domain name" },
		{ { "*.x", 0, .action = DNS_RULE_SERIES }, 0, NULL,
		    "nth must be from 1 to 100000, not 0" },
		{ { "x", 0, .action = DNS_RULE_NXDOMAIN }, DNS_A, "1.2.3.4",
		    "only an answer has records" },
		{ { "x", 0, .action = DNS_RULE_ANSWER }, DNS_A, "::1",
		    "'::1' is no data for a A record" },
		{ { "x", 0, .action = DNS_RULE_ANSWER }, DNS_MX, "10",
		    "'10' is no data for a MX record" },
		{ { "x", 0, .action = DNS_RULE_ANSWER }, DNS_MX, "70000 a",
		    "'70000 a' is no data for a MX record" },
		{ { "x", 0, .action = DNS_RULE_ANSWER }, DNS_TXT, "\"open",
		    "'\"open' is no data for a TXT record" },
		{ { "x", 0, .action = DNS_RULE_ANSWER }, DNS_HTTPS, "1 . port=x",
		    "'1 . port=x' is no data for a HTTPS record" },
		{ { "x", 0, .action = DNS_RULE_ANSWER }, 65300, "x",
		    "'x' is no data for a TYPE65300 record" },
	};
	struct dns_rules *rules = dns_rules(((struct world *)*state)->dns);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char error[128] = "";
		int n = dns_rules_add(rules, &cases[i].rule, error,
		    sizeof error);

		if (cases[i].data != NULL)
			n = dns_rules_record(rules, n, cases[i].type, 1,
			    cases[i].data, error, sizeof error);
		assert_int_equal(n, -1);
		assert_string_equal(error, cases[i].want);
	}
	assert_int_equal(dns_rules_action("Timeout"), DNS_RULE_SILENCE);
	assert_int_equal(dns_rules_action("drop"), -1);
}

/* Every type that a rule can hold comes out as it went in. */
static void
record_data(void **state)
{
	static const struct {
		uint16_t type;
		const char *data;
	} cases[] = {
		{ DNS_A, "198.18.0.9" },
		{ DNS_AAAA, "2001:db8::9" },
		{ DNS_NS, "ns.example." },
		{ DNS_CNAME, "a\\.b.example." },
		{ DNS_PTR, "." },
		{ DNS_SOA, "a. b. 1 2 3 4 4294967295" },
		{ DNS_MX, "0 ." },
		{ DNS_TXT, "\"a b\" \"\\\"\\\\\\007\" \"\"" },
		{ DNS_SRV, "1 2 65535 host.example." },
		{ DNS_CAA, "128 issue \"ca.example; x=1\"" },
		{ DNS_CAA, "\\# 3 000061" }, /* a tag of no bytes */
		{ DNS_HTTPS, "1 svc.example. alpn=\"h2,http/1.1\" no-default-alpn "
		    "port=8443 ipv4hint=198.18.0.1,198.18.0.2 "
		    "ipv6hint=2001:2::1" },
		{ DNS_HTTPS, "0 other.example." },
		{ DNS_HINFO, "\"RFC8482\" \"\"" },
		{ 35, "100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:a@b!\" ." },
		{ 43, "60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118" },
		{ 65300, "\\# 0" },
		{ 65300, "\\# 2 00ff" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t rdata[512];
		char text[1024];
		int n = dns_rdata_parse(cases[i].type, cases[i].data, rdata,
		    sizeof rdata);

		assert_true(n >= 0);
		struct dns_record r = { .type = cases[i].type,
			.message = cursor_of(rdata, (size_t)n),
			.length = (uint16_t)n };

		dns_rdata_text(&r, text, sizeof text);
		assert_string_equal(text, cases[i].data);
	}
	/* RFC 9460, 2: parameters in any order, but each once */
	uint8_t want[64], rdata[64];
	int n = dns_rdata_parse(DNS_SVCB, "1 . alpn=h2 port=53 ipv4hint="
	    "198.18.0.1", want, sizeof want);

	assert_int_equal(n, 3 + 7 + 6 + 8);
	assert_int_equal(dns_rdata_parse(DNS_SVCB, "1 . ipv4hint=198.18.0.1 "
	    "alpn=h2 port=53", rdata, sizeof rdata), n);
	assert_memory_equal(rdata, want, (size_t)n);
	assert_int_equal(dns_rdata_parse(DNS_SVCB, "1 . port=53 alpn=h2 port=1",
	    rdata, sizeof rdata), -1);
}

/* What is DNS on DNS's ports, and what is somebody else's. */
static void
guesses(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		bool silent;
		enum dns_guess want;
	} cases[] = {
#define GUESS(text, silent, want) { text, sizeof text - 1, silent, want }
		GUESS("", false, DNS_GUESS_MAYBE),
		GUESS("\0", false, DNS_GUESS_MAYBE),
		GUESS("\0\x1b", false, DNS_GUESS_MAYBE),
		GUESS("\0\x1b", true, DNS_GUESS_YES),
		GUESS("\0\5", false, DNS_GUESS_NO),
		GUESS("\0\x1b" HEAD "\0\1\0\0\0\0\0", false,
		    DNS_GUESS_MAYBE),
		GUESS("\0\x1b" HEAD "\0\1\0\0\0\0\0\0", false,
		    DNS_GUESS_YES),
		/* a response, more questions than anybody has, text */
		GUESS("\0\x1b\x12\x34\x81", false, DNS_GUESS_NO),
		GUESS("\0\x1b" HEAD "\1", false, DNS_GUESS_NO),
		GUESS("hi\n", false, DNS_GUESS_MAYBE),
		GUESS("hi\n", true, DNS_GUESS_NO),
		GUESS("GET / HTTP/1.1\r\n", false, DNS_GUESS_NO),
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(dns_guess((const uint8_t *)cases[i].bytes,
		    cases[i].n, cases[i].silent), cases[i].want);
	assert_true(dns_is_query(HEAD "\0\2\0\0\0\0\0\0", 12));
	assert_false(dns_is_query(HEAD "\0\2\0\0\0\0\0", 11));
	assert_false(dns_is_query("\x12\x34\x81\0\0\1\0\0\0\0\0\0", 12));
	assert_false(dns_is_query("LOGIN mips 1.0\n", 15));
}

/* RFC 3597, 4: only the old types' names are compressed. */
static void
compression(void **state)
{
	struct world *w = *state;
	uint8_t rdata[DNS_NAME_MAX];
	struct dns_writer dw = { .w = writer_of(w->out, sizeof w->out) };
	struct dns_name owner;

	assert_int_equal(dns_name_parse(&owner, "a.a.example"), 0);
	int n = dns_rdata_parse(DNS_NS, "NS.a.EXAMPLE", rdata, sizeof rdata);
	assert_int_equal(dns_record_write(&dw, &owner, DNS_NS, DNS_IN, 0,
	    rdata, (size_t)n), 0);
	/* whole owner, ten octets, "NS" and a pointer */
	assert_int_equal(dw.w.length, 13 + 10 + 3 + 2);
	n = dns_rdata_parse(DNS_SRV, "0 0 0 a.a.example", rdata, sizeof rdata);
	assert_int_equal(dns_record_write(&dw, &owner, DNS_SRV, DNS_IN, 0,
	    rdata, (size_t)n), 0);
	assert_int_equal(dw.w.length, 28 + 2 + 10 + 6 + 13);
	/* what doesn't fit leaves no trace */
	dw.w.size = dw.w.length + 20;
	assert_int_equal(dns_record_write(&dw, &owner, DNS_SRV, DNS_IN, 0,
	    rdata, (size_t)n), -1);
	assert_int_equal(dw.w.length, 28 + 2 + 10 + 6 + 13);
	assert_false(dw.w.failed);
}

static void
truncation(void **state)
{
	struct world *w = *state;
	char error[128], data[32];
	int n = dns_rules_add(dns_rules(w->dns),
	    &(struct dns_rule){ "big.example", 0, .action = DNS_RULE_ANSWER }, error,
	    sizeof error);

	for (int i = 0; i < 100; i++) {
		snprintf(data, sizeof data, "198.18.7.%d", i);
		assert_int_equal(dns_rules_record(dns_rules(w->dns), n, DNS_A,
		    9, data, error, sizeof error), 0);
	}
	/* 12 + 17 for the question, 16 for each address */
	assert_memory_equal(ask_simple(w, "big.example", DNS_A),
	    "NOERROR tc|", 11);
	assert_int_equal(w->length, 12 + 17 + 30 * 16);
	ask(w, (struct ask){ "big.example", DNS_A, .edns = 1232 });
	assert_true(w->length > 1200 && w->length <= 1232);
	assert_non_null(strstr(w->text, "NOERROR tc|"));
	/* a client that lies about its room gets no more than 1232 */
	ask(w, (struct ask){ "big.example", DNS_A, .edns = 65535 });
	assert_true(w->length <= 1232);
	ask(w, (struct ask){ "big.example", DNS_A, .edns = 1 });
	assert_true(w->length <= 512);
	ask(w, (struct ask){ "big.example", DNS_A, .tcp = true });
	assert_int_equal(w->length, 12 + 17 + 100 * 16);
	assert_null(strstr(w->text, " tc"));
	/* the hook's long TXT over TCP */
	ask(w, (struct ask){ "payload.example", DNS_TXT, .tcp = true });
	assert_int_equal(w->length, 12 + 21 + 12 + 5 + 12 + 603);
}

/* A full pool isn't the sample's fault: it meets the lab's target instead. */
static void
full_pool(void **state)
{
	struct world *w = *state;
	struct addr_prefix v4, v6;
	struct addr a;

	assert_int_equal(addr_prefix_parse(&v4, "198.18.0.0/30"), 0);
	assert_int_equal(addr_prefix_parse(&v6, "2001:2::/126"), 0);
	struct names *names = names_new(&v4, &v6);
	struct dns *dns = dns_new(names, NULL, NULL), *old = w->dns;

	w->dns = dns;
	ask_simple(w, "a.example", DNS_A);
	ask_simple(w, "b.example", DNS_A);
	assert_int_equal(names_addr(names, "c.example", AF_INET, &a), -1);
	assert_string_equal(ask_simple(w, "c.example", DNS_A),
	    "NOERROR|c.example 60 A 198.18.0.1");
	assert_string_equal(ask_simple(w, "c.example", DNS_AAAA),
	    "NOERROR|c.example 60 AAAA 2001:2::1");
	assert_string_equal(ask_simple(w, "B.example", DNS_A),
	    "NOERROR|B.example 60 A 198.18.0.3");
	assert_int_equal(names_count(names), 2);
	w->dns = old;
	dns_free(dns);
	names_free(names);
}

static void
names_pool(void **state)
{
	struct names *names = ((struct world *)*state)->names;
	struct addr a, b;

	assert_int_equal(names_addr(names, "A.Example.", AF_INET, &a), 0);
	assert_int_equal(names_addr(names, "a.example", AF_INET6, &b), 0);
	a.port = 23;
	assert_string_equal(names_of(names, &a), "a.example");
	assert_string_equal(names_of(names, &b), "a.example");
	names_target(names, AF_INET, &a);
	assert_null(names_of(names, &a));
	assert_int_equal(addr_parse(&a, "198.18.0.3"), 0);
	assert_null(names_of(names, &a));
	assert_int_equal(addr_parse(&a, "2001:2:0:1::2"), 0);
	assert_null(names_of(names, &a));
	assert_int_equal(addr_parse(&a, "8.8.8.8"), 0);
	assert_null(names_of(names, &a));
	assert_int_equal(names_addr(names, "", AF_INET, &a), -1);
	/* a flood of names, and each is found again */
	for (int i = 0; i < 70000; i++) {
		char name[32];

		snprintf(name, sizeof name, "n%d.example", i);
		assert_int_equal(names_addr(names, name, AF_INET, &a), 0);
	}
	assert_string_equal(names_of(names, &a), "n69999.example");
	assert_int_equal(names_count(names), 70001);
}

static void
journal_object(void **state)
{
	struct world *w = *state;
	static const struct {
		struct ask ask;
		const char *want;
	} cases[] = {
		{ { "C2.example", .type = DNS_A },
		    "{\"dns\":{\"type\":\"answer\",\"id\":4660,\"rrname\":"
		    "\"C2.example\",\"rrtype\":\"A\",\"rcode\":\"NOERROR\","
		    "\"answers\":[{\"rrname\":\"C2.example\",\"rrtype\":\"A\","
		    "\"ttl\":60,\"rdata\":\"198.18.0.2\"}]}}" },
		{ { "no.example", .type = DNS_A },
		    "{\"dns\":{\"type\":\"answer\",\"id\":4660,\"rrname\":"
		    "\"no.example\",\"rrtype\":\"A\",\"rule\":"
		    "\"no.example\",\"rcode\":\"NXDOMAIN\"}}" },
		{ { "mute.example", .type = DNS_AAAA },
		    "{\"dns\":{\"type\":\"query\",\"id\":4660,\"rrname\":"
		    "\"mute.example\",\"rrtype\":\"AAAA\"}}" },
		{ { "version.bind", DNS_TXT, .class = DNS_CH },
		    "{\"dns\":{\"type\":\"answer\",\"id\":4660,\"rrname\":"
		    "\"version.bind\",\"rrtype\":\"TXT\",\"rrclass\":3,"
		    "\"rcode\":\"NOERROR\",\"answers\":[{\"rrname\":"
		    "\"version.bind\",\"rrtype\":\"TXT\",\"ttl\":0,\"rdata\":"
		    "\"\\\"unbound 1.17.1\\\"\"}]}}" },
	};

	rule(w, (struct dns_rule){ "no.example", 0, .action = DNS_RULE_NXDOMAIN }, 0,
	    NULL);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ask(w, cases[i].ask);
		assert_int_equal(w->json.length, strlen(cases[i].want));
		assert_memory_equal(w->json.data, cases[i].want,
		    w->json.length);
	}
	/* what says more than its question is kept byte for byte */
	static const char odd[] = HEAD "\0\1\0\0\0\0\0\0" QUESTION "\xff";
	static const struct dns_query_info udp = { .proto = IPPROTO_UDP };
	static const char want[] = "\"rrtype\":\"A\",\"length\":28,\"base64\":"
	    "\"EjQBAAABAAAAAAAAAWEHZXhhbXBsZQAAAQAB/w==\",\"rcode\"";

	dns_answer(w->dns, &udp, (const uint8_t *)odd, sizeof odd - 1, w->out,
	    sizeof w->out);
	jsonw_line_end(&w->json);
	assert_non_null(memmem(w->json.data, w->json.length, want,
	    sizeof want - 1));
	/* longer than any buffer on the stack, and still whole */
	ask(w, (struct ask){ "payload.example", DNS_TXT, .tcp = true });
	json_t *json = json_loadb(w->json.data, w->json.length, 0, NULL);
	const char *rdata = json_string_value(json_object_get(json_array_get(
	    json_object_get(json_object_get(json, "dns"), "answers"), 1),
	    "rdata"));

	assert_non_null(rdata);
	assert_int_equal(strlen(rdata), 600 + 3 * 2 + 2);
	json_decref(json);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(usual_answers),
		TEST(classes_and_edns),
		TEST(header_bits),
		TEST(messages_out_of_order),
		TEST(rules_decide),
		TEST(rules_refuse_mistakes),
		TEST(record_data),
		TEST(guesses),
		TEST(compression),
		TEST(truncation),
		TEST(full_pool),
		TEST(names_pool),
		TEST(journal_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
