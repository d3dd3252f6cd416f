/*
 * Names and record data as text: what parses must print as text that parses
 * to the same bytes. The first two bytes choose the record type.
 */
#include <stdlib.h>

#include "base/xmalloc.h"
#include "wire/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
name_text(const char *text)
{
	char printed[DNS_NAME_TEXT_SIZE];
	struct dns_name a, b;

	if (dns_name_parse(&a, text) < 0)
		return;
	dns_name_text(&a, printed);
	if (dns_name_parse(&b, printed) < 0 || !dns_name_equal(&a, &b))
		abort();
}

static void
rdata_text(uint16_t type, const char *text)
{
	static uint8_t a[4096], b[4096];
	static char printed[65536];
	int n = dns_rdata_parse(type, text, a, sizeof a);

	if (n < 0)
		return;
	struct dns_record r = { .type = type, .length = (uint16_t)n,
		.message = cursor_of(a, (size_t)n) };

	/* One token has a limit of its own; longer data only prints. */
	if (dns_rdata_text(&r, printed, sizeof printed) > 2000)
		return;
	if (dns_rdata_parse(type, printed, b, sizeof b) != n ||
	    memcmp(a, b, (size_t)n) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n < 2)
		return 0;
	char *text = xmemdup0(bytes + 2, n - 2);

	name_text(text);
	rdata_text((uint16_t)(bytes[0] << 8 | bytes[1]), text);
	free(text);
	/* The rest as data from the network, of a type with fields. */
	static const uint16_t types[] = { DNS_A, DNS_AAAA, DNS_SOA, DNS_MX,
		DNS_TXT, DNS_SRV, DNS_HTTPS, DNS_CAA, 35, 43, 9999 };
	char printed[512];
	struct dns_record r = {
		.type = types[bytes[0] % (sizeof types / sizeof *types)],
		.length = (uint16_t)(n > 500 ? 500 : n),
		.message = cursor_of(bytes, n) };

	dns_rdata_text(&r, printed, bytes[1] % 3 ? sizeof printed : 8);
	return 0;
}
