#include "lab/links.h"

#include <sys/socket.h>

#include <errno.h>
#include <linux/if.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xmalloc.h"

/* One request with room for two attributes. */
struct request {
	struct nlmsghdr head;
	uint8_t body[128];
};

static int
netlink_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd == -1)
		fatal("netlink: %s", strerror(errno));
	return fd;
}

static void
request_init(struct request *r, uint16_t type, uint16_t flags,
    const void *body, size_t n)
{
	memset(r, 0, sizeof *r);
	memcpy(r->body, body, n);
	r->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(n);
	r->head.nlmsg_type = type;
	r->head.nlmsg_flags = NLM_F_REQUEST | flags;
}

static void
request_attr(struct request *r, uint16_t type, const void *data, size_t n)
{
	struct rtattr *a = (void *)((uint8_t *)r +
	    NLMSG_ALIGN(r->head.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(n);
	memcpy(RTA_DATA(a), data, n);
	r->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->head.nlmsg_len) +
	    RTA_ALIGN(a->rta_len));
}

/*
 * Sends the request and calls fn for each answer until the last one (of a
 * dump: NLMSG_DONE; otherwise the first). 0, or the kernel's errno.
 */
static int
request_run(int fd, struct request *r,
    void (*fn)(const struct nlmsghdr *, void *arg), void *arg)
{
	union {
		struct nlmsghdr head;
		uint8_t bytes[32768];
	} buf;
	const struct nlmsghdr *h;
	const struct nlmsgerr *e;
	ssize_t n;
	size_t left;

	if (send(fd, r, r->head.nlmsg_len, 0) == -1)
		return errno;
	for (;;) {
		if ((n = recv(fd, buf.bytes, sizeof buf, 0)) <= 0)
			return n == 0 ? EPIPE : errno;
		left = (size_t)n;
		for (h = &buf.head; NLMSG_OK(h, left);
		     h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR) {
				e = NLMSG_DATA(h);
				return -e->error;
			}
			if (fn != NULL)
				fn(h, arg);
			if ((h->nlmsg_flags & NLM_F_MULTI) == 0)
				return 0;
		}
	}
}

/* The attribute of a type among n bytes of them, or NULL. */
static const struct rtattr *
attr_find(const struct rtattr *a, size_t n, unsigned short type)
{
	for (; RTA_OK(a, n); a = RTA_NEXT(a, n)) {
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	}
	return NULL;
}

static const struct rtattr *
link_attr(const struct nlmsghdr *h, unsigned short type)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);

	return attr_find(IFLA_RTA(info), IFLA_PAYLOAD(h), type);
}

/* The kind of a link ("veth"), or "device". */
static const char *
link_kind(const struct nlmsghdr *h)
{
	const struct rtattr *a = link_attr(h, IFLA_LINKINFO);

	if (a != NULL)
		a = attr_find(RTA_DATA(a), RTA_PAYLOAD(a), IFLA_INFO_KIND);
	return a == NULL ? "device" : RTA_DATA(a);
}

static const char *
link_name(const struct nlmsghdr *h)
{
	const struct rtattr *a = link_attr(h, IFLA_IFNAME);

	return a == NULL ? "?" : RTA_DATA(a);
}

/* Takes the number by which this namespace knows the one that was asked. */
static void
take_nsid(const struct nlmsghdr *h, void *arg)
{
	const struct rtgenmsg *body = NLMSG_DATA(h);
	const struct rtattr *a;

	a = attr_find((const void *)((const uint8_t *)body +
	    NLMSG_ALIGN(sizeof *body)),
	    NLMSG_PAYLOAD(h, sizeof *body), NETNSA_NSID);
	if (h->nlmsg_type == RTM_NEWNSID && a != NULL)
		memcpy(arg, RTA_DATA(a), sizeof(int32_t));
}

struct foreign {
	int32_t nsid;
	const char *what;
	struct problems *problems;
};

static void
judge_link(const struct nlmsghdr *h, void *arg)
{
	struct foreign *f = arg;
	const struct rtattr *a = link_attr(h, IFLA_LINK_NETNSID);
	int32_t nsid;

	if (h->nlmsg_type != RTM_NEWLINK || a == NULL)
		return;
	memcpy(&nsid, RTA_DATA(a), sizeof nsid);
	if (nsid == f->nsid)
		problem(f->problems, "link %s (%s) of %s is tied to the lab",
		    link_name(h), link_kind(h), f->what);
}

/* Calls fn for each link of the namespace that we are in. */
static int
each_link(int fd, void (*fn)(const struct nlmsghdr *, void *), void *arg)
{
	struct ifinfomsg any = { .ifi_family = AF_UNSPEC };
	struct request r;

	request_init(&r, RTM_GETLINK, NLM_F_DUMP, &any, sizeof any);
	return request_run(fd, &r, fn, arg);
}

void
links_foreign(int lab_fd, const char *what, struct problems *problems)
{
	struct foreign f = { .nsid = -1, .what = what, .problems = problems };
	struct rtgenmsg any = { .rtgen_family = AF_UNSPEC };
	uint32_t target = (uint32_t)lab_fd;
	struct request r;
	int error, fd = netlink_open();

	request_init(&r, RTM_GETNSID, 0, &any, sizeof any);
	r.head.nlmsg_len = NLMSG_ALIGN(r.head.nlmsg_len);
	request_attr(&r, NETNSA_FD, &target, sizeof target);
	error = request_run(fd, &r, take_nsid, &f.nsid);
	/* No number means that nothing there has ever been tied to the lab. */
	if (error == 0 && f.nsid >= 0)
		error = each_link(fd, judge_link, &f);
	if (error != 0)
		problem(problems, "can't ask for the links of %s: %s", what,
		    strerror(error));
	close(fd);
}

static void
take_tap(const struct nlmsghdr *h, void *arg)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	char **taps = arg;
	size_t i;

	if (strcmp(link_kind(h), "tun") != 0 ||
	    (info->ifi_flags & IFF_LOWER_UP) == 0)
		return;
	for (i = 0; i < LINKS_TAPS && taps[i] != NULL; i++)
		;
	if (i < LINKS_TAPS)
		taps[i] = xstrdup(link_name(h));
}

void
links_taps(char *taps[static LINKS_TAPS + 1])
{
	int fd = netlink_open(), error;

	memset(taps, 0, (LINKS_TAPS + 1) * sizeof *taps);
	if ((error = each_link(fd, take_tap, taps)) != 0)
		fatal("can't list the lab's links: %s", strerror(error));
	close(fd);
}

void
links_forget(int ifindex, const struct addr *addr)
{
	struct ndmsg nd = { .ndm_family = addr->family,
		.ndm_ifindex = ifindex };
	struct request r;
	int fd = netlink_open();

	request_init(&r, RTM_DELNEIGH, NLM_F_ACK, &nd, sizeof nd);
	request_attr(&r, NDA_DST, addr->bytes, addr_size(addr));
	/* ENOENT: it was never learnt, as in an offline lab. */
	(void)request_run(fd, &r, NULL, NULL);
	close(fd);
}
