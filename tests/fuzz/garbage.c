/*
 * A rude client: queries of garbage over UDP, and TCP sessions that send
 * garbage, stay half open, dribble or break off. Every so often it asks a
 * proper question and waits for the answer, so that it counts what was taken
 * in, and sees at once when nobody answers any more.
 *
 *   garbage UDP-PORT TCP-PORT QUERIES SEED
 */
#include <arpa/inet.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SESSIONS 64
#define EVERY 50 /* garbage between two proper questions */

static const uint8_t proper[] = { 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 6, 's',
	't', 'e', 'a', 'd', 'y', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1,
	0, 1 };

static uint64_t seed;

/* xorshift64*: the same garbage for the same seed. */
static uint32_t
chance(uint32_t below)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * 2685821657736338717u) >> 33) % below;
}

/* Random bytes, or a proper query with some of them changed. */
static size_t
garbage(uint8_t *out, size_t size)
{
	size_t n = chance((uint32_t)size);

	if (chance(4) == 0) {
		for (size_t i = 0; i < n; i++)
			out[i] = (uint8_t)chance(256);
		return n;
	}
	memset(out, 0, size);
	memcpy(out, proper, sizeof proper);
	n = chance(3) ? sizeof proper : chance(2 * sizeof proper);
	for (uint32_t changes = chance(6); changes > 0; changes--) {
		size_t at = chance(sizeof proper + 4);

		out[at] = chance(3) ? (uint8_t)chance(256) :
		    (uint8_t)(0xc0 * chance(2) + chance(16));
	}
	return n;
}

static int
dial(int type, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&in, sizeof in) < 0) {
		perror("garbage: connect");
		exit(1);
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* Asks properly and waits for that answer, past all others; 0 or -1. */
static int
ask(int fd, uint16_t id)
{
	uint8_t query[sizeof proper], reply[2048];

	memcpy(query, proper, sizeof query);
	query[0] = (uint8_t)(id >> 8);
	query[1] = (uint8_t)id;
	for (int tries = 0; tries < 5; tries++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (send(fd, query, sizeof query, 0) < 0 && errno != EAGAIN)
			return -1;
		while (poll(&p, 1, 1000) == 1) {
			ssize_t n = recv(fd, reply, sizeof reply, 0);

			if (n < 0 && errno != EAGAIN)
				return -1;
			if (n == sizeof proper + 16 && reply[0] == query[0] &&
			    reply[1] == query[1] && (reply[3] & 15) == 0)
				return 0;
		}
	}
	return -1;
}

/* One more turn of a rude session; most end some time. */
static void
session_turn(int *fd, uint16_t port)
{
	uint8_t bytes[700];

	if (*fd < 0) {
		*fd = dial(SOCK_STREAM, port);
		return;
	}
	switch (chance(8)) {
	case 0:
	case 1:
	case 2: /* one byte at a time */
		bytes[0] = (uint8_t)chance(256);
		(void)!send(*fd, bytes, 1, MSG_NOSIGNAL);
		return;
	case 3:
	case 4:
		(void)!send(*fd, bytes, garbage(bytes, sizeof bytes),
		    MSG_NOSIGNAL);
		return;
	case 5: /* what is sent back is left lying */
		return;
	case 6: { /* reset */
		struct linger l = { 1, 0 };

		setsockopt(*fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
	} /* FALLTHROUGH */
	default:
		close(*fd);
		*fd = -1;
	}
}

int
main(int argc, char **argv)
{
	int sessions[SESSIONS];
	unsigned long answered = 0, opened = 0;

	if (argc != 5) {
		fprintf(stderr, "usage: garbage UDP-PORT TCP-PORT QUERIES "
		    "SEED\n");
		return 2;
	}
	uint16_t udp_port = (uint16_t)atoi(argv[1]);
	uint16_t tcp_port = (uint16_t)atoi(argv[2]);
	unsigned long queries = strtoul(argv[3], NULL, 10);
	int fd = dial(SOCK_DGRAM, udp_port);

	seed = strtoull(argv[4], NULL, 10) | 1;
	for (int i = 0; i < SESSIONS; i++)
		sessions[i] = -1;
	for (unsigned long i = 0; i < queries; i++) {
		uint8_t bytes[600];
		size_t n = garbage(bytes, sizeof bytes);

		(void)!send(fd, bytes, n, 0);
		if (i % EVERY != EVERY - 1)
			continue;
		if (ask(fd, (uint16_t)i) < 0) {
			printf("no answer after %lu queries\n", i + 1);
			return 1;
		}
		answered++;
		int *s = &sessions[chance(SESSIONS)];

		opened += *s < 0;
		session_turn(s, tcp_port);
	}
	printf("%lu queries, %lu proper ones answered, %lu sessions\n",
	    queries, answered, opened);
	return 0;
}
