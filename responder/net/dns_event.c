/*
 * A DNS event as the journal's "dns" object (captures/README.md; names as in
 * Suricata's EVE, version 2).
 */
#include <netinet/in.h>

#include <stdlib.h>

#include "base/xmalloc.h"
#include "net/dns.h"

/* Data longer than this is allocated for; most is an address. */
#define DNS_EVENT_TEXT 1024

static void
dns_event_record(struct jsonw *json, const struct dns_record *r)
{
	char name[DNS_NAME_TEXT_SIZE], type[DNS_TYPE_TEXT_SIZE];
	char text[DNS_EVENT_TEXT];
	size_t n = dns_rdata_text(r, text, sizeof text);

	jsonw_object(json, NULL);
	jsonw_string(json, "rrname", dns_name_text(&r->name, name));
	jsonw_string(json, "rrtype", dns_type_text(r->type, type));
	jsonw_uint(json, "ttl", r->ttl);
	if (n < sizeof text)
		jsonw_string(json, "rdata", text);
	else {
		char *big = xmalloc(n + 1);

		dns_rdata_text(r, big, n + 1);
		jsonw_string(json, "rdata", big);
		free(big);
	}
	jsonw_object_end(json);
}

/* The answer section of the response, read back. */
static void
dns_event_answers(const struct dns_event *event, struct jsonw *json)
{
	struct cursor c = event->response;
	struct dns_header h;
	struct dns_name name;
	struct dns_record r;
	uint16_t type, class;

	dns_header_read(&c, &h);
	for (unsigned i = 0; i < h.qdcount; i++)
		dns_question_read(&c, &name, &type, &class);
	if (c.failed || h.ancount == 0)
		return;
	if (h.flags & DNS_TC)
		jsonw_bool(json, "tc", true);
	jsonw_array(json, "answers");
	for (unsigned i = 0; i < h.ancount; i++) {
		dns_record_read(&c, &r);
		if (c.failed)
			break;
		dns_event_record(json, &r);
	}
	jsonw_array_end(json);
}

/*
 * A datagram that says more than its question, or that has none that could be
 * read, is kept whole: of TCP the session has the bytes.
 */
static void
dns_event_query(const struct dns_event *event, struct jsonw *json)
{
	struct cursor c = event->query;
	struct dns_header h;
	struct dns_name name;
	uint16_t type, class;

	if (event->from->proto != IPPROTO_UDP)
		return;
	dns_header_read(&c, &h);
	dns_question_read(&c, &name, &type, &class);
	if (!c.failed && (cursor_left(&c) == 0 ||
	    (cursor_left(&c) == DNS_OPT_SIZE && h.arcount == 1)))
		return;
	jsonw_uint(json, "length", event->query.length);
	jsonw_bytes(json, "text", "base64", event->query.data,
	    event->query.length);
}

void
dns_event_json(const struct dns_event *event, struct jsonw *json)
{
	char text[DNS_TYPE_TEXT_SIZE];
	unsigned opcode = DNS_OPCODE(event->flags);

	jsonw_object(json, "dns");
	jsonw_string(json, "type",
	    event->response.length > 0 ? "answer" : "query");
	jsonw_uint(json, "id", event->id);
	if (opcode != 0)
		jsonw_uint(json, "opcode", opcode);
	if (event->rrname != NULL) {
		jsonw_string(json, "rrname", event->rrname);
		jsonw_string(json, "rrtype",
		    dns_type_text(event->rrtype, text));
		if (event->rrclass != DNS_IN)
			jsonw_uint(json, "rrclass", event->rrclass);
	}
	dns_event_query(event, json);
	if (event->rule != NULL)
		jsonw_string(json, "rule", event->rule);
	if (event->response.length > 0) {
		jsonw_string(json, "rcode",
		    dns_rcode_text(event->rcode, text));
		dns_event_answers(event, json);
	}
	jsonw_object_end(json);
}
