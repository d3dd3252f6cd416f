/*
 * Addresses and prefixes.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

static const uint8_t addr_mapped[12] = { [10] = 0xff, [11] = 0xff };

size_t
addr_size(const struct addr *a)
{
	return a->family == AF_INET ? 4 : 16;
}

int
addr_from_sockaddr(struct addr *a, const struct sockaddr *sa)
{
	memset(a, 0, sizeof *a);
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		a->family = AF_INET;
		a->port = ntohs(in->sin_port);
		memcpy(a->bytes, &in->sin_addr, 4);
		return 0;
	}
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;
		const uint8_t *b = in6->sin6_addr.s6_addr;

		a->port = ntohs(in6->sin6_port);
		if (memcmp(b, addr_mapped, sizeof addr_mapped) == 0) {
			a->family = AF_INET;
			memcpy(a->bytes, b + 12, 4);
		} else {
			a->family = AF_INET6;
			memcpy(a->bytes, b, 16);
		}
		return 0;
	}
	return -1;
}

socklen_t
addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof *ss);
	if (a->family == AF_INET) {
		struct sockaddr_in *in = (void *)ss;

		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->bytes, 4);
		return sizeof *in;
	}
	struct sockaddr_in6 *in6 = (void *)ss;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(a->port);
	memcpy(&in6->sin6_addr, a->bytes, 16);
	return sizeof *in6;
}

int
addr_parse(struct addr *a, const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return addr_from_sockaddr(a, (struct sockaddr *)&in);
	if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		return addr_from_sockaddr(a, (struct sockaddr *)&in6);
	return -1;
}

const char *
addr_text(const struct addr *a, char buf[static ADDR_TEXT_SIZE])
{
	char *p = buf;

	if (a->family != AF_INET) {
		if (inet_ntop(a->family, a->bytes, buf, ADDR_TEXT_SIZE) == NULL)
			strcpy(buf, "?");
		return buf;
	}
	/* By hand: inet_ntop goes through printf, four times a session. */
	for (int i = 0; i < 4; i++) {
		uint8_t n = a->bytes[i];

		if (n >= 100)
			*p++ = (char)('0' + n / 100);
		if (n >= 10)
			*p++ = (char)('0' + n / 10 % 10);
		*p++ = (char)('0' + n % 10);
		*p++ = i < 3 ? '.' : '\0';
	}
	return buf;
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return a->port == b->port && addr_same_host(a, b);
}

bool
addr_same_host(const struct addr *a, const struct addr *b)
{
	return a->family == b->family &&
	    memcmp(a->bytes, b->bytes, addr_size(a)) == 0;
}

/* Clears all bits of the address behind the first `bits`. */
static void
addr_mask(struct addr *a, unsigned bits)
{
	for (unsigned i = 0; i < addr_size(a); i++) {
		unsigned keep = bits > i * 8 ? bits - i * 8 : 0;

		if (keep < 8)
			a->bytes[i] &= (uint8_t)(0xff00u >> keep);
	}
}

int
addr_prefix_parse(struct addr_prefix *p, const char *text)
{
	char host[ADDR_TEXT_SIZE];
	const char *slash = strchr(text, '/');
	struct addr masked;
	char *end;

	if (slash == NULL || (size_t)(slash - text) >= sizeof host ||
	    slash[1] < '0' || slash[1] > '9')
		return -1;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	unsigned long bits = strtoul(slash + 1, &end, 10);
	if (*end != '\0' || addr_parse(&p->addr, host) < 0 ||
	    bits > addr_size(&p->addr) * 8)
		return -1;
	p->bits = (uint8_t)bits;
	masked = p->addr;
	addr_mask(&masked, p->bits);
	return addr_same_host(&masked, &p->addr) ? 0 : -1;
}

bool
addr_prefix_has(const struct addr_prefix *p, const struct addr *a)
{
	struct addr masked = *a;

	if (a->family != p->addr.family)
		return false;
	addr_mask(&masked, p->bits);
	return addr_same_host(&masked, &p->addr);
}

int
addr_prefix_nth(const struct addr_prefix *p, uint64_t n, struct addr *a)
{
	unsigned host_bits = (unsigned)addr_size(&p->addr) * 8 - p->bits;

	if (host_bits < 64 && n >> host_bits != 0)
		return -1;
	*a = p->addr;
	for (size_t i = addr_size(a); i-- > 0 && n != 0; n >>= 8)
		a->bytes[i] |= (uint8_t)n;
	return 0;
}
