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
#define OFFSETS (SNAP - CANARY_MARKER)
#define FILTER (3 * OFFSETS + 1)
#define RECEIVE_BUFFER (16 << 20)

struct watcher {
	int fd;
	int told; /* index of the link that we told of last */
	char what[64];
};

struct watch {
	const struct canary *canary;
	struct watcher *list;
	unsigned count;
};

struct watch *
watch_new(const struct canary *canary)
{
	struct watch *w = xcalloc(1, sizeof *w);

	w->canary = canary;
	return w;
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

/*
 * Accepts a frame with the marker's first word at any offset. Classic BPF has
 * no loops, so each offset has its three instructions; a load beyond the
 * frame's end rejects it (Linux, Documentation/networking/filter.rst).
 */
int
watch_filter(int fd, const struct canary *canary)
{
	struct sock_filter code[FILTER];
	const struct sock_filter accept = BPF_STMT(BPF_RET | BPF_K, SNAP);
	const struct sock_filter reject = BPF_STMT(BPF_RET | BPF_K, 0);
	uint32_t word, offset;
	unsigned short n = 0;

	memcpy(&word, canary->marker, sizeof word);
	word = ntohl(word);
	for (offset = 0; offset < OFFSETS; offset++) {
		code[n++] = (struct sock_filter)BPF_STMT(
		    BPF_LD | BPF_W | BPF_ABS, offset);
		code[n++] = (struct sock_filter)BPF_JUMP(
		    BPF_JMP | BPF_JEQ | BPF_K, word, 0, 1);
		code[n++] = accept;
	}
	code[n++] = reject;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER,
	    &(struct sock_fprog){ n, code }, sizeof(struct sock_fprog));
}

int
packet_socket(int ifindex, const struct canary *canary)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL), .sll_ifindex = ifindex };
	int size = RECEIVE_BUFFER;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return -1;
	/* Set up before it is bound: no packet comes unfiltered. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	if (watch_filter(fd, canary) == -1 ||
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
	int fd = packet_socket(0, w->canary);

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
watch_read(struct watch *w, const struct frame *frames, size_t count,
    struct problems *problems)
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
			number = frame_find(w->canary, buf, (size_t)n);
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

