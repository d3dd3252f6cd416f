/*
 * Frames on the control port, from the guest's side. The host is trusted, so
 * reads block until a frame is whole; writes block while the host is slow,
 * which slows the sample's output and nothing else.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

static int channel = -1;
static unsigned char channel_in[FRAME_MAX + 1];

uint32_t
get32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

uint64_t
get64(const unsigned char *p)
{
	return (uint64_t)get32(p) << 32 | get32(p + 4);
}

void
put32(unsigned char *p, uint32_t v)
{
	p[0] = (unsigned char)(v >> 24);
	p[1] = (unsigned char)(v >> 16);
	p[2] = (unsigned char)(v >> 8);
	p[3] = (unsigned char)v;
}

void
put64(unsigned char *p, uint64_t v)
{
	put32(p, (uint32_t)(v >> 32));
	put32(p + 4, (uint32_t)v);
}

const char *
channel_port(const char *name)
{
	static char path[300];
	DIR *d = opendir("/sys/class/virtio-ports");
	struct dirent *e;

	if (d == NULL)
		return NULL;
	while ((e = readdir(d)) != NULL) {
		char text[64] = "";
		int fd;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name",
		    e->d_name);
		if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
			continue;
		if (read(fd, text, sizeof text - 1) < 0)
			text[0] = '\0';
		close(fd);
		text[strcspn(text, "\n")] = '\0';
		if (strcmp(text, name) == 0) {
			snprintf(path, sizeof path, "/dev/%s", e->d_name);
			closedir(d);
			return path;
		}
	}
	closedir(d);
	return NULL;
}

/* Waits up to 3 s for the driver to bring the port, and opens it. */
int
channel_open(void)
{
	for (int i = 0; i < 300 && channel == -1; i++) {
		const char *path = channel_port(PORT_CONTROL);

		if (path != NULL)
			channel = open(path, O_RDWR | O_CLOEXEC);
		if (channel == -1)
			usleep(10000);
	}
	return channel == -1 ? -1 : 0;
}

int
channel_fd(void)
{
	return channel;
}

int
write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t k = write(fd, p, n);

		if (k == -1 && errno == EINTR)
			continue;
		if (k == -1 && errno == EAGAIN) {
			struct pollfd f = { fd, POLLOUT, 0 };

			poll(&f, 1, 100);
			continue;
		}
		if (k <= 0)
			return -1;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

/* Sends a frame; what is longer than one may be is cut by the caller. */
void
channel_send(enum frame_type type, const void *payload, size_t n)
{
	static unsigned char out[FRAME_HEAD + FRAME_MAX];

	if (n > FRAME_MAX)
		n = FRAME_MAX;
	out[0] = FRAME_MAGIC;
	out[1] = FRAME_VERSION;
	out[2] = (unsigned char)type;
	out[3] = 0;
	put32(out + 4, (uint32_t)n);
	if (n > 0)
		memcpy(out + FRAME_HEAD, payload, n);
	write_all(channel, out, FRAME_HEAD + n);
}

void
channel_result(enum frame_type request, int error, const char *text)
{
	unsigned char b[1024];
	size_t n = strlen(text);

	if (n > sizeof b - 5)
		n = sizeof b - 5;
	b[0] = (unsigned char)request;
	put32(b + 1, (uint32_t)error);
	memcpy(b + 5, text, n);
	channel_send(FRAME_RESULT, b, 5 + n);
}

void
channel_log(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof text - 1)
		n = (int)sizeof text - 1;
	channel_send(FRAME_LOG, text, n < 0 ? 0 : (size_t)n);
}

/* Reads exactly n bytes. A port whose host end is closed reads as 0: wait. */
static int
channel_get(unsigned char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = read(channel, p, n);

		if (k == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (k == -1)
			return -1;
		if (k == 0) {
			usleep(2000);
			continue;
		}
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

int
channel_read(unsigned char **payload, size_t *n)
{
	unsigned char head[FRAME_HEAD];

	if (channel_get(head, sizeof head) == -1 || head[0] != FRAME_MAGIC ||
	    head[1] != FRAME_VERSION)
		return -1;
	*n = get32(head + 4);
	if (*n > FRAME_MAX || channel_get(channel_in, *n) == -1)
		return -1;
	channel_in[*n] = '\0';
	*payload = channel_in;
	return head[2];
}

char *
list_next(char **p, char *end)
{
	char *text = *p;

	if (text >= end)
		return NULL;
	*p = text + strlen(text) + 1;
	return text;
}

char *
list_get(char *list, size_t n, const char *key)
{
	char *p = list, *text;
	size_t k = strlen(key);

	while ((text = list_next(&p, list + n)) != NULL)
		if (strncmp(text, key, k) == 0 && text[k] == '=')
			return text + k + 1;
	return NULL;
}
