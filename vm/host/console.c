/*
 * console.log.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "console.h"

#define CONSOLE_MAX (4u << 20)

struct console {
	int fd;
	size_t written;
};

struct console *
console_new(const char *dir)
{
	char *path = xasprintf("%s/console.log", dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	struct console *c;

	free(path);
	if (fd == -1)
		return NULL;
	c = xcalloc(1, sizeof *c);
	c->fd = fd;
	return c;
}

void
console_free(struct console *c)
{
	if (c == NULL)
		return;
	close(c->fd);
	free(c);
}

void
console_write(struct console *c, const void *data, size_t n)
{
	static const char cut[] = "\n[console.log ends here: 4 MiB]\n";

	if (c->written >= CONSOLE_MAX)
		return;
	if (n > CONSOLE_MAX - c->written)
		n = CONSOLE_MAX - c->written;
	c->written += n;
	if (write(c->fd, data, n) != (ssize_t)n) {
		log_warn("console.log: %s", strerror(errno));
		c->written = CONSOLE_MAX;
	} else if (c->written == CONSOLE_MAX &&
	    write(c->fd, cut, sizeof cut - 1) == -1) {
		log_warn("console.log: %s", strerror(errno));
	}
}
