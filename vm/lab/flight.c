#include "lab/flight.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "lab/links.h"

#define TARGETS 32  /* of the machine; more would make verify slow */
#define ROUND_MS 40 /* what isn't seen or answered by then is sent again */
#define ROUNDS 40

struct flight_targets {
	struct addr list[TARGETS + 8];
	size_t count;
	size_t machine; /* so many are the machine's own */
};

struct flight {
	const struct canary *canary;
	struct frame *frames;
	size_t count;
	int tap, bridge; /* the device's end; a packet socket on br-lab */
	int ifindex;	 /* of the bridge */
	bool offline;
	struct watch *watch;
	struct flight_report *report;
};

static void
targets_add(struct flight_targets *t, const struct addr *addr)
{
	size_t i;

	for (i = 0; i < t->count; i++) {
		if (addr_same_host(&t->list[i], addr))
			return;
	}
	if (t->count < sizeof t->list / sizeof *t->list)
		t->list[t->count++] = *addr;
}

static void
targets_add_text(struct flight_targets *t, const char *text)
{
	struct addr addr;

	if (addr_parse(&addr, text) == -1)
		fatal("bad address %s", text);
	targets_add(t, &addr);
}

/* The machine's own addresses, but those that only it can reach. */
static void
targets_add_own(struct flight_targets *t)
{
	struct ifaddrs *list, *i;
	struct addr addr;

	if (getifaddrs(&list) == -1)
		fatal("getifaddrs: %s", strerror(errno));
	for (i = list; i != NULL && t->count < TARGETS; i = i->ifa_next) {
		if (i->ifa_addr == NULL || (i->ifa_flags & IFF_LOOPBACK) != 0 ||
		    addr_from_sockaddr(&addr, i->ifa_addr) == -1)
			continue;
		addr.port = 0;
		if (addr.family == AF_INET6 && addr.bytes[0] == 0xfe)
			continue;
		targets_add(t, &addr);
	}
	freeifaddrs(list);
}

/* IPv4 gateways, as the kernel prints them: hexadecimal in its own order. */
static void
targets_add_gateways4(struct flight_targets *t)
{
	struct addr addr = { .family = AF_INET };
	char line[256];
	unsigned gateway;
	FILE *f;

	if ((f = fopen("/proc/self/net/route", "re")) == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL && t->count < TARGETS) {
		if (sscanf(line, "%*s %*x %x", &gateway) != 1 || gateway == 0)
			continue;
		memcpy(addr.bytes, &gateway, 4);
		targets_add(t, &addr);
	}
	fclose(f);
}

/* IPv6 gateways: the fifth word, 32 digits. */
static void
targets_add_gateways6(struct flight_targets *t)
{
	struct addr addr = { .family = AF_INET6 };
	char line[256], hex[33];
	unsigned byte;
	size_t i;
	FILE *f;

	if ((f = fopen("/proc/self/net/ipv6_route", "re")) == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL && t->count < TARGETS) {
		if (sscanf(line, "%*s %*s %*s %*s %32s", hex) != 1 ||
		    strspn(hex, "0") == 32 || strncmp(hex, "fe80", 4) == 0)
			continue;
		for (i = 0; i < 16; i++) {
			if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
				break;
			addr.bytes[i] = (uint8_t)byte;
		}
		targets_add(t, &addr);
	}
	fclose(f);
}

struct flight_targets *
flight_targets_new(void)
{
	struct flight_targets *t = xcalloc(1, sizeof *t);

	targets_add_own(t);
	targets_add_gateways4(t);
	targets_add_gateways6(t);
	t->machine = t->count;
	targets_add_text(t, "192.0.2.1");
	targets_add_text(t, "198.51.100.1");
	targets_add_text(t, "203.0.113.1");
	targets_add_text(t, "2001:db8::1");
	targets_add_text(t, "2001:db8:ffff::1");
	return t;
}

void
flight_targets_free(struct flight_targets *t)
{
	free(t);
}

/* Opens a tap named canary0 (or the next free) and joins it to the bridge. */
static int
flight_tap(int ifindex, const char *bridge)
{
	struct ifreq tun = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct ifreq up = { .ifr_flags = IFF_UP }, join;
	char path[96];
	int fd, s, off, result = -1;

	strcpy(tun.ifr_name, "canary%d");
	if ((fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)) == -1 ||
	    ioctl(fd, TUNSETIFF, &tun) == -1) {
		log_error("/dev/net/tun: %s", strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	/* This end of the tap is no host of its own: no IPv6 chatter from it. */
	snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6",
	    tun.ifr_name);
	if ((off = open(path, O_WRONLY | O_CLOEXEC)) != -1) {
		if (write(off, "1", 1) != 1)
			log_warn("%s: %s", path, strerror(errno));
		close(off);
	}
	memset(&join, 0, sizeof join);
	snprintf(join.ifr_name, sizeof join.ifr_name, "%s", bridge);
	strcpy(up.ifr_name, tun.ifr_name);
	if ((s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		fatal("socket: %s", strerror(errno));
	if (ioctl(s, SIOCGIFINDEX, &tun) == 0) {
		join.ifr_ifindex = tun.ifr_ifindex;
		if (ioctl(s, SIOCSIFFLAGS, &up) == 0 &&
		    ioctl(s, SIOCBRADDIF, &join) == 0)
			result = fd;
	}
	if (result == -1) {
		log_error("can't join link %d: %s", ifindex, strerror(errno));
		close(fd);
	}
	close(s);
	return result;
}

/* The MAC of a link of the namespace that we are in. */
static int
link_mac(const char *name, uint8_t mac[static 6])
{
	struct ifreq ifr;
	int s, r;

	memset(&ifr, 0, sizeof ifr);
	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
	if ((s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		fatal("socket: %s", strerror(errno));
	r = ioctl(s, SIOCGIFHWADDR, &ifr);
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	close(s);
	return r;
}

/*
 * Waits until the bridge carries traffic: the kernel may take a second to see
 * that somebody is plugged in, and till then what is silent proves nothing.
 */
static void
flight_plugged_in(const char *bridge)
{
	struct timespec turn = { 0, 5 * 1000000L };
	struct ifreq ifr = { .ifr_flags = 0 };
	int s, i;

	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", bridge);
	if ((s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		fatal("socket: %s", strerror(errno));
	for (i = 0; i < 300; i++) {
		if (ioctl(s, SIOCGIFFLAGS, &ifr) == -1 ||
		    (ifr.ifr_flags & IFF_RUNNING) != 0)
			break;
		nanosleep(&turn, NULL);
	}
	close(s);
}

static void
flight_add(struct flight *f, enum frame_kind kind, const struct addr *to,
    bool broadcast, const uint8_t *mac)
{
	f->frames = xreallocarray(f->frames, f->count + 1, sizeof *f->frames);
	frame_make(&f->frames[f->count], f->canary, kind, to, broadcast, mac,
	    (uint16_t)f->count);
	f->count++;
}

/* All frames: first the two that make us known to the bridge. */
static void
flight_load(struct flight *f, const struct flight_targets *t,
    const uint8_t *mac)
{
	struct addr self4, self6;
	enum frame_kind kind;
	size_t i;

	if (addr_parse(&self4, "10.13.37.1") == -1 ||
	    addr_parse(&self6, "fd13:37::1") == -1)
		fatal("bad address of the bridge");
	flight_add(f, FRAME_ARP, &self4, true, mac);
	flight_add(f, FRAME_NS, &self6, true, mac);
	for (i = 0; i < t->count; i++) {
		flight_add(f, t->list[i].family == AF_INET ? FRAME_ARP
		    : FRAME_NS, &t->list[i], true, mac);
		for (kind = FRAME_ICMP; kind <= FRAME_UDP; kind++) {
			flight_add(f, kind, &t->list[i], false, mac);
			flight_add(f, kind, &t->list[i], true, mac);
		}
	}
	f->report->sent = (unsigned)f->count;
}

/*
 * Must this one be answered in a driven lab? Ping to the bridge's MAC for any
 * address, and ARP; IPv6 neighbours only where the lab has the address.
 */
static bool
wants_answer(const struct frame *f, size_t number)
{
	return f->kind == FRAME_ARP || (f->kind == FRAME_NS && number == 1) ||
	    (f->kind == FRAME_ICMP && !f->broadcast);
}

/* Marks what the bridge has had. */
static void
flight_read_bridge(struct flight *f)
{
	uint8_t buf[512];
	ssize_t n;
	int number;

	while ((n = recv(f->bridge, buf, sizeof buf, 0)) > 0) {
		number = frame_find(f->canary, buf, (size_t)n);
		if (number >= 0 && (size_t)number < f->count)
			f->frames[number].seen = true;
	}
}

/* Marks what was answered. */
static void
flight_read_tap(struct flight *f)
{
	uint8_t buf[2048];
	ssize_t n;
	size_t i;

	while ((n = read(f->tap, buf, sizeof buf)) > 0) {
		if (n < 14 || memcmp(buf, f->canary->mac, 6) != 0)
			continue;
		if (f->offline)
			problem(&f->report->answers, "an answer of type "
			    "0x%02x%02x came back, %zd bytes", buf[12],
			    buf[13], n);
		for (i = 0; i < f->count; i++) {
			if (!f->frames[i].answered &&
			    frame_answers(buf, (size_t)n, f->canary,
				&f->frames[i])) {
				f->frames[i].answered = true;
				f->report->answered++;
			}
		}
	}
}

static void
flight_read(struct flight *f)
{
	flight_read_bridge(f);
	flight_read_tap(f);
	watch_read(f->watch, f->frames, f->count, &f->report->canary);
}

/* Reads for so many milliseconds; every few, so that no buffer fills. */
static void
flight_listen(struct flight *f, int ms)
{
	struct timespec turn = { 0, 5 * 1000000L };

	for (; ms > 0; ms -= 5) {
		nanosleep(&turn, NULL);
		flight_read(f);
	}
}

/* Sends what isn't done yet; true when all is. */
static bool
flight_round(struct flight *f)
{
	struct frame *one;
	bool done = true;
	size_t i;

	for (i = 0; i < f->count; i++) {
		one = &f->frames[i];
		if (one->seen && (f->offline || one->answered ||
		    !wants_answer(one, i)))
			continue;
		done = false;
		if (write(f->tap, one->bytes, one->length) == -1 &&
		    errno != EAGAIN && errno != EIO)
			log_warn("the canary's tap: %s", strerror(errno));
		if (i % 16 == 15)
			flight_read(f);
	}
	return done;
}

/* Says what never reached the bridge, and what was never answered. */
static void
flight_judge(struct flight *f)
{
	char text[ADDR_TEXT_SIZE];
	struct frame *one;
	size_t i;

	for (i = 0; i < f->count; i++) {
		one = &f->frames[i];
		if (!one->seen)
			problem(&f->report->canary,
			    "%s to %s never reached the bridge: nothing proved",
			    frame_name(one), addr_text(&one->to, text));
		else if (!f->offline && !one->answered && wants_answer(one, i))
			problem(&f->report->answers, "%s to %s is not answered",
			    frame_name(one), addr_text(&one->to, text));
	}
}

int
flight_run(const char *bridge, const struct canary *canary,
    const struct flight_targets *targets, struct watch *watch, bool offline,
    int wait_ms, struct flight_report *report)
{
	struct flight f = { .canary = canary, .offline = offline,
		.watch = watch, .report = report, .tap = -1, .bridge = -1 };
	uint8_t mac[6];
	int rounds, result = -1;

	f.ifindex = (int)if_nametoindex(bridge);
	if (f.ifindex == 0 || link_mac(bridge, mac) == -1) {
		log_error("no %s here: %s", bridge, strerror(errno));
		goto out;
	}
	if ((f.bridge = packet_socket(f.ifindex, canary)) == -1) {
		log_error("can't watch %s: %s", bridge, strerror(errno));
		goto out;
	}
	if ((f.tap = flight_tap(f.ifindex, bridge)) == -1)
		goto out;
	flight_load(&f, targets, mac);
	flight_plugged_in(bridge);
	for (rounds = 0; rounds < ROUNDS && !flight_round(&f); rounds++)
		flight_listen(&f, ROUND_MS);
	flight_listen(&f, wait_ms);
	watch_lost(watch, &report->canary);
	flight_judge(&f);
	result = 0;
out:
	if (f.tap != -1)
		close(f.tap);
	if (f.bridge != -1)
		close(f.bridge);
	if (f.ifindex != 0) {
		links_forget(f.ifindex, &canary->ip4);
		links_forget(f.ifindex, &canary->ip6);
	}
	free(f.frames);
	return result;
}
