#include "net/dhcp.h"

#include <sys/socket.h>

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/util.h>

#include "base/log.h"
#include "base/xmalloc.h"

#define LEASES 6
#define FIRST 2 /* the lab itself is the first address */

struct lease {
	uint8_t mac[6];
	bool taken, declined; /* declined: somebody else answers there */
};

struct dhcp {
	struct dhcp_options options;
	dhcp_cb done;
	void *arg;
	struct lease leases[LEASES];
	struct addr server;
	struct event *event;
	int fd;
};

static void
dhcp_lease_addr(const struct dhcp *d, size_t i, struct addr *addr)
{
	if (addr_prefix_nth(&d->options.lan, FIRST + i, addr) == -1)
		memset(addr, 0, sizeof *addr);
}

/* The lease of a client, or -1. */
static int
dhcp_find(const struct dhcp *d, const uint8_t *mac)
{
	for (int i = 0; i < LEASES; i++) {
		if (d->leases[i].taken &&
		    memcmp(d->leases[i].mac, mac, 6) == 0)
			return i;
	}
	return -1;
}

/* Which lease an address is, or -1. */
static int
dhcp_find_addr(const struct dhcp *d, const struct addr *addr)
{
	struct addr own;

	for (int i = 0; i < LEASES; i++) {
		dhcp_lease_addr(d, (size_t)i, &own);
		if (addr->family == AF_INET && addr_same_host(addr, &own))
			return i;
	}
	return -1;
}

/* The client's lease: the one it has, or wants and can have, or a free one. */
static int
dhcp_assign(struct dhcp *d, const struct dhcp_message *m)
{
	int i = dhcp_find(d, m->mac);

	if (i != -1)
		return i;
	i = dhcp_find_addr(d, &m->requested);
	if (i == -1 || d->leases[i].taken || d->leases[i].declined) {
		for (i = 0; i < LEASES; i++) {
			if (!d->leases[i].taken && !d->leases[i].declined)
				break;
		}
	}
	if (i == LEASES)
		return -1;
	d->leases[i].taken = true;
	memcpy(d->leases[i].mac, m->mac, 6);
	return i;
}

/*
 * A request for an address (RFC 2131, 4.3.2): after an offer, after a restart
 * of the client, or to keep what it has.
 */
static bool
dhcp_request(struct dhcp *d, const struct dhcp_message *m,
    struct dhcp_answer *a)
{
	const struct addr *want = m->requested.family != 0 ? &m->requested
							   : &m->client;
	struct addr own;
	int i;

	if (m->server.family != 0 && !addr_same_host(&m->server, &d->server))
		return false;
	a->type = DHCP_NAK;
	if (want->family == 0 || (i = dhcp_assign(d, m)) == -1)
		return true;
	dhcp_lease_addr(d, (size_t)i, &own);
	if (!addr_same_host(want, &own))
		return true;
	a->type = DHCP_ACK;
	a->address = own;
	return true;
}

/* Decides on the answer; false if there is none. */
static bool
dhcp_decide(struct dhcp *d, const struct dhcp_message *m,
    struct dhcp_answer *a)
{
	int i;

	switch (m->type) {
	case DHCP_DISCOVER:
		if ((i = dhcp_assign(d, m)) == -1)
			return false;
		a->type = DHCP_OFFER;
		dhcp_lease_addr(d, (size_t)i, &a->address);
		return true;
	case DHCP_REQUEST:
		return dhcp_request(d, m, a);
	case DHCP_INFORM:
		a->type = DHCP_ACK;
		a->lease = 0;
		return true;
	case DHCP_DECLINE:
		i = dhcp_find_addr(d, &m->requested);
		if (i != -1 && i == dhcp_find(d, m->mac)) {
			d->leases[i].taken = false;
			d->leases[i].declined = true;
		}
		return false;
	case DHCP_RELEASE: /* it gets the same address next time */
	case DHCP_OFFER:
	case DHCP_ACK:
	case DHCP_NAK:
		break;
	}
	return false;
}

struct dhcp *
dhcp_new(const struct dhcp_options *options, dhcp_cb done, void *arg)
{
	struct dhcp *d = xcalloc(1, sizeof *d);

	d->options = *options;
	d->done = done;
	d->arg = arg;
	d->fd = -1;
	if (addr_prefix_nth(&options->lan, 1, &d->server) == -1)
		memset(&d->server, 0, sizeof d->server);
	return d;
}

void
dhcp_free(struct dhcp *d)
{
	if (d == NULL)
		return;
	if (d->event != NULL)
		event_free(d->event);
	if (d->fd != -1)
		close(d->fd);
	free(d);
}

size_t
dhcp_input(struct dhcp *d, const void *data, size_t n,
    uint8_t out[static DHCP_SIZE])
{
	struct dhcp_answer a = { .server = d->server, .router = d->server,
		.dns = d->server, .bits = d->options.lan.bits,
		.lease = d->options.lease, .domain = d->options.domain };
	struct dhcp_message m;
	bool answer;

	if (dhcp_parse(&m, data, n) == -1)
		return 0;
	answer = dhcp_decide(d, &m, &a);
	d->done(d->arg, &m, answer ? &a : NULL);
	return answer ? dhcp_write(out, DHCP_SIZE, &m, &a) : 0;
}

/*
 * A client that has no address yet can't be sent to, so all answers go to
 * everybody.
 */
static void
dhcp_readable(evutil_socket_t fd, short what A_UNUSED, void *arg)
{
	struct sockaddr_in all = { .sin_family = AF_INET,
		.sin_port = htons(DHCP_CLIENT_PORT),
		.sin_addr.s_addr = INADDR_BROADCAST };
	uint8_t in[1500], out[DHCP_SIZE];
	ssize_t n;

	while ((n = recv(fd, in, sizeof in, MSG_DONTWAIT)) >= 0) {
		size_t length = dhcp_input(arg, in, (size_t)n, out);

		if (length > 0 && sendto(fd, out, length, 0,
			(struct sockaddr *)&all, sizeof all) == -1)
			log_warn("a DHCP answer could not be sent: %s",
			    strerror(errno));
	}
}

int
dhcp_listen(struct dhcp *d, struct event_base *base, const char *interface)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
		.sin_port = htons(DHCP_SERVER_PORT) };
	int on = 1, saved;

	d->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd == -1)
		return -1;
	/* Answers to renewals are sent from this port by other sockets. */
	if (setsockopt(d->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
	    setsockopt(d->fd, SOL_SOCKET, SO_BINDTODEVICE, interface,
		(socklen_t)strlen(interface)) == -1 ||
	    setsockopt(d->fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == -1 ||
	    bind(d->fd, (struct sockaddr *)&any, sizeof any) == -1) {
		saved = errno;
		close(d->fd);
		d->fd = -1;
		errno = saved;
		return -1;
	}
	d->event = event_new(base, d->fd, EV_READ | EV_PERSIST, dhcp_readable,
	    d);
	if (d->event == NULL || event_add(d->event, NULL) == -1)
		fatal("no memory for the DHCP socket");
	return 0;
}
