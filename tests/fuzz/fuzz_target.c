/*
 * Any bytes as command text: the search always goes on, and an address that
 * is found is found again in its own spelling.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const char *text = (const char *)bytes;
	size_t offset = 0, before = 0, again;
	char spelled[ADDR_TEXT_SIZE];
	struct target a, b;

	while (target_next(text, n, &offset, &a) == 1) {
		if (offset <= before || offset > n)
			abort();
		before = offset;
		if (a.count < 1 || a.count > 2 || a.at + a.length != offset)
			abort();
		addr_text(&a.readings[0], spelled);
		again = 0;
		if (target_next(spelled, strlen(spelled), &again, &b) != 1 ||
		    !addr_equal(&a.readings[0], &b.readings[0]))
			abort();
	}
	if (offset != n)
		abort();
	return 0;
}
