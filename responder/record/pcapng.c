/*
 * Writing pcapng: a block's length is computed first, then its fields are
 * laid into the output's buffer in order.
 */
#include <string.h>

#include "base/log.h"
#include "record/pcapng.h"

#define PCAPNG_OVERHEAD 12 /* type, length, and the length again */

struct pcapng_pen {
	uint8_t *p;
};

static size_t
pcapng_padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static void
pcapng_u16(struct pcapng_pen *pen, unsigned v)
{
	*pen->p++ = (uint8_t)v;
	*pen->p++ = (uint8_t)(v >> 8);
}

static void
pcapng_u32(struct pcapng_pen *pen, uint32_t v)
{
	pcapng_u16(pen, v & 0xffff);
	pcapng_u16(pen, v >> 16);
}

/* 64-bit times are written upper half first, whatever the byte order. */
static void
pcapng_time(struct pcapng_pen *pen, int64_t ns)
{
	pcapng_u32(pen, (uint32_t)((uint64_t)ns >> 32));
	pcapng_u32(pen, (uint32_t)ns);
}

/* Bytes, then zeros up to a multiple of four. */
static void
pcapng_bytes(struct pcapng_pen *pen, const void *data, size_t n)
{
	memcpy(pen->p, data, n);
	pen->p += n;
	for (; n % 4 != 0; n++)
		*pen->p++ = 0;
}

static size_t
pcapng_option_size(size_t n)
{
	return 4 + pcapng_padded(n);
}

static void
pcapng_option(struct pcapng_pen *pen, unsigned code, const void *data,
    size_t n)
{
	pcapng_u16(pen, code);
	pcapng_u16(pen, (unsigned)n);
	pcapng_bytes(pen, data, n);
}

static void
pcapng_options_end(struct pcapng_pen *pen)
{
	pcapng_u32(pen, 0);
}

/* Opens a block with this many bytes of body. */
static struct pcapng_pen
pcapng_begin(struct output *o, uint32_t type, size_t body, uint32_t *total)
{
	struct pcapng_pen pen;

	*total = (uint32_t)(body + PCAPNG_OVERHEAD);
	pen.p = output_reserve(o, *total);
	pcapng_u32(&pen, type);
	pcapng_u32(&pen, *total);
	return pen;
}

void
pcapng_section(struct output *o, const char *application)
{
	size_t n = strlen(application);
	uint32_t total;
	struct pcapng_pen pen = pcapng_begin(o, PCAPNG_SECTION,
	    16 + pcapng_option_size(n) + 4, &total);

	pcapng_u32(&pen, 0x1a2b3c4d); /* byte order */
	pcapng_u16(&pen, 1);	      /* version 1.0 */
	pcapng_u16(&pen, 0);
	pcapng_u32(&pen, 0xffffffff); /* the section's length isn't known */
	pcapng_u32(&pen, 0xffffffff);
	pcapng_option(&pen, 4, application, n); /* shb_userappl */
	pcapng_options_end(&pen);
	pcapng_u32(&pen, total);
}

void
pcapng_interface(struct output *o, uint16_t link, uint32_t snaplen,
    const char *name)
{
	static const uint8_t nanoseconds = 9; /* 10^-9 */
	size_t n = strlen(name);
	uint32_t total;
	struct pcapng_pen pen = pcapng_begin(o, PCAPNG_INTERFACE,
	    8 + pcapng_option_size(n) + pcapng_option_size(1) + 4, &total);

	pcapng_u16(&pen, link);
	pcapng_u16(&pen, 0);
	pcapng_u32(&pen, snaplen);
	pcapng_option(&pen, 2, name, n);	 /* if_name */
	pcapng_option(&pen, 9, &nanoseconds, 1); /* if_tsresol */
	pcapng_options_end(&pen);
	pcapng_u32(&pen, total);
}

void
pcapng_packet(struct output *o, int64_t wall_ns, const void *data,
    uint32_t captured, uint32_t length, const char *comment)
{
	size_t n = comment != NULL ? strnlen(comment, PCAPNG_COMMENT_MAX) : 0;
	size_t options = n != 0 ? pcapng_option_size(n) + 4 : 0;
	uint32_t total;

	if (captured > PCAPNG_SNAPLEN_MAX)
		fatal("pcapng: packet of %u bytes", captured);
	struct pcapng_pen pen = pcapng_begin(o, PCAPNG_PACKET,
	    20 + pcapng_padded(captured) + options, &total);

	pcapng_u32(&pen, 0); /* the interface */
	pcapng_time(&pen, wall_ns);
	pcapng_u32(&pen, captured);
	pcapng_u32(&pen, length);
	pcapng_bytes(&pen, data, captured);
	if (n != 0) {
		pcapng_option(&pen, PCAPNG_COMMENT, comment, n);
		pcapng_options_end(&pen);
	}
	pcapng_u32(&pen, total);
}

void
pcapng_secrets(struct output *o, const void *data, size_t n)
{
	uint32_t total;
	struct pcapng_pen pen = pcapng_begin(o, PCAPNG_SECRETS,
	    8 + pcapng_padded(n), &total);

	pcapng_u32(&pen, 0x544c534b); /* "TLSK": TLS key log */
	pcapng_u32(&pen, (uint32_t)n);
	pcapng_bytes(&pen, data, n);
	pcapng_u32(&pen, total);
}

void
pcapng_stats(struct output *o, int64_t start_ns, int64_t end_ns,
    uint64_t received, uint64_t dropped)
{
	uint32_t total;
	struct pcapng_pen pen = pcapng_begin(o, PCAPNG_STATS,
	    12 + 4 * pcapng_option_size(8) + 4, &total);
	const struct {
		unsigned code;
		uint64_t value;
	} counts[] = { { 4, received }, { 5, dropped } };
	const struct {
		unsigned code;
		int64_t ns;
	} times[] = { { 2, start_ns }, { 3, end_ns } };

	pcapng_u32(&pen, 0); /* the interface */
	pcapng_time(&pen, end_ns);
	for (size_t i = 0; i < 2; i++) {
		pcapng_u16(&pen, times[i].code); /* isb_starttime, _endtime */
		pcapng_u16(&pen, 8);
		pcapng_time(&pen, times[i].ns);
	}
	for (size_t i = 0; i < 2; i++) {
		pcapng_u16(&pen, counts[i].code); /* isb_ifrecv, _ifdrop */
		pcapng_u16(&pen, 8);
		pcapng_u32(&pen, (uint32_t)counts[i].value);
		pcapng_u32(&pen, (uint32_t)(counts[i].value >> 32));
	}
	pcapng_options_end(&pen);
	pcapng_u32(&pen, total);
}
