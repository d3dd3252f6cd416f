/*
 * Whose sockets send where, without a look at their calls: the kernel counts
 * what it sends (ways.c), and NETLINK_SOCK_DIAG lists the sockets that are open
 * (sock_diag(7)), as ss does. The first is for IPv4; the second misses what
 * lives too short.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define SOCKETS_MAX 2000
/* Not more often than so many nanoseconds. */
#define SOCKETS_PAUSE 400000000

static struct {
	unsigned inode;
	int pid;
} sockets_owners[SOCKETS_MAX];
static unsigned sockets_count;
static char sockets_out[32768];
static size_t sockets_n;
static int64_t sockets_last;

static void
sockets_flush(void)
{
	if (sockets_n > 0)
		channel_send(FRAME_SOCKETS, sockets_out, sockets_n);
	sockets_n = 0;
}

/* A line, in a frame with others. */
static void
sockets_line(const char *line, size_t n)
{
	if (sizeof sockets_out - sockets_n < n)
		sockets_flush();
	memcpy(sockets_out + sockets_n, line, n);
	sockets_n += n;
}

/* Which sockets a process holds. */
static void
sockets_of(int pid)
{
	char path[300], text[64];
	struct dirent *e;
	ssize_t n;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	if ((d = opendir(path)) == NULL)
		return;
	while ((e = readdir(d)) != NULL && sockets_count < SOCKETS_MAX) {
		snprintf(path, sizeof path, "/proc/%d/fd/%.20s", pid,
		    e->d_name);
		n = readlink(path, text, sizeof text - 1);
		text[n < 0 ? 0 : n] = '\0';
		if (strncmp(text, "socket:[", 8) != 0)
			continue;
		sockets_owners[sockets_count].inode =
		    (unsigned)strtoul(text + 8, NULL, 10);
		sockets_owners[sockets_count++].pid = pid;
	}
	closedir(d);
}

static void
sockets_owned(void)
{
	FILE *f = fopen("/sys/fs/cgroup/cell/cgroup.procs", "re");
	int pid;

	sockets_count = 0;
	while (f != NULL && fscanf(f, "%d", &pid) == 1)
		sockets_of(pid);
	if (f != NULL)
		fclose(f);
}

/* A socket that is open: told once for each process that holds it. */
static void
sockets_one(const struct inet_diag_msg *m, const char *proto)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN], line[200];

	inet_ntop(m->idiag_family, m->id.idiag_src, src, sizeof src);
	inet_ntop(m->idiag_family, m->id.idiag_dst, dst, sizeof dst);
	for (unsigned i = 0; i < sockets_count; i++) {
		if (sockets_owners[i].inode != m->idiag_inode)
			continue;
		sockets_line(line, (size_t)snprintf(line, sizeof line,
		    "sock %d %s %s %u %s %u\n", sockets_owners[i].pid, proto,
		    src, ntohs(m->id.idiag_sport), dst,
		    ntohs(m->id.idiag_dport)));
	}
}

/* Takes one batch of a dump: 1 when there is more to come. */
static int
sockets_batch(int fd, const char *proto)
{
	static char b[16384] __attribute__((aligned(8)));
	ssize_t n = recv(fd, b, sizeof b, 0);
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)b;

	for (; n > 0 && NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			return 0;
		sockets_one(NLMSG_DATA(h), proto);
	}
	return n >= 0;
}

static void
sockets_dump(void)
{
	static const struct {
		uint8_t family, proto;
		const char *name;
	} kinds[] = {
		{ AF_INET, IPPROTO_TCP, "TCP" }, { AF_INET, IPPROTO_UDP, "UDP" },
		{ AF_INET6, IPPROTO_TCP, "TCP" },
		{ AF_INET6, IPPROTO_UDP, "UDP" },
	};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC,
	    NETLINK_SOCK_DIAG);
	struct timeval patience = { 0, 200000 };

	if (fd == -1)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct {
			struct nlmsghdr head;
			struct inet_diag_req_v2 ask;
		} q = { .head = { .nlmsg_len = sizeof q,
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
			.ask = { .sdiag_family = kinds[i].family,
			.sdiag_protocol = kinds[i].proto,
			/* Neither listening nor waiting for its end. */
			.idiag_states = (1u << 1) | (1u << 2) | (1u << 4) |
			    (1u << 5) | (1u << 7) | (1u << 8) } };

		if (send(fd, &q, sizeof q, 0) == -1)
			continue;
		while (sockets_batch(fd, kinds[i].name))
			;
	}
	close(fd);
}

void
sockets_send(int last)
{
	int64_t now = guest_now(CLOCK_MONOTONIC);

	if (!last && now - sockets_last < SOCKETS_PAUSE)
		return;
	sockets_last = now;
	ways_tell(sockets_line);
	sockets_owned();
	if (sockets_count > 0)
		sockets_dump();
	sockets_flush();
}
