/*
 * pcapng blocks (draft-ietf-opsawg-pcapng), little-endian, one interface,
 * nanosecond stamps. Each function appends one whole block to an output.
 *
 *   Section Header, Interface Description, [Decryption Secrets,]
 *   Enhanced Packet ..., Interface Statistics
 */
#ifndef RECORD_PCAPNG_H
#define RECORD_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

#include "record/output.h"

/* Block types, for those who read files (record/finish.c). */
enum pcapng_type {
	PCAPNG_INTERFACE = 1,
	PCAPNG_STATS = 5,
	PCAPNG_PACKET = 6,
	PCAPNG_SECRETS = 10,
	PCAPNG_SECTION = 0x0a0d0d0a,
};

enum pcapng_option {
	PCAPNG_COMMENT = 1,
};

#define PCAPNG_SNAPLEN_MAX 262144
#define PCAPNG_COMMENT_MAX 4096

void pcapng_section(struct output *, const char *application);
/* link is the pcap link type, snaplen in bytes. */
void pcapng_interface(struct output *, uint16_t link, uint32_t snaplen,
    const char *name);
/* captured is at most PCAPNG_SNAPLEN_MAX; comment may be NULL. */
void pcapng_packet(struct output *, int64_t wall_ns, const void *data,
    uint32_t captured, uint32_t length, const char *comment);
/* TLS secrets as an NSS key log; n is at most OUTPUT_RECORD_MAX less 64. */
void pcapng_secrets(struct output *, const void *, size_t n);
/* received: packets seen by the kernel's filter; dropped: of those, lost. */
void pcapng_stats(struct output *, int64_t start_ns, int64_t end_ns,
    uint64_t received, uint64_t dropped);

#endif
