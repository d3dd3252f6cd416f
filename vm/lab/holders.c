#include "lab/holders.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab/spaces.h"

struct holders {
	ino_t lab;
	char *const *taps;
	bool *held; /* for each tap: by a process of the lab */
	pid_t *outside; /* for each tap: a process that holds one so named */
	unsigned sockets;
	struct problems *problems;
};

static const char *
domain_name(int domain)
{
	switch (domain) {
	case AF_INET:
		return "IPv4";
	case AF_INET6:
		return "IPv6";
	case AF_PACKET:
		return "packet";
	case AF_NETLINK:
		return "netlink";
	case AF_VSOCK:
		return "vsock";
	default:
		return "other";
	}
}

/* The namespace of a socket, or 0. */
static ino_t
socket_space(int fd)
{
	struct stat st;
	ino_t inode = 0;
	int space;

	if ((space = ioctl(fd, SIOCGSKNS)) == -1)
		return 0;
	if (fstat(space, &st) == 0)
		inode = st.st_ino;
	close(space);
	return inode;
}

/*
 * Judges one socket. AF_UNIX is how the operator's side talks to the lab;
 * vsock knows no namespaces, so it is a way out wherever it was made.
 */
static void
holders_socket(struct holders *h, pid_t pid, bool inside, int fd)
{
	char name[16];
	int domain = AF_UNSPEC;
	socklen_t n = sizeof domain;
	ino_t space;

	h->sockets++;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == -1 ||
	    domain == AF_UNIX)
		return;
	process_name(pid, name);
	if (domain == AF_VSOCK) {
		if (inside)
			problem(h->problems, "process %d (%s) holds a vsock",
			    (int)pid, name);
		return;
	}
	space = socket_space(fd);
	if (inside && space != h->lab)
		problem(h->problems,
		    "process %d (%s) holds a foreign %s socket", (int)pid,
		    name, domain_name(domain));
	else if (!inside && space == h->lab && domain != AF_NETLINK)
		problem(h->problems,
		    "process %d (%s), outside, holds the lab's %s socket",
		    (int)pid, name, domain_name(domain));
}

/* Notes which of the lab's taps this descriptor of /dev/net/tun may be. */
static void
holders_tap(struct holders *h, pid_t pid, bool inside, const char *fd)
{
	char path[320], line[128], name[32];
	size_t i;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/fdinfo/%s", (int)pid, fd);
	if ((f = fopen(path, "re")) == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL) {
		if (sscanf(line, "iff: %31s", name) != 1)
			continue;
		for (i = 0; h->taps[i] != NULL; i++) {
			if (strcmp(name, h->taps[i]) != 0)
				continue;
			if (inside)
				h->held[i] = true;
			else
				h->outside[i] = pid;
		}
	}
	fclose(f);
}

/*
 * Is this another canary, of another lab's verify? It watches all namespaces,
 * this one among them, for its moment.
 */
static bool
holders_canary(pid_t pid)
{
	char path[64], exe[512];
	const char *name;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	if ((n = readlink(path, exe, sizeof exe - 1)) <= 0)
		return false;
	exe[n] = '\0';
	name = strrchr(exe, '/');
	return strcmp(name != NULL ? name + 1 : exe, "canary") == 0;
}

/* Looks through one process's descriptors. */
static void
holders_process(pid_t pid, void *arg)
{
	struct holders *h = arg;
	char path[64], link[320], to[64];
	struct dirent *e;
	int pidfd, fd;
	ssize_t n;
	bool inside;
	DIR *dir;

	if (pid == getpid() || holders_canary(pid))
		return;
	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	if ((dir = opendir(path)) == NULL)
		return;
	inside = space_of_process(pid) == h->lab;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	while ((e = readdir(dir)) != NULL) {
		snprintf(link, sizeof link, "%s/%s", path, e->d_name);
		if ((n = readlink(link, to, sizeof to - 1)) <= 0)
			continue;
		to[n] = '\0';
		if (strcmp(to, "/dev/net/tun") == 0)
			holders_tap(h, pid, inside, e->d_name);
		if (strncmp(to, "socket:[", 8) != 0)
			continue;
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, atoi(e->d_name), 0);
		if (fd != -1) {
			holders_socket(h, pid, inside, fd);
			close(fd);
		} else if (inside && (errno == EPERM || errno == ENOSYS))
			problem(h->problems,
			    "can't look at the sockets of process %d: %s",
			    (int)pid, strerror(errno));
	}
	closedir(dir);
	if (pidfd != -1)
		close(pidfd);
}

unsigned
holders_check(ino_t lab, char *const *taps, struct problems *problems)
{
	bool held[16] = { false };
	pid_t outside[16] = { 0 };
	struct holders h = { .lab = lab, .taps = taps, .held = held,
		.outside = outside, .problems = problems };
	char name[16];
	size_t i;

	each_process(holders_process, &h);
	for (i = 0; taps[i] != NULL; i++) {
		if (held[i])
			continue;
		process_name(outside[i], name);
		if (outside[i] != 0)
			problem(problems, "%s is held from outside, "
			    "maybe by process %d (%s)", taps[i],
			    (int)outside[i], name);
		else
			problem(problems, "%s is held by nobody in the lab",
			    taps[i]);
	}
	return h.sockets;
}
