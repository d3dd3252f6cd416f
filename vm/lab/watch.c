#include "lab/watch.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xmalloc.h"

/* The marker lies within so much of any of our frames, even in a tunnel. */
#define SNAP 512
#define RECEIVE_BUFFER (16 << 20)

struct watcher {
	int fd;
	int told; /* index of the link that we told of last */
	char what[64];
};

struct watch {
	struct watcher *list;
	unsigned count;
	unsigned long packets;
};

struct watch *
watch_new(void)
{
	return xcalloc(1, sizeof(struct watch));
}

void
watch_free(struct watch *w)
{
	unsigned i;

	for (i = 0; i < w->count; i++)
		close(w->list[i].fd);
	free(w->list);
	free(w);
}

int
packet_socket(int ifindex)
{
	struct sock_filter head[] = { BPF_STMT(BPF_RET | BPF_K, SNAP) };
	struct sock_fprog filter = { 1, head };
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL), .sll_ifindex = ifindex };
	int size = RECEIVE_BUFFER;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return -1;
	/* Set up before it is bound: no packet comes unfiltered. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
		sizeof filter) == -1 ||
	    bind(fd, (struct sockaddr *)&ll, sizeof ll) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

void
watch_here(struct watch *w, const char *what, struct problems *problems)
{
	struct watcher *one;
	int fd = packet_socket(0);

	if (fd == -1) {
		problem(problems, "can't watch %s: %s", what, strerror(errno));
		return;
	}
	w->list = xreallocarray(w->list, w->count + 1, sizeof *w->list);
	one = &w->list[w->count++];
	one->fd = fd;
	one->told = 0;
	snprintf(one->what, sizeof one->what, "%s", what);
}

/* Tells of a frame where none may be. */
static void
watcher_tell(struct watcher *one, int ifindex, const struct frame *f,
    struct problems *problems)
{
	struct ifreq ifr = { .ifr_ifindex = ifindex };
	char text[ADDR_TEXT_SIZE];

	if (one->told == ifindex)
		return;
	one->told = ifindex;
	/* The socket asks the namespace that it was made in. */
	if (ioctl(one->fd, SIOCGIFNAME, &ifr) == -1)
		strcpy(ifr.ifr_name, "a link");
	problem(problems, "%s to %s was seen on %s of %s", frame_name(f),
	    addr_text(&f->to, text), ifr.ifr_name, one->what);
}

void
watch_read(struct watch *w, const struct canary *canary,
    const struct frame *frames, size_t count, struct problems *problems)
{
	struct sockaddr_ll from;
	uint8_t buf[SNAP];
	socklen_t size;
	unsigned i;
	ssize_t n;
	int number;

	for (i = 0; i < w->count; i++) {
		for (;;) {
			size = sizeof from;
			n = recvfrom(w->list[i].fd, buf, sizeof buf, 0,
			    (struct sockaddr *)&from, &size);
			if (n < 0)
				break;
			w->packets++;
			number = frame_find(canary, buf, (size_t)n);
			if (number >= 0 && (size_t)number < count)
				watcher_tell(&w->list[i], from.sll_ifindex,
				    &frames[number], problems);
		}
	}
}

void
watch_lost(struct watch *w, struct problems *problems)
{
	struct tpacket_stats stats;
	socklen_t size;
	unsigned i;

	for (i = 0; i < w->count; i++) {
		size = sizeof stats;
		if (getsockopt(w->list[i].fd, SOL_PACKET, PACKET_STATISTICS,
			&stats, &size) == 0 && stats.tp_drops > 0)
			problem(problems, "%s had too much traffic to watch: "
			    "%u packets missed; try again", w->list[i].what,
			    stats.tp_drops);
	}
}

unsigned
watch_count(const struct watch *w)
{
	return w->count;
}

unsigned long
watch_packets(const struct watch *w)
{
	return w->packets;
}
