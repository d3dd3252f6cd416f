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
		{ "2.0.18.198.in-addr.arpa", DNS_PTR, "NOERROR|"
		    "2.0.18.198.in-addr.arpa 60 PTR c2.example." },
		{ "c2.example", DNS_CNAME, "NOERROR" SOA_C2 },
		{ "c2.example", 44, "NOERROR" SOA_C2 },
		{ "c2.example", 65300, "NOERROR" SOA_C2 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(ask_simple(*state, cases[i].name,
		    cases[i].type), cases[i].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(usual_answers, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
