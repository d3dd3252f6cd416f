/*
 * Any bytes as a sample: what is read of it lies in the file.
 */
#include <stdio.h>
#include <stdlib.h>

#include "elffile.h"
#include "probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct probes p;
	struct elf e;
	char why[200], name[24];
	size_t size;

	if (elf_open(&e, bytes, n, why, sizeof why) == 0) {
		for (size_t i = 0; i < e.count; i++)
			if (e.functions[i].offset >= n)
				abort();
		if (probes_init(&p, &e) == 0) {
			(void)!probes_add(&p, &e, "0x8049000", why, sizeof why);
			probes_add_own(&p, &e, true);
			snprintf(name, sizeof name, "0x%llx",
			    (unsigned long long)e.entry);
			(void)!probes_add_coverage(&p, &e, name, why,
			    sizeof why);
			if (e.count > 0)
				(void)!probes_add_coverage(&p, &e,
				    e.functions[0].name, why, sizeof why);
			free(probes_definitions(&p, "/cell/tmp/x", &size));
			probes_free(&p);
		}
	}
	elf_close(&e);
	return 0;
}
