/*
 * The control protocol's frames.
 */
#include <string.h>

#include "base/xmalloc.h"
#include "ctlframe.h"

uint32_t
ctlframe_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

uint64_t
ctlframe_get64(const uint8_t *p)
{
	return (uint64_t)ctlframe_get32(p) << 32 | ctlframe_get32(p + 4);
}

void
ctlframe_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

void
ctlframe_put64(uint8_t *p, uint64_t v)
{
	ctlframe_put32(p, (uint32_t)(v >> 32));
	ctlframe_put32(p + 4, (uint32_t)v);
}

int64_t
ctlframe_parse(const uint8_t *data, size_t n, struct ctlframe *f)
{
	/* Say no as early as the bytes allow. */
	if ((n > 0 && data[0] != FRAME_MAGIC) ||
	    (n > 1 && data[1] != FRAME_VERSION) || (n > 3 && data[3] != 0))
		return -1;
	if (n < FRAME_HEAD)
		return 0;
	uint32_t length = ctlframe_get32(data + 4);
	if (length > FRAME_MAX)
		return -1;
	if (n - FRAME_HEAD < length)
		return 0;
	f->type = data[2];
	f->payload = data + FRAME_HEAD;
	f->length = length;
	return FRAME_HEAD + (int64_t)length;
}

void
ctlframe_head(uint8_t out[static FRAME_HEAD], enum frame_type type, size_t n)
{
	out[0] = FRAME_MAGIC;
	out[1] = FRAME_VERSION;
	out[2] = (uint8_t)type;
	out[3] = 0;
	ctlframe_put32(out + 4, (uint32_t)n);
}

int
ctlframe_parse_result(const struct ctlframe *f, struct ctlframe_result *r)
{
	if (f->length < 5)
		return -1;
	r->request = f->payload[0];
	r->error = ctlframe_get32(f->payload + 1);
	r->text = (const char *)f->payload + 5;
	r->length = f->length - 5;
	return 0;
}

int
ctlframe_parse_skipped(const struct ctlframe *f, struct ctlframe_skipped *s)
{
	if (f->type != FRAME_SKIPPED || f->length != 36)
		return -1;
	s->pid = ctlframe_get32(f->payload);
	s->wanted = (int64_t)ctlframe_get64(f->payload + 4);
	s->waited = (int64_t)ctlframe_get64(f->payload + 12);
	s->before = (int64_t)ctlframe_get64(f->payload + 20);
	s->moved = (int64_t)ctlframe_get64(f->payload + 28);
	return s->moved > 0 && s->wanted > 0 && s->waited >= 0 ? 0 : -1;
}

int
ctlframe_parse_pong(const struct ctlframe *f, struct ctlframe_pong *p)
{
	if (f->length != 24)
		return -1;
	p->sent = (int64_t)ctlframe_get64(f->payload);
	p->wall = (int64_t)ctlframe_get64(f->payload + 8);
	p->mono = (int64_t)ctlframe_get64(f->payload + 16);
	return 0;
}

char *
ctlframe_value(const uint8_t *list, size_t n, const char *key)
{
	size_t k = strlen(key);

	while (n > 0) {
		const uint8_t *end = memchr(list, '\0', n);
		size_t length = end == NULL ? n : (size_t)(end - list);

		if (length > k && memcmp(list, key, k) == 0 &&
		    list[k] == '=') {
			char *text = xmemdup0(list + k + 1, length - k - 1);

			for (char *p = text; *p != '\0'; p++)
				if (*p < 0x20 || *p > 0x7e)
					*p = '?';
			return text;
		}
		if (end == NULL)
			break;
		n -= length + 1;
		list = end + 1;
	}
	return NULL;
}
