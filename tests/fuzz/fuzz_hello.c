/*
 * Any bytes as a connection's beginning, and as a handshake message.
 */
#include <stdlib.h>

#include "wire/clienthello.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
use(struct hello *h)
{
	char md5[JA3_HASH_SIZE], ja4[JA4_SIZE];
	const uint8_t *name;

	free(hello_ja3(h, md5));
	free(hello_ja4(h, ja4));
	for (unsigned i = 0; hello_alpn(h, i, &name) >= 0; i++)
		;
	if (strlen(ja4) != (h->server ? 25u : 36u) || strlen(md5) != 32)
		abort();
	hello_free(h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct hello h;
	int whole = clienthello_read(bytes, n, &h);

	if (whole == 1)
		use(&h);
	if (n > 0) {
		int prefix = clienthello_read(bytes, n - 1, &h);

		/* What a prefix refuses, no more bytes can make good. */
		if (prefix < 0 && whole >= 0)
			abort();
		if (prefix == 1)
			hello_free(&h);
	}
	if (hello_parse(bytes, n, &h) == 1)
		use(&h);
	return 0;
}
