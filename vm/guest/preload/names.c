/*
 * For each descriptor that it shows strace asks the kernel what it stands for,
 * by way of /proc. The answers are kept as long as they must be right: stepper.c
 * sees each call that may change one, before it is made and after.
 */
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/xattr.h>

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "preload.h"

#define NAMES_MAX 64 /* a power of two */
#define NAMES_TEXT 100

struct names_one {
	pid_t tid;
	int fd;
	unsigned round; /* it holds in this one alone */
	int link_n, proto_n;
	char link[NAMES_TEXT], proto[24];
};

static struct names_one names[NAMES_MAX];
static unsigned names_round = 1;
static int names_on;
static ssize_t (*names_readlink)(const char *, char *, size_t);
static ssize_t (*names_getxattr)(const char *, const char *, void *, size_t);
/* What the last device asked for was, in the guest's own file tree. */
static struct {
	unsigned round;
	char path[NAMES_TEXT];
	struct stat64 is;
} names_device;
static int (*names_stat64)(const char *, struct stat64 *);

void
names_forget(void)
{
	names_round++;
}

void
names_closed(int fd)
{
	names[(unsigned)fd % NAMES_MAX].round = 0;
}

static struct names_one *
names_find(pid_t tid, int fd)
{
	struct names_one *o = &names[(unsigned)fd % NAMES_MAX];

	return o->round == names_round && o->tid == tid && o->fd == fd ? o :
	    NULL;
}

int
names_tame(pid_t tid, int fd)
{
	struct names_one *o = names_find(tid, fd);

	return o != NULL && (strncmp(o->link, "socket:[", 8) == 0 ||
	    strncmp(o->link, "pipe:[", 6) == 0 ||
	    strcmp(o->link, "/dev/null") == 0);
}

/* Digits at *p that `end` follows; -1 if there are none. */
static int
names_number(const char **p, char end)
{
	char *after;
	long n = strtol(*p, &after, 10);

	if (**p < '0' || **p > '9' || *after != end || n > INT_MAX)
		return -1;
	*p = after + (end != '\0');
	return (int)n;
}

/* The place for "/proc/TID/fd/FD", emptied if it was another's; or NULL. */
static struct names_one *
names_place(const char *path)
{
	struct names_one *o;
	int tid, fd;

	if (!names_on || strncmp(path, "/proc/", 6) != 0)
		return NULL;
	path += 6;
	if ((tid = names_number(&path, '/')) == -1 ||
	    strncmp(path, "fd/", 3) != 0)
		return NULL;
	path += 3;
	if ((fd = names_number(&path, '\0')) == -1)
		return NULL;
	if ((o = names_find(tid, fd)) == NULL) {
		o = &names[(unsigned)fd % NAMES_MAX];
		*o = (struct names_one) { .tid = tid, .fd = fd,
			.round = names_round };
	}
	return o;
}

ssize_t
readlink(const char *restrict path, char *restrict out, size_t size)
{
	struct names_one *o = names_place(path);
	ssize_t n;

	if (o != NULL && o->link_n > 0 && (size_t)o->link_n <= size) {
		memcpy(out, o->link, (size_t)o->link_n);
		return o->link_n;
	}
	n = names_readlink(path, out, size);
	if (o != NULL && n > 0 && n < NAMES_TEXT) {
		memcpy(o->link, out, (size_t)n);
		o->link[n] = '\0';
		o->link_n = (int)n;
	}
	return n;
}

/* Of sockets strace asks for the name of their protocol. */
ssize_t
getxattr(const char *path, const char *name, void *out, size_t size)
{
	struct names_one *o = names_place(path);
	ssize_t n;

	if (o != NULL && strcmp(name, "system.sockprotoname") != 0)
		o = NULL;
	if (o != NULL && o->proto_n > 0 && (size_t)o->proto_n <= size) {
		memcpy(out, o->proto, (size_t)o->proto_n);
		return o->proto_n;
	}
	n = names_getxattr(path, name, out, size);
	if (o != NULL && n > 0 && n <= (ssize_t)sizeof o->proto) {
		memcpy(o->proto, out, (size_t)n);
		o->proto_n = (int)n;
	}
	return n;
}

/* Of devices it asks for their numbers. */
int
stat64(const char *restrict path, struct stat64 *restrict out)
{
	if (!names_on || strncmp(path, "/dev/", 5) != 0 ||
	    strlen(path) >= NAMES_TEXT)
		return names_stat64(path, out);
	if (names_device.round != names_round ||
	    strcmp(names_device.path, path) != 0) {
		if (names_stat64(path, &names_device.is) == -1)
			return -1;
		strcpy(names_device.path, path);
		names_device.round = names_round;
	}
	*out = names_device.is;
	return 0;
}

#if __SIZEOF_LONG__ == 8
int
stat(const char *restrict path, struct stat *restrict out)
{
	return stat64(path, (struct stat64 *)out);
}
#endif

void
names_begin(int on)
{
	names_on = on;
	if (names_readlink != NULL)
		return;
	*(void **)&names_readlink = dlsym(RTLD_NEXT, "readlink");
	*(void **)&names_getxattr = dlsym(RTLD_NEXT, "getxattr");
	*(void **)&names_stat64 = dlsym(RTLD_NEXT, "stat64");
	if (names_readlink == NULL || names_getxattr == NULL ||
	    names_stat64 == NULL)
		_exit(127);
}
