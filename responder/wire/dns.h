/*
 * DNS messages (RFC 1035, section 4): names, the header, questions, records.
 * Only bytes; what is answered is net/dns.h's business.
 *
 * A name here is in wire form, uncompressed, as it was spelled (RFC 1035,
 * 3.1; draft 0x20 keeps the case). Its text has no final dot, the root is ".",
 * and dots, backslashes and unprintable bytes inside a label are escaped
 * (RFC 1035, 5.1: \. and \DDD), so that no two names share a text.
 */
#ifndef WIRE_DNS_H
#define WIRE_DNS_H

#include "base/attrib.h"
#include "wire/cursor.h"

#define DNS_NAME_MAX 255	  /* octets, with the root's (RFC 1035, 2.3.4) */
#define DNS_NAME_TEXT_SIZE 1020	  /* 254 octets, each \DDD at worst, and NUL */
#define DNS_HEADER_SIZE 12
#define DNS_OPT_SIZE 11		  /* an OPT record without options */
#define DNS_MESSAGE_MAX 65535
#define DNS_TYPE_TEXT_SIZE 16

enum dns_type {
	DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_PTR = 12,
	DNS_HINFO = 13, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_SRV = 33,
	DNS_OPT = 41, DNS_SVCB = 64, DNS_HTTPS = 65, DNS_TKEY = 249,
	DNS_TSIG = 250, DNS_IXFR = 251, DNS_AXFR = 252, DNS_MAILB = 253,
	DNS_MAILA = 254, DNS_ANY = 255, DNS_CAA = 257
};

enum dns_class { DNS_IN = 1, DNS_CH = 3, DNS_HS = 4, DNS_CLASS_ANY = 255 };

enum dns_rcode {
	DNS_NOERROR, DNS_FORMERR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_NOTIMP,
	DNS_REFUSED, DNS_BADVERS = 16 /* needs EDNS (RFC 6891, 6.1.3) */
};

/* Bits of the header's second word (RFC 1035, 4.1.1; RFC 4035, 3.1.6). */
#define DNS_QR 0x8000
#define DNS_OPCODE(flags) ((flags) >> 11 & 15)
#define DNS_OPCODE_BITS 0x7800
#define DNS_AA 0x0400
#define DNS_TC 0x0200
#define DNS_RD 0x0100
#define DNS_RA 0x0080
#define DNS_CD 0x0010
#define DNS_RCODE(flags) ((flags) & 15)

struct dns_name {
	uint8_t length; /* with the root's octet; 1 is the root itself */
	uint8_t wire[DNS_NAME_MAX];
};

struct dns_header {
	uint16_t id, flags, qdcount, ancount, nscount, arcount;
};

struct dns_record {
	struct dns_name name;
	uint16_t type, class;
	uint32_t ttl;		/* seconds */
	struct cursor message;	/* the whole message, standing at the rdata */
	uint16_t length;	/* of the rdata */
};

/* --- names --- */
/*
 * Reads a name and leaves the cursor behind it. Compression pointers may only
 * go back before the name's own start, so that there is no loop. On any fault
 * the cursor has failed.
 */
void dns_name_read(struct cursor *message, struct dns_name *);
/* Text with escapes to wire form; 0, or -1 if it is no name. */
int dns_name_parse(struct dns_name *, const char *text) A_MUST_USE;
/* Returns buf. */
const char *dns_name_text(const struct dns_name *,
    char buf[static DNS_NAME_TEXT_SIZE]);
/* Compares without case (RFC 4343). */
bool dns_name_equal(const struct dns_name *, const struct dns_name *);
/* Number of labels without the root's. */
unsigned dns_name_labels(const struct dns_name *);
/* The name without its first n labels. */
void dns_name_strip(const struct dns_name *, unsigned n, struct dns_name *);
/* "label" + name; -1 when that is too long. */
int dns_name_prepend(const char *label, const struct dns_name *,
    struct dns_name *) A_MUST_USE;

/* --- messages, reading --- */
void dns_header_read(struct cursor *, struct dns_header *);
/*
 * Can a datagram be for a name server? Of a query that is malformed further on
 * it says yes.
 */
bool dns_is_query(const void *, size_t);

enum dns_guess { DNS_GUESS_NO, DNS_GUESS_MAYBE, DNS_GUESS_YES };
/*
 * Does a TCP stream that begins with these bytes speak DNS (RFC 1035, 4.2.2)?
 * MAYBE: more bytes would tell, which a silent peer doesn't send.
 */
enum dns_guess dns_guess(const uint8_t *, size_t, bool silent);

void dns_question_read(struct cursor *, struct dns_name *, uint16_t *type,
    uint16_t *class);
void dns_record_read(struct cursor *, struct dns_record *);

/* --- messages, writing --- */
#define DNS_COMPRESS_MAX 32
/* Remembers where names lie in the message (RFC 1035, 4.1.4). */
struct dns_writer {
	struct writer w;
	uint16_t offsets[DNS_COMPRESS_MAX];
	unsigned count;
};

void dns_header_write(struct writer *, const struct dns_header *);
/* Writes a name, shortened by a pointer where an ending of it was written. */
void dns_name_write(struct dns_writer *, const struct dns_name *);
/*
 * Writes a whole record; rdata is in uncompressed wire form, the names in it
 * are compressed only where RFC 3597, section 4 allows it. When it doesn't
 * fit, writes nothing and returns -1.
 */
int dns_record_write(struct dns_writer *, const struct dns_name *owner,
    uint16_t type, uint16_t class, uint32_t ttl, const uint8_t *rdata,
    size_t n) A_MUST_USE;

/* --- types and record data as text (wire/dns_text.c) --- */
/* "A", or "TYPE1234" (RFC 3597, 5). Returns buf. */
const char *dns_type_text(uint16_t, char buf[static DNS_TYPE_TEXT_SIZE]);
/* The number of a type's name without case, "TYPE1234" too; -1 unknown. */
int dns_type_parse(const char *) A_MUST_USE;
/* "NOERROR", or "RCODE11". Returns buf. */
const char *dns_rcode_text(unsigned, char buf[static DNS_TYPE_TEXT_SIZE]);
/*
 * Presentation form of a record's data, as dig prints it; what can't be read
 * as its type comes in RFC 3597 form (\# 4 0a0d2502). Like snprintf, writes
 * at most size bytes with a NUL and returns the length that all would have.
 */
size_t dns_rdata_text(const struct dns_record *, char *buf, size_t size);
/*
 * The reverse, for the types that net/dns answers: text to uncompressed wire
 * form. Names are absolute with or without their final dot. Returns the
 * length, or -1 if the text is wrong or doesn't fit.
 */
int dns_rdata_parse(uint16_t type, const char *text, uint8_t *rdata,
    size_t size) A_MUST_USE;

#endif
