/*
 * Any bytes as what a guest says on the control port: frames never reach
 * beyond the bytes, and the stream always comes to an end.
 */
#include <stdlib.h>

#include "ctlframe.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct ctlframe_result r;
	struct ctlframe_pong p;
	struct ctlframe f;
	int64_t used;

	while ((used = ctlframe_parse(bytes, n, &f)) > 0) {
		if ((size_t)used > n || f.length > FRAME_MAX ||
		    f.payload + f.length != bytes + used)
			abort();
		if (ctlframe_parse_result(&f, &r) == 0 &&
		    (const uint8_t *)r.text + r.length != bytes + used)
			abort();
		(void)!ctlframe_parse_pong(&f, &p);
		free(ctlframe_value(f.payload, f.length, "arch"));
		bytes += used;
		n -= (size_t)used;
	}
	return 0;
}
