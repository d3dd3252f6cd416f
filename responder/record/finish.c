/*
 * Block by block: what isn't ours to change is copied as it is. Only files in
 * this machine's byte order (little-endian) are read: the recorder's own.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xmalloc.h"
#include "record/annotations.h"
#include "record/finish.h"
#include "record/output.h"
#include "record/pcapng.h"
#include "wire/frame.h"

#define FINISH_BLOCK_MIN 12
#define FINISH_SECRETS_MAX (256 * 1024) /* a block */
#define FINISH_PACKET_HEAD 28		/* up to the packet's bytes */

struct finish {
	FILE *in;
	struct output *out;
	struct annotations *annotations; /* or NULL */
	char *keys;			 /* tls.keys, or NULL */
	size_t keys_size;
	int link;
	uint8_t *block;
	uint32_t size; /* of the block */
	struct finish_counts *counts;
	bool secrets_written;
};

static uint32_t
finish_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

static void
finish_put(uint8_t *p, uint32_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* Reads the next whole block; false at the end, or where it is cut off. */
static bool
finish_next(struct finish *f)
{
	size_t n = fread(f->block, 1, 8, f->in);

	f->size = n == 8 ? finish_u32(f->block + 4) : 0;
	if (n == 8 && f->size >= FINISH_BLOCK_MIN && f->size % 4 == 0 &&
	    f->size <= OUTPUT_RECORD_MAX / 2)
		n += fread(f->block + 8, 1, f->size - 8, f->in);
	if (n != 0 && n == f->size &&
	    finish_u32(f->block + f->size - 4) == f->size)
		return true;
	f->counts->cut = n;
	while (fgetc(f->in) != EOF)
		f->counts->cut++;
	return false;
}

/* All of tls.keys, in blocks that end with a line. */
static void
finish_secrets(struct finish *f)
{
	const char *p = f->keys;
	size_t left = f->keys_size;

	while (left > 0) {
		size_t n = left < FINISH_SECRETS_MAX ? left
						     : FINISH_SECRETS_MAX;

		while (n > 0 && p[n - 1] != '\n')
			n--;
		if (n == 0)
			break; /* a last line that is cut off */
		pcapng_secrets(f->out, p, n);
		for (size_t i = 0; i < n; i++)
			f->counts->secrets += p[i] == '\n';
		p += n;
		left -= n;
	}
	f->secrets_written = true;
}

/* Is this option a comment of ours? */
static bool
finish_our_comment(const uint8_t *option, unsigned n)
{
	size_t mark = strlen(ANNOTATIONS_MARK);

	return option[0] == PCAPNG_COMMENT && option[1] == 0 && n >= mark &&
	    memcmp(option + 4, ANNOTATIONS_MARK, mark) == 0;
}

/*
 * Copies a packet's options but for our own old comment. Returns how many
 * bytes, without the end of options.
 */
static size_t
finish_options(const uint8_t *p, size_t n, uint8_t *out)
{
	size_t done = 0;

	while (n >= 4 && (p[0] != 0 || p[1] != 0)) {
		unsigned length = p[2] | (unsigned)p[3] << 8;
		size_t whole = 4 + ((length + 3u) & ~3u);

		if (whole > n)
			break;
		if (!finish_our_comment(p, length)) {
			memcpy(out + done, p, whole);
			done += whole;
		}
		p += whole;
		n -= whole;
	}
	return done;
}

/* Writes the packet in f->block with this comment, or with none. */
static void
finish_packet_write(struct finish *f, size_t data_end, const char *comment)
{
	size_t n = comment != NULL ? strlen(comment) : 0;
	size_t padded = (n + 3) & ~(size_t)3;
	uint8_t *options = xmalloc(f->size);
	size_t kept = finish_options(f->block + data_end,
	    f->size - 4 - data_end, options);
	size_t added = n != 0 ? 4 + padded : 0;
	size_t end = kept + added != 0 ? 4 : 0;
	size_t total = data_end + added + kept + end + 4;
	uint8_t *p = output_reserve(f->out, total);

	memcpy(p, f->block, data_end);
	finish_put(p + 4, (uint32_t)total, 4);
	p += data_end;
	if (n != 0) {
		finish_put(p, PCAPNG_COMMENT, 2);
		finish_put(p + 2, (uint32_t)n, 2);
		memset(p + 4, 0, padded);
		memcpy(p + 4, comment, n);
		p += added;
		f->counts->comments++;
	}
	memcpy(p, options, kept);
	memset(p + kept, 0, end);
	finish_put(p + kept + end, (uint32_t)total, 4);
	free(options);
}

/* An Enhanced Packet Block: parsed, commented, written. */
static int
finish_packet(struct finish *f)
{
	const char *comment = NULL;
	struct frame frame;

	if (f->size < FINISH_PACKET_HEAD + 4)
		return -1;
	const uint8_t *b = f->block;
	uint32_t captured = finish_u32(b + 20);
	uint64_t wall = (uint64_t)finish_u32(b + 12) << 32 |
	    finish_u32(b + 16);
	if (captured > f->size - FINISH_PACKET_HEAD - 4)
		return -1;
	f->counts->packets++;
	if (f->annotations != NULL &&
	    frame_parse(&frame, f->link, b + FINISH_PACKET_HEAD, captured) ==
		0)
		comment = annotations_packet(f->annotations, (int64_t)wall,
		    &frame);
	finish_packet_write(f,
	    FINISH_PACKET_HEAD + ((captured + 3) & ~(size_t)3), comment);
	return 0;
}

/* Hands one block on; -1 if it is damaged. */
static int
finish_block(struct finish *f)
{
	switch (finish_u32(f->block)) {
	case PCAPNG_SECRETS:
		return 0; /* an earlier finish wrote it */
	case PCAPNG_PACKET:
		return finish_packet(f);
	case PCAPNG_INTERFACE:
		f->link = f->block[8] | f->block[9] << 8;
		output_add(f->out, f->block, f->size);
		if (!f->secrets_written)
			finish_secrets(f);
		return 0;
	default:
		output_add(f->out, f->block, f->size);
		return 0;
	}
}

/* Reads a whole file; NULL if there is none. */
static char *
finish_read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t room = 0, n;

	*size = 0;
	if (file == NULL)
		return NULL;
	do {
		room += 65536;
		text = xreallocarray(text, room, 1);
		n = fread(text + *size, 1, room - *size, file);
		*size += n;
	} while (n != 0);
	fclose(file);
	return text;
}

/* Copies all blocks. */
static int
finish_copy(struct finish *f, char error[static FINISH_ERROR_SIZE])
{
	static const uint8_t order[4] = { 0x4d, 0x3c, 0x2b, 0x1a };

	if (!finish_next(f) || finish_u32(f->block) != PCAPNG_SECTION ||
	    f->size < 28 || memcmp(f->block + 8, order, 4) != 0) {
		snprintf(error, FINISH_ERROR_SIZE,
		    "traffic.pcapng is no capture of the recorder");
		return -1;
	}
	output_add(f->out, f->block, f->size);
	while (finish_next(f)) {
		if (finish_block(f) < 0) {
			snprintf(error, FINISH_ERROR_SIZE,
			    "traffic.pcapng is damaged behind packet %llu",
			    (unsigned long long)f->counts->packets);
			return -1;
		}
	}
	return 0;
}

int
finish_run(const char *dir, struct finish_counts *counts,
    char error[static FINISH_ERROR_SIZE])
{
	char *path = xasprintf("%s/traffic.pcapng", dir);
	char *beside = xasprintf("%s.new", path);
	char *journal = xasprintf("%s/session.jsonl", dir);
	char *keys = xasprintf("%s/tls.keys", dir);
	struct finish f = { .counts = counts, .link = -1 };
	int result = -1;

	memset(counts, 0, sizeof *counts);
	f.in = fopen(path, "re");
	if (f.in == NULL) {
		snprintf(error, FINISH_ERROR_SIZE, "%s: %s", path,
		    strerror(errno));
		goto out;
	}
	unlink(beside);
	f.out = output_create(dir, "traffic.pcapng.new");
	if (f.out == NULL) {
		snprintf(error, FINISH_ERROR_SIZE, "%s: %s", beside,
		    strerror(errno));
		goto out;
	}
	f.block = xmalloc(OUTPUT_RECORD_MAX);
	f.annotations = annotations_load(journal);
	f.keys = finish_read_file(keys, &f.keys_size);
	result = finish_copy(&f, error);
	if (output_close(f.out) < 0 && result == 0) {
		snprintf(error, FINISH_ERROR_SIZE, "%s can't be written",
		    beside);
		result = -1;
	}
	if (result == 0 && rename(beside, path) < 0) {
		snprintf(error, FINISH_ERROR_SIZE, "%s: %s", path,
		    strerror(errno));
		result = -1;
	}
	if (result < 0)
		unlink(beside);
out:
	if (f.annotations != NULL)
		annotations_free(f.annotations);
	if (f.in != NULL)
		fclose(f.in);
	free(f.block);
	free(f.keys);
	free(keys);
	free(journal);
	free(beside);
	free(path);
	return result;
}
