/*
 * What the specimens' commands do. Each is bounded here, whatever the command
 * says: common.h has the limits.
 */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actions.h"
#include "common.h"

#define CHILDREN_MAX 4

static pid_t children[CHILDREN_MAX];

/* Sends a few datagrams, one every 50 ms. */
NOINLINE void
sendUdp(struct in_addr target, int port, int count)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port), .sin_addr = target };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	for (int i = 0; fd != -1 && labHas(target) && i < count &&
	    i < PACKETS_MAX; i++) {
		char text[32];
		int n = snprintf(text, sizeof text, "specimen %d", i);
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
	for (int i = 0; labHas(target) && i < count &&
	    i < PACKETS_MAX; i++) {
		int fd = connectTimeout(target, port, 2);
		if (fd != -1)
			close(fd);
	}
}

/* Fetches one page and reads it to its end. */
NOINLINE void
sendHttp(struct in_addr target, const char *path)
{
	char text[256], page[4096];
	int fd = labHas(target) ? connectTimeout(target, 80, 2) : -1;
	int n = snprintf(text, sizeof text,
	    "GET %.100s HTTP/1.0\r\nHost: %s\r\nUser-Agent: specimen\r\n\r\n",
	    path, inet_ntoa(target));

	if (fd == -1)
		return;
	if (sendAll(fd, text, (size_t)n) == 0)
		while (waitReadable(fd, 3) && recv(fd, page, sizeof page, 0) > 0)
			;
	close(fd);
}

/* Leaves a note in the scratch folder, as a dropper would leave a program. */
NOINLINE void
dropFile(const char *path)
{
	static const char text[] = "a specimen was here\n";
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1)
		return;
	if (write(fd, text, sizeof text - 1) == -1)
		unlink(path);
	close(fd);
	chmod(path, 0700);
}

/* A child sends one datagram a second until its time is up or STOP comes. */
NOINLINE void
holdTarget(int server, struct in_addr target, int port, int seconds)
{
	int i = 0;

	while (i < CHILDREN_MAX && children[i] > 0)
		i++;
	if (i == CHILDREN_MAX)
		return;
	children[i] = fork();
	if (children[i] != 0)
		return;
	close(server);
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
void
reapChildren(void)
{
	for (int i = 0; i < CHILDREN_MAX; i++)
		if (children[i] > 0 && waitpid(children[i], NULL, WNOHANG) != 0)
			children[i] = 0;
}

/* The compiler may not see that this points nowhere. */
static int *volatile nowhere;

NOINLINE void
crash(void)
{
	*nowhere = 1;
}

void
keep(void (*bot)(void))
{
	signal(SIGPIPE, SIG_IGN);
	daemonize();
	for (;;) {
		pid_t pid = fork();
		if (pid == 0)
			bot();
		if (pid == -1 || waitpid(pid, NULL, 0) == -1)
			_exit(1);
		sleep(1);
	}
}
