/*
 * What the arguments of a system call mean.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "straceargs.h"

#define STRACE_ARGS 8

/*
 * Where a system call has what, counted from 0; -1 for nowhere. data is a
 * string argument, a struct msghdr or an array of iovec alike.
 */
struct strace_shape {
	const char *name;
	signed char fd, path, data, address;
	/* The length is what was asked for, not what came back. */
	bool asked;
};

static const struct strace_shape strace_shapes[] = {
	{ "accept", 0, -1, -1, 1, false },
	{ "accept4", 0, -1, -1, 1, false },
	{ "access", -1, 0, -1, -1, false },
	{ "bind", 0, -1, -1, -1, false },
	{ "chdir", -1, 0, -1, -1, false },
	{ "chmod", -1, 0, -1, -1, false },
	{ "chown", -1, 0, -1, -1, false },
	{ "chown32", -1, 0, -1, -1, false },
	{ "chroot", -1, 0, -1, -1, false },
	{ "close", 0, -1, -1, -1, false },
	{ "connect", 0, -1, -1, 1, false },
	{ "creat", -1, 0, -1, -1, false },
	{ "dup", 0, -1, -1, -1, false },
	{ "dup2", 0, -1, -1, -1, false },
	{ "dup3", 0, -1, -1, -1, false },
	{ "execve", -1, 0, -1, -1, false },
	{ "execveat", -1, 1, -1, -1, false },
	{ "faccessat", -1, 1, -1, -1, false },
	{ "faccessat2", -1, 1, -1, -1, false },
	{ "fchmod", 0, -1, -1, -1, false },
	{ "fchmodat", -1, 1, -1, -1, false },
	{ "fcntl", 0, -1, -1, -1, false },
	{ "fcntl64", 0, -1, -1, -1, false },
	{ "fstat", 0, -1, -1, -1, false },
	{ "fstat64", 0, -1, -1, -1, false },
	{ "fstatat64", -1, 1, -1, -1, false },
	{ "ftruncate", 0, -1, -1, -1, false },
	{ "ftruncate64", 0, -1, -1, -1, false },
	{ "getdents", 0, -1, -1, -1, false },
	{ "getdents64", 0, -1, -1, -1, false },
	{ "getpeername", 0, -1, -1, 1, false },
	{ "getsockname", 0, -1, -1, -1, false },
	{ "getsockopt", 0, -1, -1, -1, false },
	{ "ioctl", 0, -1, -1, -1, false },
	{ "link", -1, 1, -1, -1, false },
	{ "linkat", -1, 3, -1, -1, false },
	{ "listen", 0, -1, -1, -1, false },
	{ "lseek", 0, -1, -1, -1, false },
	{ "_llseek", 0, -1, -1, -1, false },
	{ "lstat", -1, 0, -1, -1, false },
	{ "lstat64", -1, 0, -1, -1, false },
	{ "mkdir", -1, 0, -1, -1, false },
	{ "mkdirat", -1, 1, -1, -1, false },
	{ "mknod", -1, 0, -1, -1, false },
	{ "mknodat", -1, 1, -1, -1, false },
	{ "mount", -1, 1, -1, -1, false },
	{ "newfstatat", -1, 1, -1, -1, false },
	{ "open", -1, 0, -1, -1, false },
	{ "openat", -1, 1, -1, -1, false },
	{ "openat2", -1, 1, -1, -1, false },
	{ "pread64", 0, -1, 1, -1, false },
	{ "pwrite64", 0, -1, 1, -1, false },
	{ "read", 0, -1, 1, -1, false },
	{ "readlink", -1, 0, -1, -1, false },
	{ "readlinkat", -1, 1, -1, -1, false },
	{ "readv", 0, -1, 1, -1, false },
	{ "recv", 0, -1, 1, -1, false },
	{ "recvfrom", 0, -1, 1, 4, false },
	{ "recvmsg", 0, -1, 1, 1, false },
	{ "rename", -1, 1, -1, -1, false },
	{ "renameat", -1, 3, -1, -1, false },
	{ "renameat2", -1, 3, -1, -1, false },
	{ "rmdir", -1, 0, -1, -1, false },
	{ "send", 0, -1, 1, -1, true },
	{ "sendmsg", 0, -1, 1, 1, true },
	{ "sendto", 0, -1, 1, 4, true },
	{ "setsockopt", 0, -1, -1, -1, false },
	{ "shutdown", 0, -1, -1, -1, false },
	{ "stat", -1, 0, -1, -1, false },
	{ "stat64", -1, 0, -1, -1, false },
	{ "statx", -1, 1, -1, -1, false },
	{ "symlink", -1, 1, -1, -1, false },
	{ "symlinkat", -1, 2, -1, -1, false },
	{ "truncate", -1, 0, -1, -1, false },
	{ "umount", -1, 0, -1, -1, false },
	{ "umount2", -1, 0, -1, -1, false },
	{ "unlink", -1, 0, -1, -1, false },
	{ "unlinkat", -1, 1, -1, -1, false },
	{ "utime", -1, 0, -1, -1, false },
	{ "utimensat", -1, 1, -1, -1, false },
	{ "write", 0, -1, 1, -1, true },
	{ "writev", 0, -1, 1, -1, true },
};

static int
strace_hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	    c >= 'a' && c <= 'f'    ? c - 'a' + 10 :
	    c >= 'A' && c <= 'F'    ? c - 'A' + 10 : -1;
}

/* One escape behind a backslash; returns the bytes that it took. */
static size_t
strace_escape(const char *p, size_t n, uint8_t *out)
{
	static const char letters[] = "ntrfvbea", bytes[] = "\n\t\r\f\v\b\033\a";
	const char *l;
	size_t i = 0;

	if (n >= 3 && p[0] == 'x' && strace_hex(p[1]) >= 0 &&
	    strace_hex(p[2]) >= 0) {
		*out = (uint8_t)(strace_hex(p[1]) << 4 | strace_hex(p[2]));
		return 3;
	}
	*out = 0;
	while (i < n && i < 3 && p[i] >= '0' && p[i] <= '7')
		*out = (uint8_t)(*out << 3 | (p[i++] - '0'));
	if (i > 0)
		return i;
	*out = (uint8_t)p[0];
	if ((l = memchr(letters, p[0], sizeof letters - 1)) != NULL)
		*out = (uint8_t)bytes[l - letters];
	return 1;
}

size_t
strace_string(struct text t, uint8_t *out, size_t size, bool *cut)
{
	size_t count = 0, i = 1;

	*cut = false;
	if (t.n < 2 || t.at[0] != '"')
		return 0;
	while (i < t.n && t.at[i] != '"') {
		uint8_t c = (uint8_t)t.at[i++];

		if (c == '\\' && i < t.n)
			i += strace_escape(t.at + i, t.n - i, &c);
		if (count == size) {
			*cut = true;
			return count;
		}
		out[count++] = c;
	}
	*cut = t.n >= i + 4 && memcmp(t.at + i, "\"...", 4) == 0;
	return count;
}

int64_t
strace_leading(struct text t)
{
	int64_t v = 0;
	size_t i = 0;

	while (i < t.n && i < 18 && t.at[i] >= '0' && t.at[i] <= '9')
		v = v * 10 + (t.at[i++] - '0');
	return i == 0 ? -1 : v;
}

int
strace_fd(struct text t, int64_t *fd, struct text *annotation)
{
	static const char removed[] = "(deleted)";
	const char *open = memchr(t.at, '<', t.n);
	size_t k = sizeof removed - 1;

	if (t.n > k && memcmp(t.at + t.n - k, removed, k) == 0)
		t.n -= k;
	if ((*fd = strace_leading(t)) == -1)
		return -1;
	*annotation = (struct text) { t.at + t.n, 0 };
	if (open != NULL && t.at[t.n - 1] == '>')
		*annotation = (struct text) { open + 1,
			t.n - (size_t)(open - t.at) - 2 };
	return 0;
}

int64_t
strace_translated(struct text t)
{
	int64_t at = text_find(t, " /* ");

	if (at == -1 || text_find(t, "in strace's PID NS") == -1)
		return -1;
	t.at += at + 4;
	t.n -= (size_t)at + 4;
	return strace_leading(t);
}

/* Copies what stands between a mark and an end; 0 or -1. */
static int
strace_between(struct text t, const char *mark, char end, char *out,
    size_t size)
{
	int64_t at = text_find(t, mark);
	size_t i = 0;

	if (at == -1)
		return -1;
	t.at += (size_t)at + strlen(mark);
	t.n -= (size_t)at + strlen(mark);
	for (; i < t.n && t.at[i] != end; i++) {
		if (i + 1 == size)
			return -1;
		out[i] = t.at[i];
	}
	out[i] = '\0';
	return i == t.n ? -1 : 0;
}

int
strace_sockaddr(struct text t, struct addr *a)
{
	char host[64], port[8];

	if (strace_between(t, "_port=htons(", ')', port, sizeof port) == -1)
		return -1;
	if (strace_between(t, "sin_addr=inet_addr(\"", '"', host,
		sizeof host) == -1 &&
	    strace_between(t, "inet_pton(AF_INET6, \"", '"', host,
		sizeof host) == -1)
		return -1;
	if (addr_parse(a, host) == -1)
		return -1;
	a->port = (uint16_t)strtoul(port, NULL, 10);
	return 0;
}

/* "10.13.37.2:39272" or "[fd13:37::2]:39272"; 0 or -1. */
static int
strace_endpoint(const char *p, size_t n, struct addr *a)
{
	char text[64];
	char *colon, *host = text;

	if (n == 0 || n >= sizeof text)
		return -1;
	memcpy(text, p, n);
	text[n] = '\0';
	if ((colon = strrchr(text, ':')) == NULL || colon == text)
		return -1;
	*colon = '\0';
	if (text[0] == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		host++;
	}
	if (addr_parse(a, host) == -1)
		return -1;
	a->port = (uint16_t)strtoul(colon + 1, NULL, 10);
	return 0;
}

/*
 * "TCP:[10.13.37.2:39272->203.0.113.77:4444]", "UDPv6:[[::]:53]",
 * "TCP:[20776]" where only the inode is known.
 */
static void
strace_annotated(struct text t, struct strace_socket *s)
{
	static const struct {
		const char *name, *proto;
	} protos[] = { { "TCP", "TCP" }, { "TCPv6", "TCP" }, { "UDP", "UDP" },
		{ "UDPv6", "UDP" }, { "RAW", "RAW" }, { "RAWv6", "RAW" },
		{ "PING", "ICMP" }, { "PINGv6", "ICMP" },
		{ "UDPLITE", "UDPLITE" }, { "ICMP", "ICMP" } };
	int64_t colon = text_find(t, ":["), arrow;
	struct text name, rest;

	if (colon == -1 || t.n < (size_t)colon + 3 || t.at[t.n - 1] != ']')
		return;
	name = (struct text) { t.at, (size_t)colon };
	for (size_t i = 0; i < sizeof protos / sizeof *protos; i++)
		if (text_is(name, protos[i].name))
			snprintf(s->proto, sizeof s->proto, "%s",
			    protos[i].proto);
	if (s->proto[0] == '\0')
		return;
	rest = (struct text) { t.at + colon + 2, t.n - (size_t)colon - 3 };
	arrow = text_find(rest, "->");
	if (arrow == -1) {
		if (strace_endpoint(rest.at, rest.n, &s->local) == -1)
			s->local.family = 0;
		return;
	}
	if (strace_endpoint(rest.at, (size_t)arrow, &s->local) == -1)
		s->local.family = 0;
	if (strace_endpoint(rest.at + arrow + 2, rest.n - (size_t)arrow - 2,
		&s->remote) == -1)
		s->remote.family = 0;
}

/* The bytes of all iov_base strings in a struct msghdr or an iovec array. */
static size_t
strace_vector(struct text t, uint8_t *out, size_t size)
{
	static const char mark[] = "iov_base=";
	size_t count = 0;
	int64_t at;

	while ((at = text_find(t, mark)) != -1) {
		bool cut;

		t.at += (size_t)at + sizeof mark - 1;
		t.n -= (size_t)at + sizeof mark - 1;
		count += strace_string(t, out + count, size - count, &cut);
	}
	return count;
}

static const struct strace_shape *
strace_shape(struct text name)
{
	for (size_t i = 0; i < sizeof strace_shapes / sizeof *strace_shapes;
	     i++)
		if (text_is(name, strace_shapes[i].name))
			return &strace_shapes[i];
	return NULL;
}

/* The bytes that were moved, and how many. */
static void
strace_moved(const struct strace_line *l, const struct strace_shape *shape,
    const struct text *args, size_t count, struct strace_details *d)
{
	struct text data = args[shape->data];
	bool cut;

	/* A receive that failed left the buffer alone. */
	if (data.n == 0 || (!shape->asked && (!l->has_value || l->value < 0)))
		return;
	if (data.at[0] == '"')
		d->bytes_n = strace_string(data, d->bytes, sizeof d->bytes,
		    &cut);
	else if (data.at[0] == '{' || data.at[0] == '[')
		d->bytes_n = strace_vector(data, d->bytes, sizeof d->bytes);
	else
		return;
	d->has_bytes = true;
	d->length = l->has_value && l->value >= 0 ? l->value : -1;
	if (d->length == -1 && count > (size_t)shape->data + 1 &&
	    data.at[0] == '"')
		d->length = strace_leading(args[shape->data + 1]);
	if (d->length < 0)
		d->length = (int64_t)d->bytes_n;
	/* What was asked for and not moved is not shown as if it had been. */
	if (l->has_value && l->value >= 0 &&
	    (int64_t)d->bytes_n > l->value)
		d->bytes_n = (size_t)l->value;
}

void
strace_details(const struct strace_line *l, struct strace_details *d)
{
	const struct strace_shape *shape = strace_shape(l->name);
	struct text args[STRACE_ARGS], annotation;
	size_t count;
	bool cut;

	memset(d, 0, sizeof *d);
	if (shape == NULL)
		goto out;
	count = strace_split(l->args, args, STRACE_ARGS);
	if (count > STRACE_ARGS)
		count = STRACE_ARGS;
	if (shape->fd >= 0 && count > (size_t)shape->fd &&
	    strace_fd(args[shape->fd], &d->fd, &annotation) == 0) {
		d->has_fd = true;
		strace_annotated(annotation, &d->socket);
	}
	if (shape->path >= 0 && count > (size_t)shape->path &&
	    args[shape->path].n > 0 && args[shape->path].at[0] == '"') {
		d->has_path = true;
		d->path_n = strace_string(args[shape->path],
		    (uint8_t *)d->path, sizeof d->path, &cut);
	}
	if (shape->data >= 0 && count > (size_t)shape->data)
		strace_moved(l, shape, args, count, d);
	if (shape->address >= 0 && count > (size_t)shape->address) {
		struct addr a = { 0 };

		if (strace_sockaddr(args[shape->address], &a) == 0)
			d->socket.remote = a;
	}
out:
	/* What it returned may be a descriptor: socket, accept, open, dup. */
	if (!d->has_fd && l->has_value && l->value >= 0 &&
	    strace_fd(l->ret, &d->fd, &annotation) == 0 && annotation.n > 0) {
		d->has_fd = true;
		strace_annotated(annotation, &d->socket);
	}
}
