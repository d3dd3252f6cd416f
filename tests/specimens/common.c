#include <arpa/inet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

#define LAB_NET 0x0a0d2500U /* 10.13.37.0/24 */
#define LAB_MASK 0xffffff00U
#define SINK_NET 0xc6120000U /* 198.18.0.0/15, RFC 2544 */
#define SINK_MASK 0xfffe0000U
#define RESOLVER 0x08080808U
#define INTERFACES 16

void
labGuard(const char *program)
{
	struct ifreq list[INTERFACES];
	struct ifconf conf = { .ifc_len = sizeof list, .ifc_req = list };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	memset(list, 0, sizeof list);
	if (fd != -1 && ioctl(fd, SIOCGIFCONF, &conf) == 0) {
		int n = conf.ifc_len / (int)sizeof list[0];
		for (int i = 0; i < n; i++) {
			struct sockaddr_in in;
			memcpy(&in, &list[i].ifr_addr, sizeof in);
			if (in.sin_family == AF_INET &&
			    (ntohl(in.sin_addr.s_addr) & LAB_MASK) == LAB_NET) {
				close(fd);
				return;
			}
		}
	}
	fprintf(stderr, "%s: not in the lab (no address of 10.13.37.0/24): "
	    "nothing done\n", program);
	exit(2);
}

int
labHas(struct in_addr a)
{
	uint32_t host = ntohl(a.s_addr);

	return (host & LAB_MASK) == LAB_NET || (host & SINK_MASK) == SINK_NET;
}

int
labTarget(const char *text, struct in_addr *out)
{
	if (inet_pton(AF_INET, text, out) != 1 || !labHas(*out))
		return -1;
	return 0;
}

int
labCount(const char *text, int max)
{
	long n = strtol(text, NULL, 10);

	return n < 1 ? 1 : n > max ? max : (int)n;
}

/* Writes the question for an A record; returns its length, 0 if too long. */
static size_t
buildQuery(uint8_t *out, size_t size, uint16_t id, const char *name)
{
	static const uint8_t head[] = { 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
	static const uint8_t tail[] = { 0, 0, 1, 0, 1 };
	size_t n = 0;

	if (strlen(name) + 2 + 12 + 5 > size)
		return 0;
	out[n++] = (uint8_t)(id >> 8);
	out[n++] = (uint8_t)id;
	memcpy(out + n, head, sizeof head);
	n += sizeof head;
	while (*name != '\0') {
		size_t label = strcspn(name, ".");
		if (label == 0 || label > 63)
			return 0;
		out[n++] = (uint8_t)label;
		memcpy(out + n, name, label);
		n += label;
		name += label + (name[label] == '.');
	}
	memcpy(out + n, tail, sizeof tail);
	return n + sizeof tail;
}

/* Steps over a name, compressed or not; the end of the message if it is bad. */
static size_t
skipName(const uint8_t *p, size_t at, size_t n)
{
	while (at < n && p[at] != 0) {
		if (p[at] >= 0xc0)
			return at + 2;
		at += (size_t)p[at] + 1;
	}
	return at + 1;
}

/* The first A record of an answer; 0 or -1. */
static int
parseAnswer(const uint8_t *p, size_t n, uint16_t id, struct in_addr *out)
{
	if (n < 12 || p[0] != id >> 8 || p[1] != (id & 0xff) ||
	    (p[3] & 0x0f) != 0)
		return -1;
	unsigned answers = (unsigned)p[6] << 8 | p[7];
	size_t at = skipName(p, 12, n) + 4;
	while (answers-- > 0) {
		at = skipName(p, at, n);
		if (at + 10 > n)
			return -1;
		size_t length = (size_t)p[at + 8] << 8 | p[at + 9];
		int is_a = p[at] == 0 && p[at + 1] == 1 && length == 4;
		at += 10;
		if (at + length > n)
			return -1;
		if (is_a) {
			memcpy(out, p + at, 4);
			return 0;
		}
		at += length;
	}
	return -1;
}

NOINLINE int
resolveName(const char *name, struct in_addr *out)
{
	uint8_t query[300], answer[512];
	uint16_t id = (uint16_t)(getpid() * 40503U + 7);
	size_t n = buildQuery(query, sizeof query, id, name);
	struct sockaddr_in server = { .sin_family = AF_INET,
		.sin_port = htons(53), .sin_addr.s_addr = htonl(RESOLVER) };
	int status = -1;

	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (n == 0 || fd == -1)
		goto out;
	if (connect(fd, (struct sockaddr *)&server, sizeof server) != 0 ||
	    send(fd, query, n, MSG_NOSIGNAL) != (ssize_t)n)
		goto out;
	if (!waitReadable(fd, 2))
		goto out;
	ssize_t got = recv(fd, answer, sizeof answer, 0);
	if (got > 0 && parseAnswer(answer, (size_t)got, id, out) == 0 &&
	    labHas(*out))
		status = 0;
out:
	if (fd != -1)
		close(fd);
	return status;
}

NOINLINE int
connectTimeout(struct in_addr host, int port, int seconds)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port), .sin_addr = host };
	struct timeval limit = { .tv_sec = seconds };
	fd_set writable;
	int error = 0;
	socklen_t size = sizeof error;

	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd == -1)
		return -1;
	int flags = fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
		if (errno != EINPROGRESS)
			goto fail;
		FD_ZERO(&writable);
		FD_SET(fd, &writable);
		if (select(fd + 1, NULL, &writable, NULL, &limit) != 1)
			goto fail;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 ||
		    error != 0)
			goto fail;
	}
	fcntl(fd, F_SETFL, flags);
	return fd;
fail:
	close(fd);
	return -1;
}

NOINLINE int
connectServer(const char *name, const char *fallback, int port)
{
	struct in_addr server;

	if (resolveName(name, &server) != 0)
		inet_pton(AF_INET, fallback, &server);
	return connectTimeout(server, port, 5);
}

void
hangUp(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

int
sendAll(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return -1;
		p += sent;
		n -= (size_t)sent;
	}
	return 0;
}

int
splitWords(char *line, char *argv[], int max)
{
	int argc = 0;

	for (char *word = strtok(line, " "); word != NULL && argc < max;
	    word = strtok(NULL, " "))
		argv[argc++] = word;
	return argc;
}

int
waitReadable(int fd, int seconds)
{
	struct timeval limit = { .tv_sec = seconds };
	fd_set readable;

	FD_ZERO(&readable);
	FD_SET(fd, &readable);
	return select(fd + 1, &readable, NULL, NULL, &limit) == 1;
}

void
daemonize(void)
{
	pid_t pid = fork();

	if (pid != 0)
		_exit(pid < 0);
	setsid();
}
