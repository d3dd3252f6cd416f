/*
 * linebot: a harmless stand-in with the shape of a Gafgyt bot, as public
 * analyses describe it: one line in, split into words, the first word chooses
 * a function. It greets with a line, answers PING, and knows a handful of
 * commands, each with a small behaviour of its own. It scans nothing, guesses
 * nothing, stays nowhere, and refuses to run outside the lab (common.h).
 *
 *   !* UDP ip port n          n datagrams (at most 8)
 *   !* TCP ip port n          n connects (at most 8), closed at once
 *   !* HTTP ip path           one GET on port 80
 *   !* RESOLVE name           one DNS question
 *   !* DROP                   writes /tmp/.linebot
 *   !* HOLD ip port seconds   a child sends a datagram a second
 *   !* KILLATTK, STOP         kills the children
 *   !* GETLOCALIP             answers with its address
 *   !* CLOSE                  hangs up and comes back
 *   !* CRASH                  dies of SIGSEGV; its keeper starts it again
 *
 * Any other word is read and ignored without an answer. With an argument it
 * does not greet: a bot that waits for the server to speak.
 */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actions.h"
#include "common.h"

#define SERVER_NAME "c2.linebot.example"
#define SERVER_FALLBACK "198.18.13.37"
#define SERVER_PORT 23
#define RETRY_SECONDS 5
#define IDLE_SECONDS 60
#define LINE_SIZE 512
#define WORDS_MAX 10
#define DROP_PATH "/tmp/.linebot"

static int serverSocket = -1;
static int silent;

NOINLINE void
replyLocalIp(void)
{
	struct sockaddr_in own = { 0 };
	socklen_t size = sizeof own;
	char text[64];

	getsockname(serverSocket, (struct sockaddr *)&own, &size);
	int n = snprintf(text, sizeof text, "My IP: %s\n",
	    inet_ntoa(own.sin_addr));
	sendAll(serverSocket, text, (size_t)n);
}

/*
 * The command handler: the first word chooses. Returns -1 when the connection
 * should end. A target outside the lab is ignored like an unknown word.
 */
NOINLINE int
processCmd(int argc, char *argv[])
{
	struct in_addr ip;

	if (strcmp(argv[0], "UDP") == 0) {
		if (argc >= 4 && labTarget(argv[1], &ip) == 0)
			sendUdp(ip, atoi(argv[2]),
			    labCount(argv[3], PACKETS_MAX));
	} else if (strcmp(argv[0], "TCP") == 0) {
		if (argc >= 4 && labTarget(argv[1], &ip) == 0)
			sendTcp(ip, atoi(argv[2]),
			    labCount(argv[3], PACKETS_MAX));
	} else if (strcmp(argv[0], "HTTP") == 0) {
		if (argc >= 3 && labTarget(argv[1], &ip) == 0)
			sendHttp(ip, argv[2]);
	} else if (strcmp(argv[0], "RESOLVE") == 0) {
		if (argc >= 2)
			resolveName(argv[1], &ip);
	} else if (strcmp(argv[0], "DROP") == 0) {
		dropFile(DROP_PATH);
	} else if (strcmp(argv[0], "HOLD") == 0) {
		if (argc >= 4 && labTarget(argv[1], &ip) == 0)
			holdTarget(serverSocket, ip, atoi(argv[2]),
			    labCount(argv[3], SECONDS_MAX));
	} else if (strcmp(argv[0], "KILLATTK") == 0 ||
	    strcmp(argv[0], "STOP") == 0) {
		stopChildren();
	} else if (strcmp(argv[0], "GETLOCALIP") == 0) {
		replyLocalIp();
	} else if (strcmp(argv[0], "CLOSE") == 0) {
		return -1;
	} else if (strcmp(argv[0], "CRASH") == 0) {
		crash();
	}
	return 0;
}

/*
 * Reads one line byte by byte, without its end. Returns its length, or -1
 * when the server is gone or has been silent for too long.
 */
NOINLINE int
recvLine(int fd, char *buf, int size)
{
	int n = 0;

	for (;;) {
		char c;
		if (!waitReadable(fd, IDLE_SECONDS) || recv(fd, &c, 1, 0) != 1)
			return -1;
		if (c == '\n')
			break;
		if (n < size - 1)
			buf[n++] = c;
	}
	while (n > 0 && buf[n - 1] == '\r')
		n--;
	buf[n] = '\0';
	return n;
}

/* Finds the server and connects; 0 or -1. */
NOINLINE int
initConnection(void)
{
	hangUp(&serverSocket);
	serverSocket = connectServer(SERVER_NAME, SERVER_FALLBACK, SERVER_PORT);
	return serverSocket == -1 ? -1 : 0;
}

static int
greet(void)
{
	struct utsname u;
	char text[128];

	if (silent)
		return 0;
	uname(&u);
	int n = snprintf(text, sizeof text, "BUILD %s\n", u.machine);
	return sendAll(serverSocket, text, (size_t)n);
}

/* One connection: lines come, commands are done, until it ends. */
static void
serve(void)
{
	char line[LINE_SIZE], *argv[WORDS_MAX];

	while (recvLine(serverSocket, line, sizeof line) != -1) {
		reapChildren();
		if (strcmp(line, "PING") == 0) {
			sendAll(serverSocket, "PONG\n", 5);
			continue;
		}
		if (line[0] != '!')
			continue;
		int argc = splitWords(line, argv, WORDS_MAX);
		if (argc >= 2 && processCmd(argc - 1, argv + 1) == -1)
			break;
	}
}

static void
bot(void)
{
	for (;;) {
		if (initConnection() == 0 && greet() == 0) {
			serve();
			hangUp(&serverSocket);
			sleep(1);
		} else
			sleep(RETRY_SECONDS);
	}
}

int
main(int argc, char *argv[] __attribute__((unused)))
{
	labGuard("linebot");
	silent = argc > 1;
	keep(bot);
}
