/*
 * A raw UDP socket: the IP header is the kernel's, which also makes fragments;
 * the UDP header (RFC 768) is ours.
 *
 *   source port │ destination port │ length │ checksum │ data …
 */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <errno.h>
#include <linux/filter.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xmalloc.h"
#include "net/sender.h"

/* What IP can carry; IPv6 without jumbograms, too. */
#define SENDER_MAX (65535 - 8)

struct sender {
	int family, fd;
};

/* A raw socket hears all UDP; this one nothing. */
static int
sender_deafen(int fd)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_fprog program = { 1, code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
	    sizeof program);
}

/* Bound where nobody sends to, it isn't even offered what comes. */
static int
sender_hide(const struct sender *s)
{
	struct sockaddr_storage ss;
	struct addr nowhere;

	if (addr_parse(&nowhere, s->family == AF_INET ? "127.255.255.254" :
	    "::1") < 0)
		return -1;
	return bind(s->fd, (struct sockaddr *)&ss,
	    addr_to_sockaddr(&nowhere, &ss));
}

struct sender *
sender_new(int family)
{
	struct sender *s = xcalloc(1, sizeof *s);
	int one = 1, checksum = offsetof(struct udphdr, check), saved;
	bool six = family == AF_INET6;

	s->family = family;
	s->fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    IPPROTO_UDP);
	if (s->fd >= 0 && sender_deafen(s->fd) == 0 && sender_hide(s) == 0 &&
	    setsockopt(s->fd, six ? IPPROTO_IPV6 : IPPROTO_IP,
		six ? IPV6_TRANSPARENT : IP_TRANSPARENT, &one,
		sizeof one) == 0 &&
	    (!six || setsockopt(s->fd, IPPROTO_IPV6, IPV6_CHECKSUM, &checksum,
		sizeof checksum) == 0))
		return s;
	saved = errno;
	sender_free(s);
	errno = saved;
	return NULL;
}

void
sender_free(struct sender *s)
{
	if (s == NULL)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

/* Adds bytes to the sum of RFC 1071, as if an even number stood before them. */
static uint64_t
sender_sum(uint64_t sum, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (; n > 1; p += 2, n -= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	return n == 0 ? sum : sum + ((uint32_t)p[0] << 8);
}

/* IPv4's checksum, with the pseudo-header; never 0, which means "none". */
static uint16_t
sender_checksum(const struct addr *from, const struct addr *to,
    const struct udphdr *h, const void *bytes, size_t n)
{
	uint64_t sum = IPPROTO_UDP + ntohs(h->len);

	sum = sender_sum(sum, from->bytes, 4);
	sum = sender_sum(sum, to->bytes, 4);
	sum = sender_sum(sum, h, sizeof *h);
	sum = sender_sum(sum, bytes, n);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? 0xffff : (uint16_t)~sum;
}

/* Adds the control message that sets the source address. */
static void
sender_set_source(struct msghdr *m, const struct addr *from)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	if (from->family == AF_INET) {
		struct in_pktinfo info = { 0 };

		memcpy(&info.ipi_spec_dst, from->bytes, 4);
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof info);
		memcpy(CMSG_DATA(c), &info, sizeof info);
	} else {
		struct in6_pktinfo info = { 0 };

		memcpy(&info.ipi6_addr, from->bytes, 16);
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof info);
		memcpy(CMSG_DATA(c), &info, sizeof info);
	}
	m->msg_controllen = CMSG_SPACE(c->cmsg_len - CMSG_LEN(0));
}

int
sender_send(struct sender *s, const struct addr *from, const struct addr *to,
    const void *bytes, size_t n)
{
	struct udphdr h = { .source = htons(from->port),
		.dest = htons(to->port) };
	struct addr host = *to;
	struct sockaddr_storage ss;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = { 0 };
	struct iovec iov[2] = { { &h, sizeof h }, { .iov_len = n } };
	struct msghdr m = { .msg_name = &ss, .msg_iov = iov, .msg_iovlen = 2,
		.msg_control = &control, .msg_controllen = sizeof control };

	if (n > SENDER_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	h.len = htons((uint16_t)(sizeof h + n));
	if (s->family == AF_INET)
		h.check = htons(sender_checksum(from, to, &h, bytes, n));
	memcpy(&iov[1].iov_base, &bytes, sizeof bytes); /* it only reads */
	host.port = 0; /* for a raw socket that is the protocol */
	m.msg_namelen = addr_to_sockaddr(&host, &ss);
	sender_set_source(&m, from);
	return sendmsg(s->fd, &m, MSG_NOSIGNAL) < 0 ? -1 : 0;
}
