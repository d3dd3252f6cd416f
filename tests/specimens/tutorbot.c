/*
 * tutorbot: the specimen of the tutorial in lua-profiles/README.md, a harmless
 * bot with a protocol of its own. It says "knock ARCH", wants to hear
 * "enter", and then reads lines "do WORD;ARGUMENT;…". It answers "alive?" with
 * "yes", and each command that it knows with "did WORD". It comes back a
 * second after it has hung up.
 *
 *   ring;ip;port;n   n datagrams     call;ip;port;n   n connects
 *   keep;ip;port;s   a child sends   rest             kills it
 *   leaf             writes a file   bye              hangs up
 */
#include <sys/socket.h>
#include <sys/utsname.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actions.h"
#include "common.h"

#define SERVER_NAME "home.tutorbot.example"
#define SERVER_FALLBACK "198.18.13.43"
#define SERVER_PORT 7331
#define LINE_SIZE 256
#define WORDS_MAX 6
#define IDLE_SECONDS 120
#define DROP_PATH "/tmp/.tutorbot"

static int serverSocket = -1;

NOINLINE int
recvLine(int fd, char *buf, int size)
{
	int n = 0;
	char c = 0;

	while (c != '\n') {
		if (!waitReadable(fd, IDLE_SECONDS) || recv(fd, &c, 1, 0) != 1)
			return -1;
		if (c != '\n' && n < size - 1)
			buf[n++] = c;
	}
	buf[n] = '\0';
	return n;
}

static int
say(const char *what, const char *word)
{
	char line[LINE_SIZE];
	int n = snprintf(line, sizeof line, "%s%.60s\n", what, word);

	return sendAll(serverSocket, line, (size_t)n);
}

/* Does a command; -1 when the connection should end. */
NOINLINE int
processCmd(int argc, char *argv[])
{
	struct in_addr ip;
	int aimed = argc >= 4 && labTarget(argv[1], &ip) == 0;

	if (strcmp(argv[0], "ring") == 0 && aimed)
		sendUdp(ip, atoi(argv[2]), labCount(argv[3], PACKETS_MAX));
	else if (strcmp(argv[0], "call") == 0 && aimed)
		sendTcp(ip, atoi(argv[2]), labCount(argv[3], PACKETS_MAX));
	else if (strcmp(argv[0], "keep") == 0 && aimed)
		holdTarget(serverSocket, ip, atoi(argv[2]),
		    labCount(argv[3], SECONDS_MAX));
	else if (strcmp(argv[0], "rest") == 0)
		stopChildren();
	else if (strcmp(argv[0], "leaf") == 0)
		dropFile(DROP_PATH);
	else if (strcmp(argv[0], "bye") == 0)
		return -1;
	else
		return 0;
	return say("did ", argv[0]);
}

/* Greets and waits to be let in; 0 or -1. */
NOINLINE int
initConnection(void)
{
	struct utsname u;
	char line[LINE_SIZE];

	serverSocket = connectServer(SERVER_NAME, SERVER_FALLBACK, SERVER_PORT);
	if (serverSocket == -1)
		return -1;
	uname(&u);
	if (say("knock ", u.machine) == -1 ||
	    recvLine(serverSocket, line, sizeof line) == -1)
		return -1;
	return strcmp(line, "enter") == 0 ? 0 : -1;
}

static void
serve(void)
{
	char line[LINE_SIZE], *argv[WORDS_MAX];

	while (recvLine(serverSocket, line, sizeof line) != -1) {
		int argc = 0;
		reapChildren();
		if (strcmp(line, "alive?") == 0)
			say("yes", "");
		if (strncmp(line, "do ", 3) != 0)
			continue;
		for (char *word = strtok(line + 3, ";");
		    word != NULL && argc < WORDS_MAX; word = strtok(NULL, ";"))
			argv[argc++] = word;
		if (argc > 0 && processCmd(argc, argv) == -1)
			return;
	}
}

static void
bot(void)
{
	for (;;) {
		int up = initConnection() == 0;
		if (up)
			serve();
		hangUp(&serverSocket);
		sleep(up ? 1 : 5);
	}
}

int
main(void)
{
	labGuard("tutorbot");
	keep(bot);
}
