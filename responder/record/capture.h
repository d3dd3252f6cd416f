/*
 * Frames from libpcap: a live interface with a ring in the kernel, or a
 * capture file. Stamps are nanoseconds wherever the source has them.
 */
#ifndef RECORD_CAPTURE_H
#define RECORD_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attrib.h"

#define CAPTURE_ERROR_SIZE 512

struct capture;

struct capture_stats {
	uint64_t received, dropped; /* received counts the dropped, too */
};

typedef void (*capture_frame_cb)(void *arg, int64_t wall,
    const uint8_t *data, uint32_t captured, uint32_t length);

enum capture_result { CAPTURE_MORE, CAPTURE_EMPTY, CAPTURE_END, CAPTURE_LOST };

/*
 * Opens an interface; the ring takes buffer_mib MiB of the kernel's memory.
 * NULL with the reason in error.
 */
struct capture *capture_live(const char *interface, unsigned snaplen,
    unsigned buffer_mib, char error[static CAPTURE_ERROR_SIZE]) A_MUST_USE;
struct capture *capture_file(const char *path,
    char error[static CAPTURE_ERROR_SIZE]) A_MUST_USE;
void capture_free(struct capture *);

/* The pcap link type. */
int capture_link(const struct capture *);
uint32_t capture_snaplen(const struct capture *);
/* Readable when frames wait; -1 for a file. */
int capture_fd(const struct capture *);
/*
 * Hands over what waits, a bounded number of frames. MORE: call again; EMPTY:
 * nothing waits; END: end of the file; LOST: the interface or the file failed,
 * capture_reason tells how.
 */
enum capture_result capture_read(struct capture *, capture_frame_cb,
    void *arg);
const char *capture_reason(const struct capture *);
/* Keeps the last known counts when the interface is gone. */
struct capture_stats capture_stats(struct capture *);

#endif
