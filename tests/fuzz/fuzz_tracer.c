/*
 * Any bytes as the tracers' streams; the first byte says how they are mixed.
 * Events go nowhere, but are all built.
 */
#include <elf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "events.h"
#include "guest/breaks.h"
#include "title.h"
#include "tracer.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

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

/*
 * One probe, as if it had been planted: its events are number 7 and 8. Under an
 * emulator number 9 tells of it.
 */
static void
plant(struct probes *p, struct probe *b, bool emulated)
{
	struct elf elf = { .machine = emulated ? EM_PPC : EM_386, .bits = 32,
		.big = emulated };
	static const char told[] = "name: " PLUGIN_EVENT "small\nID: 9\n"
	    "\tfield:u64 r0[8];\toffset:8;\tsize:64;\tsigned:0;\n";
	static const char entry[] = "name: e\nID: 7\n"
	    "\tfield:s32 argc;\toffset:8;\tsize:4;\tsigned:1;\n"
	    "\tfield:__data_loc char[] w0;\toffset:12;\tsize:4;\tsigned:1;\n";
	static const char back[] = "name: e_r\nID: 8\n"
	    "\tfield:s32 ret;\toffset:8;\tsize:4;\tsigned:1;\n"
	    "\tfield:__data_loc char[] buf;\toffset:12;\tsize:4;\tsigned:1;\n";

	if (probes_init(p, &elf) == -1)
		abort();
	memset(b, 0, sizeof *b);
	b->name = b->event = (char *)(uintptr_t)"e";
	b->kind = PROBE_ARGV;
	p->list = b;
	p->count = 1;
	probes_format(p, entry, sizeof entry - 1);
	probes_format(p, back, sizeof back - 1);
	probes_format(p, told, sizeof told - 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const struct tracer_callbacks cb = { started, ended, NULL };
	struct guestclock clock = { 0 };
	struct probe b;
	struct probes p;
	struct tracer *t;
	size_t step;

	if (n < 2)
		return 0;
	log_open("fuzz", LOG_ERROR);
	plant(&p, &b, (bytes[0] & 64) != 0);
	t = tracer_new(NULL, &clock, &p, "/b", &cb, NULL);
	step = bytes[0] + 1u;
	for (size_t at = 1; at < n; at += step) {
		size_t k = n - at < step ? n - at : step;

		if (bytes[0] % 7 == 5)
			tracer_sockets(t, (const char *)bytes + at, k);
		else if (bytes[0] % 7 == 6)
			tracer_steps(t, (const char *)bytes + at, k);
		else if (bytes[0] % 3 == 2)
			tracer_counts(t, (const char *)bytes + at, k);
		else if (bytes[0] & 1)
			tracer_ring(t, bytes + at, k);
		else
			tracer_strace(t, bytes + at, k);
	}
	/* And all of it as what a process calls itself. */
	struct ctlframe f = { FRAME_TITLE, bytes + 1, n - 1 };
	struct title title;

	if (title_parse(&title, &f) == 0)
		title_write(&title, &(struct callevent){ .clock = &clock });
	tracer_flush(t);
	tracer_stats(t);
	tracer_free(t);
	return 0;
}
