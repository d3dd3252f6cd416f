/*
 * Listening sockets. A reply must bear the address and port that were asked:
 * with TPROXY it goes through a sender (net/sender.h).
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "net/listener.h"
#include "net/sender.h"

/* Connections and datagrams taken in one turn, before others have theirs. */
#define LISTENER_BATCH 64
#define LISTENER_BACKLOG 4096
#define LISTENER_DATAGRAM 65536
/* A flood is the sample's purpose: room for a burst of it. */
#define LISTENER_UDP_BUFFER (4 * 1024 * 1024)

struct listener {
	const struct listener_callbacks *cb;
	void *arg;
	struct listener_options options;
	struct addr addr;
	int tcp, udp;
	struct event *tcp_event, *udp_event;
	struct sender *sender; /* NULL without TPROXY */
	uint8_t *buffer;
};

/* Sets an integer option; -1 and a line in the log if it is refused. */
static int
listener_set(int fd, int level, int name, int value, const char *what)
{
	if (setsockopt(fd, level, name, &value, sizeof value) == 0)
		return 0;
	log_error("can't set %s: %s", what, strerror(errno));
	return -1;
}

/* The options that a transparent socket of this family needs. */
static int
listener_set_transparent(int fd, int family)
{
	if (family == AF_INET)
		return listener_set(fd, IPPROTO_IP, IP_TRANSPARENT, 1,
		    "IP_TRANSPARENT");
	return listener_set(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1,
	    "IPV6_TRANSPARENT");
}

static int
listener_set_original(int fd, int family)
{
	if (family == AF_INET)
		return listener_set(fd, IPPROTO_IP, IP_RECVORIGDSTADDR, 1,
		    "IP_RECVORIGDSTADDR");
	return listener_set(fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1,
	    "IPV6_RECVORIGDSTADDR");
}

/* A bound socket of the type, or -1; errno tells, and nothing is logged. */
static int
listener_bind(int type, const struct addr *a, bool transparent)
{
	struct sockaddr_storage ss;
	socklen_t n = addr_to_sockaddr(a, &ss);
	int one = 1, fd;

	fd = socket(a->family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (a->family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	if ((transparent && listener_set_transparent(fd, a->family) < 0) ||
	    bind(fd, (struct sockaddr *)&ss, n) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* The destination of an accepted connection: its own local address. */
static int
listener_dest(const struct listener *l, int fd, struct addr *dest)
{
	struct sockaddr_storage ss;
	socklen_t n = sizeof ss;

	if (l->options.pretend.family != 0) {
		*dest = l->options.pretend;
		return 0;
	}
	if (getsockname(fd, (struct sockaddr *)&ss, &n) < 0)
		return -1;
	return addr_from_sockaddr(dest, (struct sockaddr *)&ss);
}

static void
listener_accept_cb(evutil_socket_t listening, short what A_UNUSED, void *arg)
{
	struct listener *l = arg;

	for (int i = 0; i < LISTENER_BATCH; i++) {
		struct sockaddr_storage ss;
		socklen_t n = sizeof ss;
		struct addr src, dest;
		int fd = accept4(listening, (struct sockaddr *)&ss, &n,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE ||
		    errno == ENOBUFS || errno == ENOMEM)) {
			log_warn("can't accept: %s", strerror(errno));
			listener_pause(l);
			return;
		}
		if (fd < 0)
			return;
		if (addr_from_sockaddr(&src, (struct sockaddr *)&ss) < 0 ||
		    listener_dest(l, fd, &dest) < 0) {
			close(fd);
			continue;
		}
		l->cb->accepted(l->arg, fd, &src, &dest);
	}
}

/* Finds the original destination among a message's control data. */
static int
listener_original(struct msghdr *m, struct addr *dest)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
	    c = CMSG_NXTHDR(m, c)) {
		if ((c->cmsg_level == IPPROTO_IP &&
		    c->cmsg_type == IP_ORIGDSTADDR) ||
		    (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_ORIGDSTADDR))
			return addr_from_sockaddr(dest,
			    (const void *)CMSG_DATA(c));
	}
	return -1;
}

static void
listener_datagram_cb(evutil_socket_t fd, short what A_UNUSED, void *arg)
{
	struct listener *l = arg;

	for (int i = 0; i < LISTENER_BATCH; i++) {
		struct sockaddr_storage ss;
		union {
			struct cmsghdr header;
			char bytes[CMSG_SPACE(sizeof(struct sockaddr_in6)) * 2];
		} control;
		struct iovec iov = { l->buffer, LISTENER_DATAGRAM };
		struct msghdr m = { .msg_name = &ss, .msg_namelen = sizeof ss,
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof control };
		struct listener_path path = { .listener = l, .dest = l->addr };
		ssize_t n = recvmsg(fd, &m, 0);

		if (n < 0)
			return;
		if (addr_from_sockaddr(&path.src, (struct sockaddr *)&ss) < 0)
			continue;
		if (l->options.transparent &&
		    listener_original(&m, &path.dest) < 0)
			continue;
		if (l->options.pretend.family != 0)
			path.dest = l->options.pretend;
		l->cb->datagram(l->arg, &path, l->buffer, (size_t)n);
	}
}

/* Opens the pair on one port; with port 0 the TCP socket chooses it. */
static int
listener_open(struct listener *l)
{
	const struct listener_options *o = &l->options;
	struct sockaddr_storage ss;

	for (int attempt = 0; attempt < 16; attempt++) {
		socklen_t n = sizeof ss;

		l->addr = o->bind;
		if ((l->tcp = listener_bind(SOCK_STREAM, &l->addr,
		    o->transparent)) < 0)
			return -1;
		if (getsockname(l->tcp, (struct sockaddr *)&ss, &n) < 0 ||
		    addr_from_sockaddr(&l->addr, (struct sockaddr *)&ss) < 0)
			return -1;
		l->udp = listener_bind(SOCK_DGRAM, &l->addr, o->transparent);
		if (l->udp >= 0)
			return listen(l->tcp, LISTENER_BACKLOG);
		/* Somebody has this UDP port: another, if we may choose. */
		if (o->bind.port != 0 || errno != EADDRINUSE)
			return -1;
		close(l->tcp);
		l->tcp = -1;
	}
	return -1;
}

struct listener *
listener_new(struct event_base *base, const struct listener_options *o,
    const struct listener_callbacks *cb, void *arg)
{
	struct listener *l = xcalloc(1, sizeof *l);
	char text[ADDR_TEXT_SIZE];
	int size = LISTENER_UDP_BUFFER, one = 1;

	l->cb = cb;
	l->arg = arg;
	l->options = *o;
	l->tcp = l->udp = -1;
	l->buffer = xmalloc(LISTENER_DATAGRAM);
	if (listener_open(l) < 0) {
		log_error("can't listen on %s port %u: %s",
		    addr_text(&o->bind, text), o->bind.port, strerror(errno));
		goto fail;
	}
	setsockopt(l->tcp, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (setsockopt(l->udp, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof size) < 0)
		setsockopt(l->udp, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (o->transparent &&
	    listener_set_original(l->udp, l->addr.family) < 0)
		goto fail;
	if (o->transparent &&
	    (l->sender = sender_new(l->addr.family)) == NULL) {
		log_error("no raw socket to answer datagrams with: %s",
		    strerror(errno));
		goto fail;
	}
	l->tcp_event = event_new(base, l->tcp, EV_READ | EV_PERSIST,
	    listener_accept_cb, l);
	l->udp_event = event_new(base, l->udp, EV_READ | EV_PERSIST,
	    listener_datagram_cb, l);
	if (l->tcp_event == NULL || l->udp_event == NULL)
		fatal("no memory for events");
	event_add(l->tcp_event, NULL);
	event_add(l->udp_event, NULL);
	return l;
fail:
	listener_free(l);
	return NULL;
}

void
listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	if (l->tcp_event != NULL)
		event_free(l->tcp_event);
	if (l->udp_event != NULL)
		event_free(l->udp_event);
	sender_free(l->sender);
	if (l->tcp >= 0)
		close(l->tcp);
	if (l->udp >= 0)
		close(l->udp);
	free(l->buffer);
	free(l);
}

const struct addr *
listener_addr(const struct listener *l)
{
	return &l->addr;
}

void
listener_pause(struct listener *l)
{
	event_del(l->tcp_event);
}

void
listener_resume(struct listener *l)
{
	event_add(l->tcp_event, NULL);
}

int
listener_reply(const struct listener_path *path, const void *bytes, size_t n)
{
	struct listener *l = path->listener;
	struct sockaddr_storage ss;
	socklen_t size;

	if (l == NULL) {
		errno = EHOSTUNREACH;
		return -1;
	}
	if (l->sender != NULL)
		return sender_send(l->sender, &path->dest, &path->src, bytes, n);
	size = addr_to_sockaddr(&path->src, &ss);
	return sendto(l->udp, bytes, n, MSG_NOSIGNAL, (struct sockaddr *)&ss,
	    size) < 0 ? -1 : 0;
}
