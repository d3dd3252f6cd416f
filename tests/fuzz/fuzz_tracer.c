/*
 * Any bytes as the tracers' two streams; the first byte says how they are
 * mixed. Events go nowhere, but are all built.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "events.h"
#include "tracer.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* In place of events.c: a line, and nobody who wants it. */
static struct jsonw line;

struct jsonw *
events_begin(struct events *e, int64_t wall, const char *type)
{
	(void)e;
	(void)wall;
	jsonw_reset(&line);
	jsonw_object(&line, NULL);
	jsonw_string(&line, "event_type", type);
	return &line;
}

void
events_end(struct events *e)
{
	(void)e;
	jsonw_object_end(&line);
	jsonw_line_end(&line);
}

static void
started(void *arg, int64_t wall, int64_t pid)
{
	(void)arg;
	(void)wall;
	(void)pid;
}

static void
ended(void *arg)
{
	(void)arg;
}

/* One probe, as if it had been planted: its events are number 7 and 8. */
static void
plant(struct probes *p, struct probe *b)
{
	static const char entry[] = "name: e\nID: 7\n"
	    "\tfield:s32 argc;\toffset:8;\tsize:4;\tsigned:1;\n"
	    "\tfield:__data_loc char[] w0;\toffset:12;\tsize:4;\tsigned:1;\n";
	static const char back[] = "name: e_r\nID: 8\n"
	    "\tfield:s32 ret;\toffset:8;\tsize:4;\tsigned:1;\n"
	    "\tfield:__data_loc char[] buf;\toffset:12;\tsize:4;\tsigned:1;\n";

	memset(p, 0, sizeof *p);
	memset(b, 0, sizeof *b);
	b->name = b->event = (char *)(uintptr_t)"e";
	b->kind = PROBE_ARGV;
	p->list = b;
	p->count = 1;
	p->order.long_size = 4;
	probes_format(p, entry, sizeof entry - 1);
	probes_format(p, back, sizeof back - 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const struct tracer_callbacks cb = { started, ended };
	struct guestclock clock = { 0 };
	struct probe b;
	struct probes p;
	struct tracer *t;
	size_t step;

	if (n < 2)
		return 0;
	log_open("fuzz", LOG_ERROR);
	plant(&p, &b);
	t = tracer_new(NULL, &clock, &p, "/b", &cb, NULL);
	step = bytes[0] + 1u;
	for (size_t at = 1; at < n; at += step) {
		size_t k = n - at < step ? n - at : step;

		if (bytes[0] % 3 == 2)
			tracer_counts(t, (const char *)bytes + at, k);
		else if (bytes[0] & 1)
			tracer_ring(t, bytes + at, k);
		else
			tracer_strace(t, bytes + at, k);
	}
	tracer_flush(t);
	tracer_stats(t);
	tracer_free(t);
	return 0;
}
