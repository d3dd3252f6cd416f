/*
 * Counting a flow.
 */
#include <netinet/in.h>
#include <string.h>

#include "base/clock.h"
#include "record/flow_numbers.h"

void
flow_numbers_start(struct flow_numbers *n, int64_t wall)
{
	memset(n, 0, sizeof *n);
	n->start = n->end = wall;
	n->second = wall / FLOW_SECOND;
}

void
flow_numbers_add(struct flow_numbers *n, int64_t wall, const struct frame *fr,
    uint32_t length, bool to_server)
{
	struct flow_side *side = to_server ? &n->to_server : &n->to_client;
	int64_t second = wall / FLOW_SECOND;

	side->packets++;
	side->bytes += length;
	if (second != n->second) {
		if (n->second_packets > n->peak_packets)
			n->peak_packets = n->second_packets;
		if (n->second_bytes > n->peak_bytes)
			n->peak_bytes = n->second_bytes;
		n->second = second;
		n->second_packets = n->second_bytes = 0;
	}
	n->second_packets++;
	n->second_bytes += length;
	if (wall > n->end)
		n->end = wall;
	if (fr->proto == IPPROTO_TCP) {
		n->syn += (fr->tcp_flags & FRAME_SYN) != 0;
		n->fin += (fr->tcp_flags & FRAME_FIN) != 0;
		n->rst += (fr->tcp_flags & FRAME_RST) != 0;
	}
}

void
flow_numbers_write(const struct flow_numbers *n, struct jsonw *w,
    const char *state, uint8_t proto)
{
	char text[CLOCK_TEXT_SIZE];
	uint64_t pps = n->peak_packets, bytes = n->peak_bytes;

	/* The second that is still being counted may be the best. */
	if (n->second_packets > pps)
		pps = n->second_packets;
	if (n->second_bytes > bytes)
		bytes = n->second_bytes;
	jsonw_object(w, "flow");
	jsonw_string(w, "state", state);
	jsonw_uint(w, "pkts_toserver", n->to_server.packets);
	jsonw_uint(w, "pkts_toclient", n->to_client.packets);
	jsonw_uint(w, "bytes_toserver", n->to_server.bytes);
	jsonw_uint(w, "bytes_toclient", n->to_client.bytes);
	jsonw_string(w, "start", clock_text(n->start, text));
	jsonw_string(w, "end", clock_text(n->end, text));
	jsonw_real(w, "age", (double)(n->end - n->start) / 1e9);
	jsonw_uint(w, "peak_pps", pps);
	jsonw_uint(w, "peak_bps", bytes * 8);
	jsonw_object_end(w);
	if (proto == IPPROTO_TCP) {
		jsonw_object(w, "tcp");
		jsonw_uint(w, "syn", n->syn);
		jsonw_uint(w, "rst", n->rst);
		jsonw_uint(w, "fin", n->fin);
		jsonw_object_end(w);
	}
}
