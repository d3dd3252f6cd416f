/*
 * The client's socket. It is one connection and a person's typing, so calls
 * that wait do no harm.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "attach/peer.h"
#include "base/log.h"
#include "base/xmalloc.h"

struct peer {
	int fd;
	struct evbuffer *in;
	char *line;
};

struct peer *
peer_connect(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct peer *p;
	int fd;

	if (strlen(path) >= sizeof sun.sun_path) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	strcpy(sun.sun_path, path);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		return NULL;
	if (connect(fd, (struct sockaddr *)&sun, sizeof sun) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return NULL;
	}
	p = xcalloc(1, sizeof *p);
	p->fd = fd;
	if ((p->in = evbuffer_new()) == NULL)
		fatal("no memory for a buffer");
	return p;
}

void
peer_free(struct peer *p)
{
	if (p == NULL)
		return;
	close(p->fd);
	evbuffer_free(p->in);
	free(p->line);
	free(p);
}

int
peer_fd(const struct peer *p)
{
	return p->fd;
}

int
peer_send(struct peer *p, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0) {
		ssize_t sent = send(p->fd, at, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -1;
		at += sent;
		n -= (size_t)sent;
	}
	return 0;
}

void
peer_finish(struct peer *p)
{
	shutdown(p->fd, SHUT_WR);
}

bool
peer_receive(struct peer *p)
{
	int n = evbuffer_read(p->in, p->fd, -1);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

char *
peer_line(struct peer *p, size_t *length)
{
	free(p->line);
	p->line = evbuffer_readln(p->in, length, EVBUFFER_EOL_LF);
	return p->line;
}
