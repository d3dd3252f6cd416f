/*
 * Evidence files. The buffer is twice the longest record, so that a record
 * always fits after a flush.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "record/output.h"

#define OUTPUT_BUFFER (2 * OUTPUT_RECORD_MAX)

struct output {
	char *path;
	int fd;
	bool complained;
	uint8_t *buffer;
	size_t used;
	uint64_t size;	  /* of the file: a record's end */
	uint64_t records; /* in the buffer */
	uint64_t lost;
};

struct output *
output_create(const char *dir, const char *name)
{
	struct output *o = xcalloc(1, sizeof *o);

	o->path = xasprintf("%s/%s", dir, name);
	o->fd = open(o->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (o->fd < 0) {
		int saved = errno;

		free(o->path);
		free(o);
		errno = saved;
		return NULL;
	}
	o->buffer = xmalloc(OUTPUT_BUFFER);
	return o;
}

int
output_close(struct output *o)
{
	output_flush(o);
	uint64_t lost = o->lost;

	if (close(o->fd) < 0) {
		log_error("%s: %s", o->path, strerror(errno));
		lost++;
	}
	free(o->buffer);
	free(o->path);
	free(o);
	return lost == 0 ? 0 : -1;
}

uint8_t *
output_reserve(struct output *o, size_t n)
{
	if (n > OUTPUT_RECORD_MAX)
		fatal("output: record of %zu bytes", n);
	if (o->used + n > OUTPUT_BUFFER)
		output_flush(o);
	uint8_t *p = o->buffer + o->used;
	o->used += n;
	o->records++;
	return p;
}

void
output_add(struct output *o, const void *data, size_t n)
{
	memcpy(output_reserve(o, n), data, n);
}

/* Gives up the buffer and cuts the file back to its last whole record. */
static void
output_refused(struct output *o, int error)
{
	if (!o->complained)
		log_error("%s: %s: losing evidence; what is written stays",
		    o->path, strerror(error));
	o->complained = true;
	o->lost += o->records;
	if (ftruncate(o->fd, (off_t)o->size) < 0)
		log_debug("%s: can't cut back: %s", o->path, strerror(errno));
	if (lseek(o->fd, (off_t)o->size, SEEK_SET) < 0)
		log_debug("%s: can't seek: %s", o->path, strerror(errno));
}

int
output_flush(struct output *o)
{
	size_t done = 0;
	int result = 0;

	while (done < o->used) {
		ssize_t n = write(o->fd, o->buffer + done, o->used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			output_refused(o, errno);
			result = -1;
			break;
		}
		done += (size_t)n;
	}
	if (result == 0)
		o->size += o->used;
	o->used = 0;
	o->records = 0;
	return result;
}

uint64_t
output_lost(const struct output *o)
{
	return o->lost;
}

uint64_t
output_size(const struct output *o)
{
	return o->size;
}
