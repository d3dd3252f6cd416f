/*
 * Any bytes as a captured frame; the first byte chooses the link type.
 */
#include <stdlib.h>

#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const int links[] = { FRAME_ETHERNET, FRAME_RAW, FRAME_SLL,
		FRAME_IPV4, FRAME_IPV6, FRAME_SLL2, 9999 };
	struct frame f;

	if (n == 0)
		return 0;
	int link = links[bytes[0] % (sizeof links / sizeof *links)];

	if (frame_parse(&f, link, bytes + 1, n - 1) < 0)
		return 0;
	if (f.payload_size > 0 && (f.payload < bytes + 1 ||
	    f.payload + f.payload_size > bytes + n))
		abort();
	return 0;
}
