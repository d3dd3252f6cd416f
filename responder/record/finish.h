/*
 * Finishing a run's capture: TLS secrets and comments go into the file, so
 * that Wireshark decrypts and explains it without anything beside it.
 */
#ifndef RECORD_FINISH_H
#define RECORD_FINISH_H

#include <stdint.h>

#include "base/attrib.h"

#define FINISH_ERROR_SIZE 512

struct finish_counts {
	uint64_t packets, comments, secrets; /* secrets: lines of tls.keys */
	uint64_t cut; /* bytes at the end that were no whole block */
};

/*
 * Rewrites DIR/traffic.pcapng with DIR/tls.keys and what DIR/session.jsonl
 * says (either may be missing), beside and by rename. Doing it again replaces
 * what was added before. 0, or -1 with the reason in error and the file left
 * as it was.
 */
int finish_run(const char *dir, struct finish_counts *,
    char error[static FINISH_ERROR_SIZE]) A_MUST_USE;

#endif
