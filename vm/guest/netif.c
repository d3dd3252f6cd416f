/*
 * The guest's address, set through ioctls: it is done after every restore, and
 * six forks of ip(8) would take longer than all the rest.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

/* The kernel's struct in6_ifreq; <linux/ipv6.h> collides with netinet/in.h. */
struct netif_in6 {
	struct in6_addr address;
	uint32_t bits;
	int index;
};

static void
netif_name(struct ifreq *r, const char *name)
{
	memset(r, 0, sizeof *r);
	snprintf(r->ifr_name, sizeof r->ifr_name, "%s", name);
}

int
netif_up(const char *name)
{
	struct ifreq r;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

	if (fd == -1)
		return errno;
	netif_name(&r, name);
	if (ioctl(fd, SIOCGIFFLAGS, &r) == -1)
		error = errno;
	r.ifr_flags |= IFF_UP | IFF_RUNNING;
	if (error == 0 && ioctl(fd, SIOCSIFFLAGS, &r) == -1)
		error = errno;
	close(fd);
	return error;
}

/* Sets one address of an ifreq request. */
static int
netif_set4(int fd, unsigned long request, const char *name, uint32_t address)
{
	struct ifreq r;
	struct sockaddr_in in = { .sin_family = AF_INET };

	netif_name(&r, name);
	in.sin_addr.s_addr = address;
	memcpy(&r.ifr_addr, &in, sizeof in);
	return ioctl(fd, request, &r) == -1 ? errno : 0;
}

int
netif_address4(const char *name, const char *address, int bits,
    const char *gateway)
{
	struct in_addr a, g;
	uint32_t mask = bits == 0 ? 0 : htonl(~0u << (32 - bits));
	struct rtentry route;
	struct sockaddr_in in = { .sin_family = AF_INET };
	int error, fd;

	if (bits < 0 || bits > 32 || inet_pton(AF_INET, address, &a) != 1 ||
	    inet_pton(AF_INET, gateway, &g) != 1)
		return EINVAL;
	if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return errno;
	error = netif_set4(fd, SIOCSIFADDR, name, a.s_addr);
	if (error == 0)
		error = netif_set4(fd, SIOCSIFNETMASK, name, mask);
	if (error == 0)
		error = netif_set4(fd, SIOCSIFBRDADDR, name, a.s_addr | ~mask);
	memset(&route, 0, sizeof route);
	memcpy(&route.rt_dst, &in, sizeof in);
	memcpy(&route.rt_genmask, &in, sizeof in);
	in.sin_addr = g;
	memcpy(&route.rt_gateway, &in, sizeof in);
	route.rt_flags = RTF_UP | RTF_GATEWAY;
	if (error == 0 && ioctl(fd, SIOCADDRT, &route) == -1 &&
	    errno != EEXIST)
		error = errno;
	close(fd);
	return error;
}

int
netif_address6(const char *name, const char *address, int bits,
    const char *gateway)
{
	struct netif_in6 a = { .bits = (uint32_t)bits };
	struct in6_rtmsg route;
	char path[128];
	int error = 0, fd;

	memset(&route, 0, sizeof route);
	if (inet_pton(AF_INET6, address, &a.address) != 1 ||
	    inet_pton(AF_INET6, gateway, &route.rtmsg_gateway) != 1)
		return EINVAL;
	/* Nobody else is on this link: don't wait a second for a duplicate. */
	snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/accept_dad",
	    name);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) != -1) {
		write_all(fd, "0", 1);
		close(fd);
	}
	if ((fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return errno;
	a.index = (int)if_nametoindex(name);
	if (ioctl(fd, SIOCSIFADDR, &a) == -1 && errno != EEXIST)
		error = errno;
	route.rtmsg_ifindex = a.index;
	route.rtmsg_flags = RTF_UP | RTF_GATEWAY;
	route.rtmsg_metric = 1;
	if (error == 0 && ioctl(fd, SIOCADDRT, &route) == -1 &&
	    errno != EEXIST)
		error = errno;
	close(fd);
	return error;
}
