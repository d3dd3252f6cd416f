/*
 * DNS messages answered: which queries are in order, what stands in the
 * response's header, EDNS, truncation. The names' world is dns_zone.c.
 */
#include <netinet/in.h>

#include <stdlib.h>

#include "base/xmalloc.h"
#include "net/dns_reply.h"

/* RFC 1035, 2.3.4; and the size that needs no fragments (DNS flag day 2020). */
#define DNS_UDP_SIZE 512
#define DNS_EDNS_SIZE 1232
#define DNS_TTL 60
#define DNS_ALIASES_MAX 8
/* A resolver that many boxes ask; dns_set_version says another. */
#define DNS_VERSION "unbound 1.17.1"

/* What one query asks, beside its name. */
struct query {
	struct dns_header header;
	uint16_t type, class;
	bool question; /* it was readable */
	bool edns, dnssec_ok;
	uint8_t edns_version;
	uint16_t udp_size;
};

struct dns *
dns_new(struct names *names, const struct dns_callbacks *callbacks, void *arg)
{
	struct dns *dns = xcalloc(1, sizeof *dns);

	dns->names = names;
	if (callbacks != NULL)
		dns->callbacks = *callbacks;
	dns->arg = arg;
	dns->rules = dns_rules_new();
	dns->ttl = DNS_TTL;
	dns->version = xstrdup(DNS_VERSION);
	return dns;
}

void
dns_free(struct dns *dns)
{
	if (dns == NULL)
		return;
	dns_rules_free(dns->rules);
	free(dns->version);
	free(dns);
}

struct dns_rules *
dns_rules(struct dns *dns)
{
	return dns->rules;
}

void
dns_set_ttl(struct dns *dns, uint32_t ttl)
{
	dns->ttl = ttl;
}

void
dns_set_version(struct dns *dns, const char *version)
{
	free(dns->version);
	dns->version = xstrdup(version);
}

/* --- the reply --- */

void
dns_reply_record(struct dns_reply *reply, enum dns_section section,
    const struct dns_name *owner, uint16_t type, uint32_t ttl,
    const uint8_t *rdata, size_t n)
{
	if (reply->truncated)
		return;
	if (dns_record_write(&reply->dw, owner, type, DNS_IN, ttl, rdata,
	    n) == 0)
		reply->counts[section]++;
	else if (section != DNS_ADDITIONAL)
		reply->truncated = true;
}

void
dns_reply_addr(struct dns_reply *reply, enum dns_section section,
    const struct dns_name *owner, const struct addr *a)
{
	dns_reply_record(reply, section, owner,
	    a->family == AF_INET ? DNS_A : DNS_AAAA, reply->dns->ttl,
	    a->bytes, addr_size(a));
}

int
dns_reply_add(struct dns_reply *reply, const char *owner, uint16_t type,
    uint32_t ttl, const char *data)
{
	uint8_t rdata[4096];
	struct dns_name name = reply->qname;
	int n = dns_rdata_parse(type, data, rdata, sizeof rdata);

	if (n < 0 || (owner != NULL && dns_name_parse(&name, owner) < 0))
		return -1;
	dns_reply_record(reply, DNS_ANSWER, &name, type, ttl, rdata,
	    (size_t)n);
	return reply->truncated ? -1 : 0;
}

int
dns_reply_txt(struct dns_reply *reply, uint32_t ttl, const void *bytes,
    size_t n)
{
	const uint8_t *p = bytes;
	size_t size = n + n / 255 + 1;

	if (size > UINT16_MAX)
		return -1;
	uint8_t *rdata = xmalloc(size);
	struct writer w = writer_of(rdata, size);

	do {
		size_t piece = n < 255 ? n : 255;

		writer_u8(&w, (uint8_t)piece);
		writer_bytes(&w, p, piece);
		p += piece;
		n -= piece;
	} while (n > 0);
	dns_reply_record(reply, DNS_ANSWER, &reply->qname, DNS_TXT, ttl,
	    rdata, w.length);
	free(rdata);
	return reply->truncated ? -1 : 0;
}

void
dns_reply_rcode(struct dns_reply *reply, unsigned rcode)
{
	reply->rcode = rcode;
}

void
dns_reply_silence(struct dns_reply *reply)
{
	reply->silent = true;
}

/* --- the query --- */

/* The OPT record of EDNS (RFC 6891, 6.1.2); 0, or -1 if it is out of place. */
static int
query_opt(struct query *q, const struct dns_record *r, bool additional)
{
	if (q->edns || !additional || r->name.length != 1)
		return -1;
	q->edns = true;
	q->udp_size = r->class;
	q->edns_version = (uint8_t)(r->ttl >> 16);
	q->dnssec_ok = (r->ttl & 0x8000) != 0;
	return 0;
}

/* Reads all of a query behind its header; 0, or -1: FORMERR. */
static int
query_read(struct query *q, struct cursor *c, struct dns_name *name)
{
	struct dns_record r;
	unsigned records = (unsigned)q->header.ancount + q->header.nscount;

	/* More than one question has no meaning (RFC 9619). */
	if (q->header.qdcount != 1)
		return -1;
	dns_question_read(c, name, &q->type, &q->class);
	if (c->failed)
		return -1;
	q->question = true;
	for (unsigned i = 0; i < records + q->header.arcount; i++) {
		dns_record_read(c, &r);
		if (c->failed)
			return -1;
		if (r.type == DNS_OPT && query_opt(q, &r, i >= records) < 0)
			return -1;
	}
	/* Bytes behind the message are a sloppy sample's, and no reason to
	 * leave it without an answer. */
	return 0;
}

/* The return code for questions that no name can answer. */
static unsigned
query_refusal(const struct query *q, bool udp)
{
	if (q->class != DNS_IN && q->class != DNS_CH &&
	    q->class != DNS_CLASS_ANY)
		return DNS_REFUSED;
	switch (q->type) {
	case 0:
	case DNS_OPT:
	case DNS_TSIG:
		return DNS_FORMERR;
	case DNS_AXFR:
		/* RFC 5936, 4.2: over UDP it isn't defined. */
		return udp ? DNS_FORMERR : DNS_REFUSED;
	case DNS_IXFR:
		return DNS_REFUSED;
	case DNS_ANY:
		return DNS_NOERROR;
	default:
		/* Meta types (RFC 6895, 3.1) that nobody here implements. */
		return q->type >= 128 && q->type <= 255 ? DNS_NOTIMP :
		    DNS_NOERROR;
	}
}

/* --- the answer --- */

/* Class CH: what the server says of itself (RFC 4892). */
static void
dns_chaos(struct dns_reply *reply, uint16_t type)
{
	static const struct {
		const char *name, *text; /* NULL: the version */
	} known[] = {
		{ "version.bind", NULL },
		{ "version.server", NULL },
		{ "hostname.bind", "resolver1" },
		{ "id.server", "resolver1" },
	};
	struct dns *dns = reply->dns;
	struct dns_name name;

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (dns_name_parse(&name, known[i].name) < 0 ||
		    !dns_name_equal(&name, &reply->qname))
			continue;
		if (type != DNS_TXT && type != DNS_ANY)
			return;
		const char *text = known[i].text != NULL ? known[i].text :
		    dns->version;
		size_t n = strlen(text) < 255 ? strlen(text) : 255;
		uint8_t rdata[256];

		rdata[0] = (uint8_t)n;
		memcpy(rdata + 1, text, n);
		if (dns_record_write(&reply->dw, &reply->qname, DNS_TXT,
		    DNS_CH, 0, rdata, n + 1) == 0)
			reply->counts[DNS_ANSWER]++;
		return;
	}
	reply->rcode = DNS_REFUSED;
}

/* Rules, then the hook, then the usual answer; follows aliases of rules. */
static void
dns_resolve(struct dns_reply *reply, const struct dns_query_info *from,
    uint16_t type)
{
	struct dns *dns = reply->dns;
	struct dns_name name = reply->qname, alias;
	struct dns_question question = { from, reply->text, type };

	for (int i = 0; i < DNS_ALIASES_MAX; i++) {
		bool usual = false;

		alias.length = 0;
		if (dns_rules_answer(dns->rules, reply, &name, type, &usual,
		    &alias)) {
			if (alias.length == 0)
				return;
			name = alias;
			continue;
		}
		if (i == 0 && !usual && dns->callbacks.resolve != NULL &&
		    dns->callbacks.resolve(dns->arg, &question, reply)) {
			if (reply->counts[DNS_ANSWER] == 0 &&
			    !reply->truncated && !reply->silent &&
			    (reply->rcode == DNS_NOERROR ||
			    reply->rcode == DNS_NXDOMAIN))
				dns_zone_soa(reply, &name,
				    reply->rcode == DNS_NXDOMAIN);
			return;
		}
		dns_zone_answer(reply, &name, type);
		return;
	}
	/* Aliases that never end: a resolver gives up so. */
	reply->rcode = DNS_SERVFAIL;
}

/* Fills the reply for a query whose header is in order. */
static void
dns_decide(struct dns_reply *reply, struct query *q, struct cursor *c,
    const struct dns_query_info *from, size_t size)
{
	bool udp = from->proto == IPPROTO_UDP;

	if (DNS_OPCODE(q->header.flags) != 0) {
		reply->rcode = DNS_NOTIMP;
		if (query_read(q, c, &reply->qname) < 0)
			q->edns = false;
	} else if (query_read(q, c, &reply->qname) < 0) {
		reply->rcode = DNS_FORMERR;
		q->edns = false;
	}
	size_t limit = size;

	if (udp) {
		limit = q->edns && q->udp_size > DNS_UDP_SIZE ? q->udp_size :
		    DNS_UDP_SIZE;
		if (limit > DNS_EDNS_SIZE)
			limit = DNS_EDNS_SIZE;
		if (limit > size)
			limit = size;
	}
	reply->dw.w.size = limit - (q->edns ? DNS_OPT_SIZE : 0);
	if (q->question) {
		dns_name_text(&reply->qname, reply->text);
		dns_name_write(&reply->dw, &reply->qname);
		writer_u16(&reply->dw.w, q->type);
		writer_u16(&reply->dw.w, q->class);
	}
	if (reply->rcode != DNS_NOERROR)
		return;
	if (q->edns && q->edns_version != 0)
		reply->rcode = DNS_BADVERS;
	else if ((reply->rcode = query_refusal(q, udp)) != DNS_NOERROR)
		return;
	else if (q->class == DNS_CH)
		dns_chaos(reply, q->type);
	else
		dns_resolve(reply, from, q->type);
}

/* The OPT record and the header; the response's length. */
static size_t
dns_finish(struct dns_reply *reply, const struct query *q, size_t size)
{
	struct writer *w = &reply->dw.w;
	size_t length;
	struct dns_header h = q->header;

	w->size = size;
	if (q->edns) {
		writer_u8(w, 0);
		writer_u16(w, DNS_OPT);
		writer_u16(w, DNS_EDNS_SIZE);
		writer_u32(w, (uint32_t)(reply->rcode >> 4) << 24 |
		    (q->dnssec_ok ? 0x8000u : 0));
		writer_u16(w, 0);
		reply->counts[DNS_ADDITIONAL]++;
	}
	h.flags = (uint16_t)(DNS_QR | DNS_RA | (h.flags & (DNS_OPCODE_BITS |
	    DNS_RD | DNS_CD)) | (reply->truncated ? DNS_TC : 0) |
	    DNS_RCODE(reply->rcode));
	h.qdcount = q->question;
	h.ancount = reply->counts[DNS_ANSWER];
	h.nscount = reply->counts[DNS_AUTHORITY];
	h.arcount = reply->counts[DNS_ADDITIONAL];
	length = w->length;
	w->length = 0;
	dns_header_write(w, &h);
	return length;
}

size_t
dns_answer(struct dns *dns, const struct dns_query_info *from,
    const uint8_t *query, size_t n, uint8_t *out, size_t size)
{
	struct cursor c = cursor_of(query, n);
	struct dns_reply reply;
	struct query q;
	size_t length = 0;

	memset(&q, 0, sizeof q);
	reply.dns = dns;
	reply.dw.w = writer_of(out, size);
	reply.dw.w.length = DNS_HEADER_SIZE;
	reply.dw.count = 0;
	reply.qname.length = 0;
	memset(reply.counts, 0, sizeof reply.counts);
	reply.rcode = DNS_NOERROR;
	reply.rule = NULL;
	reply.truncated = reply.silent = false;

	dns_header_read(&c, &q.header);
	/* Without a header there is nobody to answer; a response isn't
	 * answered, or two servers would talk for ever. */
	if (!c.failed && !(q.header.flags & DNS_QR) && size >= DNS_UDP_SIZE) {
		dns_decide(&reply, &q, &c, from, size);
		if (!reply.silent)
			length = dns_finish(&reply, &q, size);
	}
	if (dns->callbacks.answered != NULL) {
		struct dns_event event = {
			.from = from,
			.query = cursor_of(query, n),
			.response = cursor_of(out, length),
			.id = q.header.id,
			.flags = q.header.flags,
			.rrname = q.question ? reply.text : NULL,
			.rrtype = q.type,
			.rrclass = q.class,
			.rcode = reply.rcode,
			.rule = reply.rule,
		};
		dns->callbacks.answered(dns->arg, &event);
	}
	return length;
}
