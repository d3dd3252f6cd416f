/*
 * nftables through its library, as names join sets while we run and a child
 * process for each would hold up the answer; NFLOG (linux/netfilter/
 * nfnetlink_log.h) on a plain netlink socket.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <nftables/libnftables.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "net/gate.h"
#include "wire/frame.h"

/* One message holds a datagram and its attributes. */
#define GATE_MESSAGE (128 * 1024)
#define GATE_BUFFER (4 * 1024 * 1024)
#define GATE_BATCH 64

struct gate {
	struct nft_ctx *nft;
	int fd;
	struct event *event;
	gate_stopped *stopped;
	void *arg;
	uint8_t *message;
};

/* --- nftables --------------------------------------------------------------- */

static int
gate_command(struct gate *g, const char *commands, bool quiet)
{
	if (nft_run_cmd_from_buffer(g->nft, commands) == 0)
		return 0;
	if (!quiet) {
		const char *error = nft_ctx_get_error_buffer(g->nft);

		log_error("nftables: %.*s", (int)strcspn(error, "\n"), error);
	}
	return -1;
}

int
gate_run(struct gate *g, const char *commands)
{
	return gate_command(g, commands, false);
}

int
gate_load(struct gate *g, const char *commands)
{
	char *all = xasprintf("flush chain " GATE_TABLE " " GATE_CHAIN "\n%s",
	    commands);
	int status = gate_run(g, all);

	free(all);
	return status;
}

/* --- what the kernel tells --------------------------------------------------- */

/* The n-th kind of attribute in a message, or NULL. */
static const struct nlattr *
gate_attribute(const struct nlmsghdr *h, unsigned kind)
{
	size_t at = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(struct nfgenmsg)));

	while (at + NLA_HDRLEN <= h->nlmsg_len) {
		const struct nlattr *a = (const void *)((const char *)h + at);

		if (a->nla_len < NLA_HDRLEN || a->nla_len > h->nlmsg_len - at)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == kind)
			return a;
		at += NLA_ALIGN(a->nla_len);
	}
	return NULL;
}

static void
gate_packet(struct gate *g, const struct nlmsghdr *h)
{
	const struct nlattr *payload = gate_attribute(h, NFULA_PAYLOAD);
	const struct nlattr *prefix = gate_attribute(h, NFULA_PREFIX);
	static const char *const says[] = { GATE_SAYS_REFUSE, GATE_SAYS_DROP,
		GATE_SAYS_FORGED };
	struct frame frame;

	if (payload == NULL || prefix == NULL ||
	    frame_parse(&frame, FRAME_RAW, (const uint8_t *)payload +
	    NLA_HDRLEN, payload->nla_len - NLA_HDRLEN) < 0 ||
	    !frame.ip || !frame.ports)
		return;
	for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
		size_t n = strlen(says[i]) + 1; /* it ends with a zero byte */

		if (prefix->nla_len == NLA_HDRLEN + n && memcmp((const char *)
		    prefix + NLA_HDRLEN, says[i], n) == 0)
			g->stopped(g->arg, &frame, (enum gate_reason)i);
	}
}

static void
gate_readable(evutil_socket_t fd, short what A_UNUSED, void *arg)
{
	struct gate *g = arg;

	for (int i = 0; i < GATE_BATCH; i++) {
		ssize_t got = recv(fd, g->message, GATE_MESSAGE, 0);
		const struct nlmsghdr *h = (const void *)g->message;

		if (got < 0 && errno == ENOBUFS)
			continue; /* a flood; the capture has the rest */
		if (got < 0)
			return;
		for (unsigned n = (unsigned)got; NLMSG_OK(h, n);
		    h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == (NFNL_SUBSYS_ULOG << 8 |
			    NFULNL_MSG_PACKET))
				gate_packet(g, h);
		}
	}
}

struct gate_request {
	struct nlmsghdr header;
	struct nfgenmsg gen;
	struct nlattr attr;
	char value[16];
};

/* Sends one configuration of the log group and waits for the answer. */
static int
gate_configure(int fd, unsigned kind, const void *value, size_t n)
{
	struct gate_request m = { 0 };
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char more[256];
	} reply;

	m.header.nlmsg_len = (uint32_t)(offsetof(struct gate_request, value) +
	    NLA_ALIGN(n));
	m.header.nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
	m.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	m.gen.nfgen_family = AF_UNSPEC;
	m.gen.version = NFNETLINK_V0;
	m.gen.res_id = htons(GATE_GROUP);
	m.attr.nla_type = (uint16_t)kind;
	m.attr.nla_len = (uint16_t)(NLA_HDRLEN + n);
	memcpy(m.value, value, n);
	if (send(fd, &m, m.header.nlmsg_len, 0) < 0)
		return -1;
	/* Packets may come before the answer. */
	for (;;) {
		ssize_t got = recv(fd, &reply, sizeof reply, 0);

		if (got < 0)
			return -1;
		if (reply.header.nlmsg_type != NLMSG_ERROR)
			continue;
		errno = -reply.error.error;
		return errno == 0 ? 0 : -1;
	}
}

static int
gate_open_log(struct gate *g)
{
	struct nfulnl_msg_config_cmd bind = { NFULNL_CFG_CMD_BIND };
	struct nfulnl_msg_config_mode whole = { htonl(0xffff),
		NFULNL_COPY_PACKET, 0 };
	int size = GATE_BUFFER;

	g->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (g->fd < 0)
		return -1;
	if (setsockopt(g->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof size) < 0)
		setsockopt(g->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (gate_configure(g->fd, NFULA_CFG_CMD, &bind, sizeof bind) < 0 ||
	    gate_configure(g->fd, NFULA_CFG_MODE, &whole, sizeof whole) < 0)
		return -1;
	return evutil_make_socket_nonblocking(g->fd);
}

struct gate *
gate_new(struct event_base *base, gate_stopped *stopped, void *arg,
    const char **why)
{
	struct gate *g = xcalloc(1, sizeof *g);

	g->fd = -1;
	g->stopped = stopped;
	g->arg = arg;
	g->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (g->nft == NULL)
		fatal("no memory for nftables");
	nft_ctx_buffer_output(g->nft);
	nft_ctx_buffer_error(g->nft);
	if (gate_command(g, "flush chain " GATE_TABLE " " GATE_CHAIN, true) <
	    0) {
		*why = geteuid() == 0 ? "this network has no lab's gate" :
		    "we may not change this network's rules";
		goto fail;
	}
	if (gate_open_log(g) < 0) {
		*why = strerror(errno);
		goto fail;
	}
	g->message = xmalloc(GATE_MESSAGE);
	g->event = event_new(base, g->fd, EV_READ | EV_PERSIST, gate_readable,
	    g);
	if (g->event == NULL)
		fatal("no memory for an event");
	event_add(g->event, NULL);
	return g;
fail:
	if (g->fd >= 0)
		close(g->fd);
	g->fd = -1;
	nft_ctx_free(g->nft);
	free(g);
	return NULL;
}

void
gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	if (gate_load(g, "") < 0)
		log_warn("the lab keeps the rules of policies");
	event_free(g->event);
	close(g->fd);
	nft_ctx_free(g->nft);
	free(g->message);
	free(g);
}
