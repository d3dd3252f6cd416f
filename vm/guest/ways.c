/*
 * Whose packets go where: the kernel counts by process each time that it looks
 * for a packet's way (a datagram of a socket that is not connected, a
 * connection; IPv4), with a small program on its tracepoint.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf.h"
#include "guest.h"

#define WAYS_EVENT "fib/fib_table_lookup"
#define WAYS_MAX 8192

struct ways_key {
	uint32_t pid, dst, proto, sport;
};

static int ways_map = -1, ways_event = -1;

/* Where a field lies in the event, as tracefs says; -1 when it has none. */
static int
ways_field(const char *format, const char *name)
{
	char mark[40];
	const char *p;

	snprintf(mark, sizeof mark, " %s;\toffset:", name);
	p = strstr(format, mark);
	return p == NULL ? -1 : atoi(p + strlen(mark));
}

void
ways_watch(int on)
{
	static char format[4096];
	int fd, iif, proto, dst, sport;

	if (!on && ways_event != -1)
		close(ways_event);
	if (!on)
		ways_event = -1;
	if (!on || ways_event != -1)
		return;
	fd = open("/sys/kernel/tracing/events/" WAYS_EVENT "/format",
	    O_RDONLY | O_CLOEXEC);
	if (fd == -1 || read(fd, format, sizeof format - 1) <= 0)
		format[0] = '\0';
	if (fd != -1)
		close(fd);
	iif = ways_field(format, "iif");
	proto = ways_field(format, "proto");
	dst = ways_field(format, "dst[4]");
	sport = ways_field(format, "sport");
	if (ways_map == -1)
		ways_map = bpf_map(BPF_MAP_TYPE_HASH, sizeof(struct ways_key),
		    8, WAYS_MAX);
	if (iif == -1 || proto == -1 || dst == -1 || sport == -1 ||
	    ways_map == -1) {
		channel_log("the kernel does not count packets");
		return;
	}
	/* What goes out (iif 1), of TCP what a connection begins with; of what
	 * has no ports, no port. */
	const struct bpf_insn count[] = {
		LOAD(BPF_W, 6, 1, (short)iif),
		SKIP_IF(BPF_JNE, 6, 1, 13 + COUNT_END),
		LOAD(BPF_B, 7, 1, (short)proto),
		LOAD(BPF_H, 8, 1, (short)sport),
		LOAD(BPF_W, 9, 1, (short)dst),
		SKIP_IF(BPF_JEQ, 7, IPPROTO_UDP, 4),
		SKIP_IF(BPF_JEQ, 7, IPPROTO_TCP, 2),
		SET(8, 0),
		SKIP(1),
		SKIP_IF(BPF_JEQ, 8, 0, 5 + COUNT_END),
		CALL(BPF_FUNC_get_current_pid_tgid),
		STORE(BPF_W, 10, -16, 0),
		STORE(BPF_W, 10, -12, 9),
		STORE(BPF_W, 10, -8, 7),
		STORE(BPF_W, 10, -4, 8),
		COUNT(ways_map, -16),
	};
	ways_event = bpf_on_event(count, sizeof count / sizeof *count,
	    WAYS_EVENT);
	if (ways_event == -1)
		channel_log("the kernel does not count packets: %s",
		    strerror(errno));
}

/* Those of one protocol, or (0) of all that have no ports. */
static void
ways_protocol(uint32_t proto, void (*tell)(const char *, size_t))
{
	struct ways_key key, next;
	const void *last = NULL;
	uint64_t count;
	char line[160];
	int n;

	for (; bpf_next(ways_map, last, &next, &count) == 0; last = &key) {
		key = next;
		if (proto != 0 ? key.proto != proto :
		    key.proto == IPPROTO_UDP || key.proto == IPPROTO_TCP)
			continue;
		n = snprintf(line, sizeof line, "{ common_pid: %u, dst: %u, "
		    "%s: %u } hitcount: %llu\n", key.pid, key.dst,
		    proto == 0 ? "proto" : "sport",
		    proto == 0 ? key.proto : key.sport,
		    (unsigned long long)count);
		tell(line, (size_t)n);
	}
}

/* In the words of tracefs' histograms, which are easy to read. */
void
ways_tell(void (*tell)(const char *, size_t))
{
	static const char udp[] = "# proto == 17\n", tcp[] = "# proto == 6\n";

	if (ways_event == -1)
		return;
	tell(udp, sizeof udp - 1);
	ways_protocol(IPPROTO_UDP, tell);
	tell(tcp, sizeof tcp - 1);
	ways_protocol(IPPROTO_TCP, tell);
	ways_protocol(0, tell);
}
