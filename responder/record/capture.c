/*
 * libpcap. The ring is TPACKET_V3, which packs frames by their own length and
 * hands blocks over when full or after CAPTURE_DELAY_MS; "immediate mode"
 * would go back to V2, where each slot is as long as the longest frame, and
 * the same memory holds a thousandth of a flood.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "base/xmalloc.h"
#include "record/capture.h"

#define CAPTURE_DELAY_MS 20
#define CAPTURE_BATCH 4096

struct capture {
	pcap_t *pcap;
	int fd;
	uint32_t ns_per_unit; /* of the stamps' fraction */
	capture_frame_cb frame;
	void *arg;
	struct capture_stats stats;
	uint32_t last_received, last_dropped; /* libpcap's wrap at 2^32 */
	char reason[CAPTURE_ERROR_SIZE];
};

static struct capture *
capture_new(pcap_t *pcap, int fd)
{
	struct capture *c = xcalloc(1, sizeof *c);

	c->pcap = pcap;
	c->fd = fd;
	c->ns_per_unit = pcap_get_tstamp_precision(pcap) ==
		PCAP_TSTAMP_PRECISION_NANO
	    ? 1
	    : 1000;
	return c;
}

struct capture *
capture_live(const char *interface, unsigned snaplen, unsigned buffer_mib,
    char error[static CAPTURE_ERROR_SIZE])
{
	char text[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap = pcap_create(interface, text);
	int status;

	if (pcap == NULL) {
		snprintf(error, CAPTURE_ERROR_SIZE, "%s", text);
		return NULL;
	}
	pcap_set_snaplen(pcap, (int)snaplen);
	pcap_set_promisc(pcap, 1);
	pcap_set_timeout(pcap, CAPTURE_DELAY_MS);
	pcap_set_buffer_size(pcap, (int)buffer_mib * 1024 * 1024);
	/* Microseconds where the kernel has no better: not an error. */
	(void)pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
	status = pcap_activate(pcap);
	if (status < 0) {
		const char *more = pcap_geterr(pcap);

		snprintf(error, CAPTURE_ERROR_SIZE, "%s%s%s",
		    pcap_statustostr(status), *more != '\0' ? ": " : "", more);
		pcap_close(pcap);
		return NULL;
	}
	if (pcap_setnonblock(pcap, 1, text) < 0) {
		snprintf(error, CAPTURE_ERROR_SIZE, "%s", text);
		pcap_close(pcap);
		return NULL;
	}
	return capture_new(pcap, pcap_get_selectable_fd(pcap));
}

struct capture *
capture_file(const char *path, char error[static CAPTURE_ERROR_SIZE])
{
	char text[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap = pcap_open_offline_with_tstamp_precision(path,
	    PCAP_TSTAMP_PRECISION_NANO, text);

	if (pcap == NULL) {
		snprintf(error, CAPTURE_ERROR_SIZE, "%s", text);
		return NULL;
	}
	return capture_new(pcap, -1);
}

void
capture_free(struct capture *c)
{
	pcap_close(c->pcap);
	free(c);
}

int
capture_link(const struct capture *c)
{
	return pcap_datalink(c->pcap);
}

uint32_t
capture_snaplen(const struct capture *c)
{
	return (uint32_t)pcap_snapshot(c->pcap);
}

int
capture_fd(const struct capture *c)
{
	return c->fd;
}

static void
capture_frame(uint8_t *arg, const struct pcap_pkthdr *h, const uint8_t *data)
{
	struct capture *c = (void *)arg;
	int64_t wall = (int64_t)h->ts.tv_sec * 1000000000 +
	    (int64_t)h->ts.tv_usec * c->ns_per_unit;

	c->frame(c->arg, wall, data, h->caplen, h->len);
}

enum capture_result
capture_read(struct capture *c, capture_frame_cb frame, void *arg)
{
	c->frame = frame;
	c->arg = arg;
	int n = pcap_dispatch(c->pcap, CAPTURE_BATCH, capture_frame,
	    (void *)c);
	if (n < 0) {
		snprintf(c->reason, sizeof c->reason, "%s",
		    pcap_geterr(c->pcap));
		return CAPTURE_LOST;
	}
	if (n == 0)
		return c->fd < 0 ? CAPTURE_END : CAPTURE_EMPTY;
	return CAPTURE_MORE;
}

const char *
capture_reason(const struct capture *c)
{
	return c->reason;
}

struct capture_stats
capture_stats(struct capture *c)
{
	struct pcap_stat s;

	if (c->fd >= 0 && pcap_stats(c->pcap, &s) == 0) {
		c->stats.received += (uint32_t)(s.ps_recv - c->last_received);
		c->stats.dropped += (uint32_t)(s.ps_drop - c->last_dropped);
		c->last_received = s.ps_recv;
		c->last_dropped = s.ps_drop;
	}
	return c->stats;
}
