/*
 * The key log. A handshake has five lines at most.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "net/tls_keys.h"

struct tls_keys {
	int fd;
	bool complained;
	size_t size; /* of the lines */
	char lines[4096];
};

struct tls_keys *
tls_keys_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		return NULL;
	struct tls_keys *k = xcalloc(1, sizeof *k);

	k->fd = fd;
	return k;
}

void
tls_keys_close(struct tls_keys *k)
{
	if (k == NULL)
		return;
	tls_keys_flush(k);
	close(k->fd);
	free(k);
}

void
tls_keys_line(struct tls_keys *k, const char *line)
{
	size_t n = strlen(line);

	if (k == NULL || n >= sizeof k->lines)
		return;
	if (k->size + n + 1 > sizeof k->lines)
		tls_keys_flush(k);
	memcpy(k->lines + k->size, line, n);
	k->lines[k->size + n] = '\n';
	k->size += n + 1;
}

void
tls_keys_flush(struct tls_keys *k)
{
	if (k == NULL || k->size == 0)
		return;
	if (write(k->fd, k->lines, k->size) != (ssize_t)k->size &&
	    !k->complained) {
		k->complained = true;
		log_error("TLS key log: %s", strerror(errno));
	}
	k->size = 0;
}
