/*
 * A packet socket on the bridge that only solicitations pass.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "net/neighbours.h"
#include "wire/neighbour.h"

#define NEIGHBOURS_BATCH 64
#define NEIGHBOURS_OWN 8
/* Addresses of devices, as the lab's routes for IPv4 leave them out, too. */
#define NEIGHBOURS_DEVICE_FIRST 2
#define NEIGHBOURS_DEVICE_LAST 7

struct neighbours {
	struct addr_prefix lan;
	struct addr own[NEIGHBOURS_OWN];
	size_t own_count;
	int fd;
	uint8_t mac[NEIGHBOUR_MAC];
	struct event *event;
};

/* Is an address somebody's, or none of the network? */
static bool
neighbours_taken(const struct neighbours *s, const struct addr *a)
{
	struct addr device;

	if (!addr_prefix_has(&s->lan, a))
		return true;
	for (size_t i = 0; i < s->own_count; i++) {
		if (addr_same_host(a, &s->own[i]))
			return true;
	}
	for (uint64_t n = NEIGHBOURS_DEVICE_FIRST; n <= NEIGHBOURS_DEVICE_LAST;
	    n++) {
		if (addr_prefix_nth(&s->lan, n, &device) == 0 &&
		    addr_same_host(a, &device))
			return true;
	}
	return false;
}

static void
neighbours_readable(evutil_socket_t fd, short what A_UNUSED, void *arg)
{
	static const struct addr nobody = { .family = AF_INET6 };
	struct neighbours *s = arg;
	uint8_t in[256], out[NEIGHBOUR_FRAME];
	struct neighbour q;

	for (int i = 0; i < NEIGHBOURS_BATCH; i++) {
		struct sockaddr_ll from;
		socklen_t length = sizeof from;
		ssize_t n = recvfrom(fd, in, sizeof in, 0,
		    (struct sockaddr *)&from, &length);

		if (n < 0)
			return;
		/* Whoever tries an address out is to have it. */
		if (from.sll_pkttype == PACKET_OUTGOING ||
		    neighbour_parse(&q, in, (size_t)n) < 0 ||
		    addr_same_host(&q.src, &nobody) ||
		    addr_same_host(&q.src, &q.target) ||
		    neighbours_taken(s, &q.target))
			continue;
		neighbour_answer(&q, s->mac, out);
		if (send(fd, out, sizeof out, 0) < 0)
			log_debug("a neighbour could not be answered: %s",
			    strerror(errno));
	}
}

/* Finds the link, and all of our addresses; "" if there is none. */
static void
neighbours_find(struct neighbours *s, char link[static IFNAMSIZ])
{
	struct ifaddrs *list, *i;
	struct addr a;

	link[0] = '\0';
	if (getifaddrs(&list) < 0)
		return;
	for (i = list; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET6 ||
		    addr_from_sockaddr(&a, i->ifa_addr) < 0 ||
		    !addr_prefix_has(&s->lan, &a) ||
		    s->own_count == NEIGHBOURS_OWN)
			continue;
		s->own[s->own_count++] = a;
		snprintf(link, IFNAMSIZ, "%s", i->ifa_name);
	}
	freeifaddrs(list);
}

/* Lets only ICMPv6 neighbour solicitations with hop limit 255 through. */
static int
neighbours_filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58 << 8 | 255, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 54),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 135, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 256),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
	    sizeof program);
}

static int
neighbours_open(struct neighbours *s, const char *link)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IPV6) };
	struct ifreq r = { 0 };

	snprintf(r.ifr_name, IFNAMSIZ, "%s", link);
	/* Bound before any protocol is on, so that nothing else comes. */
	s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0 || neighbours_filter(s->fd) < 0 ||
	    ioctl(s->fd, SIOCGIFHWADDR, &r) < 0)
		return -1;
	memcpy(s->mac, r.ifr_hwaddr.sa_data, NEIGHBOUR_MAC);
	at.sll_ifindex = (int)if_nametoindex(link);
	return bind(s->fd, (struct sockaddr *)&at, sizeof at);
}

struct neighbours *
neighbours_new(struct event_base *base, const struct addr_prefix *lan)
{
	struct neighbours *s = xcalloc(1, sizeof *s);
	char link[IFNAMSIZ];

	s->lan = *lan;
	s->fd = -1;
	neighbours_find(s, link);
	if (*link == '\0') {
		log_info("no link has an address of the IPv6 network: nobody "
		    "answers for its other addresses");
		free(s);
		return NULL;
	}
	if (neighbours_open(s, link) < 0) {
		log_warn("can't answer for IPv6 neighbours on %s: %s", link,
		    strerror(errno));
		if (s->fd >= 0)
			close(s->fd);
		free(s);
		return NULL;
	}
	s->event = event_new(base, s->fd, EV_READ | EV_PERSIST,
	    neighbours_readable, s);
	if (s->event == NULL)
		fatal("no memory for an event");
	event_add(s->event, NULL);
	return s;
}

void
neighbours_free(struct neighbours *s)
{
	if (s == NULL)
		return;
	event_free(s->event);
	close(s->fd);
	free(s);
}
