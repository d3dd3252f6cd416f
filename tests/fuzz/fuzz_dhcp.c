/* Any bytes as a DHCP message to a server that keeps its state. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/dhcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
ignore(void *arg, const struct dhcp_message *m, const struct dhcp_answer *a)
{
	(void)arg;
	(void)a;
	/* What is told lies within the message. */
	if (m->hostname != NULL && m->hostname_length > 0)
		(void)*(const volatile uint8_t *)
		    (m->hostname + m->hostname_length - 1);
	if (m->vendor != NULL && m->vendor_length > 0)
		(void)*(const volatile uint8_t *)
		    (m->vendor + m->vendor_length - 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct dhcp *d;
	struct dhcp_options o = { .lease = 60, .domain = "lan" };
	uint8_t out[DHCP_SIZE];

	if (d == NULL) {
		if (addr_prefix_parse(&o.lan, "10.13.37.0/24") == -1)
			abort();
		d = dhcp_new(&o, ignore, NULL);
	}
	size_t length = dhcp_input(d, data, n, out);

	if (length > sizeof out)
		abort();
	return 0;
}
