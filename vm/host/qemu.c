/*
 * QEMU's process.
 */
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xmalloc.h"
#include "protocol.h"
#include "qemu.h"

#define QEMU_WORDS 96
/* QEMU's own memory beside the guest's: code buffer, libraries, stacks. */
#define QEMU_ADDRESS_SPACE (3ull << 30)
#define QEMU_DESCRIPTORS 256

/* A command line that is built word by word. */
struct qemu_words {
	char *words[QEMU_WORDS];
	size_t count;
};

static void
qemu_word(struct qemu_words *w, char *word)
{
	if (w->count < QEMU_WORDS - 1)
		w->words[w->count++] = word;
}

static void
qemu_option(struct qemu_words *w, const char *option, char *value)
{
	qemu_word(w, xstrdup(option));
	qemu_word(w, value);
}

static void
qemu_words_free(struct qemu_words *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->words[i]);
}

/* Opens the tap as root, for QEMU to inherit. -1 with errno. */
static int
qemu_open_tap(const char *name)
{
	struct ifreq r;
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd == -1)
		return -1;
	memset(&r, 0, sizeof r);
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	/* An interface that isn't there would be made: in no lab. */
	if (if_nametoindex(name) == 0) {
		close(fd);
		errno = ENODEV;
		return -1;
	}
	r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (ioctl(fd, TUNSETIFF, &r) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* How the machine is booted; the numbers are descriptors. */
static void
qemu_boot(struct qemu_words *w, const struct image *image, int kernel,
    int initrd)
{
	qemu_option(w, "-kernel", xasprintf("/proc/self/fd/%d", kernel));
	qemu_option(w, "-initrd", xasprintf("/proc/self/fd/%d", initrd));
	if (image->append != NULL)
		qemu_option(w, "-append", xstrdup(image->append));
}

static void
qemu_machine(struct qemu_words *w, const struct image *image)
{
	qemu_word(w, xstrdup(image->qemu));
	qemu_option(w, "-M", xstrdup(image->machine));
	if (image->cpu != NULL)
		qemu_option(w, "-cpu", xstrdup(image->cpu));
	qemu_option(w, "-accel", xstrdup("tcg,tb-size=64"));
	qemu_option(w, "-m", xasprintf("%u", image->memory_mb));
	qemu_word(w, xstrdup("-nodefaults"));
	qemu_word(w, xstrdup("-no-user-config"));
	qemu_word(w, xstrdup("-no-reboot"));
	qemu_option(w, "-display", xstrdup("none"));
	/* After a restore the guest's clock is set by device, not by this. */
	qemu_option(w, "-rtc", xstrdup("base=utc,clock=host"));
	qemu_option(w, "-sandbox", xstrdup("on,obsolete=deny,"
	    "elevateprivileges=deny,spawn=deny,resourcecontrol=deny"));
}

/* One virtio port over an inherited socket. */
static void
qemu_serial_port(struct qemu_words *w, const char *id, int fd,
    const char *name)
{
	qemu_option(w, "-chardev", xasprintf("socket,id=%s,fd=%d", id, fd));
	qemu_option(w, "-device", xasprintf("virtserialport,chardev=%s,name=%s",
	    id, name));
}

static void
qemu_devices(struct qemu_words *w, const int *theirs, int tap)
{
	/* Offloads off: correct checksums in the capture, and a snapshot that
	 * was taken without a tap restores onto one. */
	qemu_option(w, "-netdev", tap == -1 ? xstrdup("hubport,id=n0,hubid=0") :
	    xasprintf("tap,id=n0,fd=%d,vhost=off", tap));
	qemu_option(w, "-device", xstrdup("virtio-net-pci,netdev=n0,"
	    "mac=52:54:00:aa:00:02,csum=off,gso=off,guest_csum=off,mq=off,"
	    "romfile="));
	qemu_option(w, "-device", xstrdup("virtio-serial-pci"));
	qemu_serial_port(w, "ctl", theirs[QEMU_CONTROL], PORT_CONTROL);
	qemu_serial_port(w, "strace", theirs[QEMU_STRACE], PORT_STRACE);
	qemu_serial_port(w, "trace", theirs[QEMU_TRACE], PORT_TRACE);
	qemu_option(w, "-device", xstrdup("virtio-rng-pci"));
	qemu_option(w, "-chardev", xasprintf("socket,id=console,fd=%d",
	    theirs[QEMU_CONSOLE]));
	qemu_option(w, "-serial", xstrdup("chardev:console"));
	qemu_option(w, "-chardev", xasprintf("socket,id=qmp,fd=%d",
	    theirs[QEMU_QMP]));
	qemu_option(w, "-mon", xstrdup("chardev=qmp,mode=control"));
}

static void
qemu_limit(int what, rlim_t n)
{
	struct rlimit r = { n, n };

	if (setrlimit(what, &r) == -1)
		_exit(126);
}

/*
 * In the child: keeps the descriptors in keep and nothing else, becomes
 * nobody for good, and is QEMU.
 */
static void
qemu_become(const struct qemu_words *w, const struct passwd *nobody,
    const struct qemu_options *o, pid_t parent)
{
	for (int s = 1; s < 32; s++)
		signal(s, SIG_DFL);
	for (int c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
	qemu_limit(RLIMIT_CORE, 0);
	qemu_limit(RLIMIT_CPU, o->cpu_seconds);
	qemu_limit(RLIMIT_NOFILE, QEMU_DESCRIPTORS);
	qemu_limit(RLIMIT_AS, QEMU_ADDRESS_SPACE);
	if (!o->writes)
		qemu_limit(RLIMIT_FSIZE, 0);
	if (setgroups(0, NULL) == -1 ||
	    setresgid(nobody->pw_gid, nobody->pw_gid, nobody->pw_gid) == -1 ||
	    setresuid(nobody->pw_uid, nobody->pw_uid, nobody->pw_uid) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || chdir("/") == -1)
		_exit(126);
	if (getppid() != parent)
		_exit(126);
	setsid();
	execvp(w->words[0], w->words);
	dprintf(2, "%s: %s\n", w->words[0], strerror(errno));
	_exit(127);
}

/* What qemu_start opens for QEMU; all are closed in our process again. */
struct qemu_inherited {
	int kernel, initrd, snapshot, tap;
	int theirs[QEMU_PORTS];
};

static int
qemu_open_file(const struct image *image, const char *name, char *why,
    size_t size)
{
	char *path = image_path(image, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		snprintf(why, size, "%s: %s", path, strerror(errno));
	free(path);
	return fd;
}

/* Does QEMU load the kernel? A snapshot may have all that it needs. */
static bool
qemu_boots(const struct image *image, const struct qemu_options *o)
{
	return !o->restore || !image->bare_restore;
}

/* Opens all that QEMU inherits; 0 or -1 with why. */
static int
qemu_open_all(struct qemu *q, struct qemu_inherited *in,
    const struct image *image, const struct qemu_options *o, char *why,
    size_t size)
{
	if (qemu_boots(image, o)) {
		in->kernel = qemu_open_file(image, "kernel", why, size);
		if (in->kernel == -1)
			return -1;
		in->initrd = qemu_open_file(image, "initramfs.cpio", why, size);
		if (in->initrd == -1)
			return -1;
	}
	if (o->restore) {
		in->snapshot = qemu_open_file(image, "snapshot", why, size);
		if (in->snapshot == -1)
			return -1;
	}
	if (o->tap != NULL && (in->tap = qemu_open_tap(o->tap)) == -1) {
		snprintf(why, size, "tap %s: %s%s", o->tap, strerror(errno),
		    errno == ENOENT ? " (/dev/net/tun)" :
		    errno == ENODEV ? " (is this the lab's namespace?)" : "");
		return -1;
	}
	for (int i = 0; i < QEMU_PORTS; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			pair) == -1) {
			snprintf(why, size, "socketpair: %s", strerror(errno));
			return -1;
		}
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
		q->ports[i] = pair[0];
		in->theirs[i] = pair[1];
	}
	return 0;
}

/* Descriptors that survive the exec; the rest are close-on-exec. */
static void
qemu_inherit(const struct qemu_inherited *in)
{
	const int fds[] = { in->kernel, in->initrd, in->snapshot, in->tap };

	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] != -1)
			fcntl(fds[i], F_SETFD, 0);
	for (int i = 0; i < QEMU_PORTS; i++)
		if (in->theirs[i] != -1)
			fcntl(in->theirs[i], F_SETFD, 0);
	int null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(in->theirs[QEMU_ERRORS], 1);
	dup2(in->theirs[QEMU_ERRORS], 2);
}

static void
qemu_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

int
qemu_start(struct qemu *q, const struct image *image,
    const struct qemu_options *o, char *why, size_t size)
{
	struct qemu_inherited in = { -1, -1, -1, -1, { 0 } };
	struct qemu_words w = { .count = 0 };
	const struct passwd *nobody = getpwnam("nobody");
	pid_t parent = getpid();
	int r = -1;

	q->pid = 0;
	for (int i = 0; i < QEMU_PORTS; i++)
		q->ports[i] = in.theirs[i] = -1;
	if (nobody == NULL || nobody->pw_uid == 0) {
		snprintf(why, size, "no user nobody here");
		return -1;
	}
	if (qemu_open_all(q, &in, image, o, why, size) == -1)
		goto out;
	qemu_machine(&w, image);
	if (qemu_boots(image, o))
		qemu_boot(&w, image, in.kernel, in.initrd);
	qemu_devices(&w, in.theirs, in.tap);
	if (o->restore)
		qemu_option(&w, "-incoming", xasprintf("fd:%d", in.snapshot));
	q->pid = fork();
	if (q->pid == 0) {
		qemu_inherit(&in);
		qemu_become(&w, nobody, o, parent);
	}
	if (q->pid == -1) {
		q->pid = 0;
		snprintf(why, size, "fork: %s", strerror(errno));
		goto out;
	}
	r = 0;
out:
	qemu_words_free(&w);
	qemu_close(&in.kernel);
	qemu_close(&in.initrd);
	qemu_close(&in.snapshot);
	qemu_close(&in.tap);
	for (int i = 0; i < QEMU_PORTS; i++) {
		qemu_close(&in.theirs[i]);
		if (r == -1)
			qemu_close(&q->ports[i]);
	}
	return r;
}

bool
qemu_ended(const struct qemu *q, char *why, size_t size)
{
	siginfo_t info = { .si_pid = 0 };

	/* Its descriptors are closed a moment before it can be waited for. */
	for (int i = 0; i < 50 && q->pid > 0; i++) {
		if (waitid(P_PID, (id_t)q->pid, &info,
			WEXITED | WNOHANG | WNOWAIT) == -1)
			return false;
		if (info.si_pid != 0)
			break;
		usleep(1000);
	}
	if (info.si_pid == 0)
		return false;
	if (info.si_code == CLD_EXITED)
		snprintf(why, size, "QEMU ended with status %d",
		    info.si_status);
	else
		snprintf(why, size, "QEMU was killed by signal %d (%s)",
		    info.si_status, strsignal(info.si_status));
	return true;
}

int
qemu_kill(struct qemu *q)
{
	int status = -1;

	if (q->pid <= 0)
		return -1;
	kill(q->pid, SIGKILL);
	while (waitpid(q->pid, &status, 0) == -1 && errno == EINTR)
		;
	q->pid = 0;
	return status;
}
