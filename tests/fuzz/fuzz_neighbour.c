/*
 * Any bytes as a neighbour solicitation; the answer to one must be readable
 * by the same rules, but for its type.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/neighbour.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const uint8_t mac[NEIGHBOUR_MAC] = { 2, 0, 0x5e, 0x10, 0, 1 };
	uint8_t out[NEIGHBOUR_FRAME];
	struct neighbour q, none;

	if (neighbour_parse(&q, bytes, n) < 0)
		return 0;
	neighbour_answer(&q, mac, out);
	if (memcmp(out, q.mac, sizeof q.mac) != 0 ||
	    memcmp(out + 62, q.target.bytes, 16) != 0 ||
	    neighbour_parse(&none, out, sizeof out) == 0)
		abort();
	return 0;
}
