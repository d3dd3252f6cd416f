/*
 * The fixed part of a message (RFC 2131, figure 1), then a magic number and
 * options: one byte that says which, one that says how long, the value.
 *
 *   0        1        2        3
 *   +--------+--------+--------+--------+
 *   |   op   | htype  |  hlen  |  hops  |
 *   +--------+--------+--------+--------+
 *   |                xid                |
 *   +-----------------+-----------------+
 *   |      secs       |      flags      |
 *   +-----------------+-----------------+
 *   | ciaddr, yiaddr, siaddr, giaddr    |  4 bytes each
 *   +-----------------------------------+
 *   | chaddr (16), sname (64), file (128)|
 *   +-----------------------------------+
 */
#include "wire/dhcp.h"

#include <sys/socket.h>

#include <string.h>

#include "wire/cursor.h"

#define DHCP_COOKIE 0x63825363
#define BOOTREQUEST 1
#define BOOTREPLY 2
#define ETHERNET 1
/* Old clients drop anything shorter (RFC 1542, 2.1). */
#define DHCP_SHORTEST 300

enum dhcp_option { OPTION_PAD = 0, OPTION_MASK = 1, OPTION_ROUTER = 3,
	OPTION_DNS = 6, OPTION_HOSTNAME = 12, OPTION_DOMAIN = 15,
	OPTION_BROADCAST = 28, OPTION_REQUESTED = 50, OPTION_LEASE = 51,
	OPTION_TYPE = 53, OPTION_SERVER = 54, OPTION_VENDOR = 60,
	OPTION_END = 255 };

/* An IPv4 address; all zero means that none is named. */
static void
dhcp_read_addr(struct cursor *c, struct addr *addr)
{
	const uint8_t *p = cursor_bytes(c, 4);

	memset(addr, 0, sizeof *addr);
	if (p == NULL || memcmp(p, "\0\0\0\0", 4) == 0)
		return;
	addr->family = AF_INET;
	memcpy(addr->bytes, p, 4);
}

/* One option's value; what is of a wrong length is as if it weren't there. */
static void
dhcp_read_option(struct dhcp_message *m, uint8_t option, struct cursor value)
{
	size_t n = value.length;

	switch (option) {
	case OPTION_TYPE:
		if (n == 1)
			m->type = cursor_u8(&value);
		break;
	case OPTION_REQUESTED:
		if (n == 4)
			dhcp_read_addr(&value, &m->requested);
		break;
	case OPTION_SERVER:
		if (n == 4)
			dhcp_read_addr(&value, &m->server);
		break;
	case OPTION_HOSTNAME:
		m->hostname = value.data;
		m->hostname_length = n;
		break;
	case OPTION_VENDOR:
		m->vendor = value.data;
		m->vendor_length = n;
		break;
	default:
		break;
	}
}

/* All options up to the end, or to the first that is cut off. */
static void
dhcp_read_options(struct dhcp_message *m, struct cursor *c)
{
	while (cursor_left(c) > 0) {
		uint8_t option = cursor_u8(c);

		if (option == OPTION_PAD)
			continue;
		if (option == OPTION_END)
			return;
		uint8_t length = cursor_u8(c);
		struct cursor value = cursor_sub(c, length);

		if (value.failed)
			return;
		dhcp_read_option(m, option, value);
	}
}

int
dhcp_parse(struct dhcp_message *m, const void *data, size_t n)
{
	struct cursor c = cursor_of(data, n);
	const uint8_t *mac;

	memset(m, 0, sizeof *m);
	if (cursor_u8(&c) != BOOTREQUEST || cursor_u8(&c) != ETHERNET ||
	    cursor_u8(&c) != sizeof m->mac)
		return -1;
	(void)cursor_u8(&c);
	m->xid = cursor_u32(&c);
	m->seconds = cursor_u16(&c);
	m->flags = cursor_u16(&c);
	dhcp_read_addr(&c, &m->client);
	(void)cursor_bytes(&c, 12);
	mac = cursor_bytes(&c, 16);
	(void)cursor_bytes(&c, 64 + 128);
	if (cursor_u32(&c) != DHCP_COOKIE || c.failed)
		return -1;
	memcpy(m->mac, mac, sizeof m->mac);
	dhcp_read_options(m, &c);
	if (m->type < DHCP_DISCOVER || m->type > DHCP_INFORM)
		return -1;
	return 0;
}

static void
dhcp_write_option(struct writer *w, uint8_t option, const void *value,
    size_t n)
{
	writer_u8(w, option);
	writer_u8(w, (uint8_t)n);
	writer_bytes(w, value, n);
}

static void
dhcp_write_addr(struct writer *w, uint8_t option, const struct addr *addr)
{
	if (addr->family == AF_INET)
		dhcp_write_option(w, option, addr->bytes, 4);
}

/* The mask, and the broadcast address that follows from it. */
static void
dhcp_write_network(struct writer *w, const struct dhcp_answer *a)
{
	uint32_t mask = a->bits == 0 ? 0 : 0xffffffffu << (32 - a->bits);
	uint8_t all[4], bytes[4];

	for (unsigned i = 0; i < 4; i++) {
		bytes[i] = (uint8_t)(mask >> (24 - 8 * i));
		all[i] = a->server.bytes[i] | (uint8_t)~bytes[i];
	}
	dhcp_write_option(w, OPTION_MASK, bytes, 4);
	dhcp_write_option(w, OPTION_BROADCAST, all, 4);
}

static void
dhcp_write_head(struct writer *w, const struct dhcp_message *m,
    const struct dhcp_answer *a)
{
	static const uint8_t zero[192];

	writer_u8(w, BOOTREPLY);
	writer_u8(w, ETHERNET);
	writer_u8(w, sizeof m->mac);
	writer_u8(w, 0);
	writer_u32(w, m->xid);
	writer_u16(w, 0);
	writer_u16(w, m->flags);
	writer_bytes(w, a->type == DHCP_NAK ? zero : m->client.bytes, 4);
	writer_bytes(w, a->address.bytes, 4);
	writer_bytes(w, zero, 8);
	writer_bytes(w, m->mac, sizeof m->mac);
	writer_bytes(w, zero, 10);
	writer_bytes(w, zero, 192);
	writer_u32(w, DHCP_COOKIE);
}

size_t
dhcp_write(void *out, size_t size, const struct dhcp_message *m,
    const struct dhcp_answer *a)
{
	struct writer w = writer_of(out, size);
	uint8_t type = (uint8_t)a->type;
	uint8_t lease[4] = { (uint8_t)(a->lease >> 24),
		(uint8_t)(a->lease >> 16), (uint8_t)(a->lease >> 8),
		(uint8_t)a->lease };

	dhcp_write_head(&w, m, a);
	dhcp_write_option(&w, OPTION_TYPE, &type, 1);
	dhcp_write_addr(&w, OPTION_SERVER, &a->server);
	if (a->type != DHCP_NAK) {
		if (a->lease != 0)
			dhcp_write_option(&w, OPTION_LEASE, lease, 4);
		dhcp_write_network(&w, a);
		dhcp_write_addr(&w, OPTION_ROUTER, &a->router);
		dhcp_write_addr(&w, OPTION_DNS, &a->dns);
		if (a->domain != NULL)
			dhcp_write_option(&w, OPTION_DOMAIN, a->domain,
			    strlen(a->domain));
	}
	writer_u8(&w, OPTION_END);
	while (w.length < DHCP_SHORTEST && !w.failed)
		writer_u8(&w, OPTION_PAD);
	return w.failed ? 0 : w.length;
}

const char *
dhcp_type_name(enum dhcp_type type)
{
	static const char *const names[] = { "?", "discover", "offer",
		"request", "decline", "ack", "nak", "release", "inform" };

	return type >= DHCP_DISCOVER && type <= DHCP_INFORM ? names[type]
	    : names[0];
}
