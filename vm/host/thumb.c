/*
 * Thumb code: where its instructions lead.
 */
#include <stddef.h>

#include "flow.h"
#include "thumb.h"

void
thumb_next(const struct elf *elf, uint64_t address, uint64_t next[2])
{
	const uint8_t *code = elf_bytes(elf, address, 4);
	struct flow_reader *r;
	struct flow f;

	next[0] = next[1] = 0;
	if (code == NULL)
		code = elf_bytes(elf, address, 2);
	/* What stands behind an IT instruction may be passed over, and the
	 * breakpoint with it. */
	if (code == NULL || (code[1] == 0xbf && (code[0] & 15) != 0) ||
	    (r = flow_open(elf, true)) == NULL)
		return;
	if (flow_read(r, code, elf_bytes(elf, address, 4) == NULL ? 2 : 4,
		address, &f, NULL) == 0) {
		if (f.kind == FLOW_ON || f.maybe)
			next[0] = address + f.size;
		/* BLX to an address is a step into other code. */
		if (f.has_target && (f.kind != FLOW_CALL ||
			(code[3] & 0xd0) == 0xd0))
			next[1] = f.target;
	}
	flow_close(r);
}
