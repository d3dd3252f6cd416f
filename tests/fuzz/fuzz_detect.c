/*
 * Any bytes as a connection's beginning: there is always a guess, the guesses
 * are in order, and each stands once.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct detect d;

	detect_protocol(bytes, n, &d);
	if ((n > 0 && d.count == 0) || d.count > DETECT_MAX)
		abort();
	for (size_t i = 0; i < d.count; i++) {
		if (d.guesses[i].score < 1 || d.guesses[i].score > 100 ||
		    (i > 0 && d.guesses[i].score > d.guesses[i - 1].score))
			abort();
		for (size_t k = 0; k < i; k++) {
			if (strcmp(d.guesses[i].name, d.guesses[k].name) == 0)
				abort();
		}
	}
	return 0;
}
