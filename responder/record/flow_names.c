/*
 * Names out of DNS answers. An address is known by the name in the question,
 * not by the canonical one that a CNAME led to: the question is what the
 * sample has in its code.
 */
#include <netinet/in.h>
#include <string.h>

#include "record/flow_names.h"
#include "wire/dns.h"

#define FLOW_NAMES_RECORDS 64

static void
flow_names_message(struct flows *flows, const uint8_t *p, size_t n)
{
	struct cursor c = cursor_of(p, n);
	char text[DNS_NAME_TEXT_SIZE];
	struct dns_header header;
	struct dns_name name;
	uint16_t type, class;

	dns_header_read(&c, &header);
	if (c.failed || !(header.flags & DNS_QR) || header.qdcount != 1)
		return;
	dns_question_read(&c, &name, &type, &class);
	if (c.failed)
		return;
	dns_name_text(&name, text);
	for (char *t = text; *t != '\0'; t++)
		if (*t >= 'A' && *t <= 'Z')
			*t = (char)(*t - 'A' + 'a');
	for (unsigned i = 0; i < header.ancount && i < FLOW_NAMES_RECORDS;
	     i++) {
		struct addr a = { 0 };
		struct dns_record r;

		dns_record_read(&c, &r);
		if (c.failed)
			return;
		if (r.type == DNS_A && r.length == 4)
			a.family = AF_INET;
		else if (r.type == DNS_AAAA && r.length == 16)
			a.family = AF_INET6;
		else
			continue;
		const uint8_t *rdata = cursor_bytes(&r.message, r.length);
		if (rdata == NULL)
			return;
		memcpy(a.bytes, rdata, r.length);
		flows_name(flows, &a, text);
	}
}

void
flow_names_learn(struct flows *flows, const struct frame *f)
{
	const uint8_t *p = f->payload;
	size_t n = f->payload_size;

	if (!f->ports || f->src.port != 53 || p == NULL)
		return;
	if (f->proto == IPPROTO_UDP)
		flow_names_message(flows, p, n);
	else if (f->proto == IPPROTO_TCP && n > 2 &&
	    ((size_t)p[0] << 8 | p[1]) <= n - 2)
		flow_names_message(flows, p + 2, (size_t)p[0] << 8 | p[1]);
}
