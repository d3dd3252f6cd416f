/*
 * The cell: the file tree, the namespaces and the rights that the sample
 * lives with. The tree lies under CELL_ROOT in the guest's own tree, so that
 * probes and the collector reach it; inside, it is all there is.
 *
 *	labinit (PID 1 of the guest)
 *	├── init            PID 1 of the cell: reaps, cannot be killed from inside
 *	└── strace          outside; its child enters the cell, forks and ends, so
 *	    └── sample      that the sample becomes init's child
 */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "breaks.h"
#include "guest.h"

/* CLOCK_BOOTTIME is ahead by so many seconds: 23 days and some hours. */
#define CELL_UPTIME "boottime 2018311 0"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static pid_t cell_init; /* its PID 1, as the guest numbers it; 0 if none */
static char cell_hostname[65] = "router";

static const char *const cell_folders[] = {
	"bin", "dev", "dev/pts", "dev/shm", "etc", "home", "lib", "mnt", "opt",
	"proc", "root", "sbin", "sys", "usr", "usr/bin", "usr/sbin", "var",
	"var/log", "var/lib",
};
/* Anybody may write here. */
static const char *const cell_open_folders[] = { "tmp", "var/tmp", "var/run",
	"run" };
/* A watchdog is there and swallows what it is told, as null does. */
static const struct {
	const char *name;
	int major, minor;
} cell_nodes[] = {
	{ "null", 1, 3 }, { "zero", 1, 5 }, { "full", 1, 7 },
	{ "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
	{ "watchdog", 1, 3 }, { "misc/watchdog", 1, 3 },
};
static const struct {
	const char *path, *text;
} cell_files[] = {
	{ "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
	    "daemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
	    "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n" },
	{ "etc/group", "root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n" },
	{ "etc/shadow", "root:$1$PDLVqUkY$lCYDqiN5SfqrrTGvLcTvB.:10933:0:"
	    "99999:7:::\n" },
	{ "etc/resolv.conf", "nameserver 8.8.8.8\n" },
};
/* Capabilities that lead out of the cell, or to the tracer. */
static const int cell_denied[] = { CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_BOOT,
	CAP_SYS_TIME, CAP_MKNOD, CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_BPF,
	CAP_PERFMON, CAP_SYS_CHROOT, CAP_SYSLOG, CAP_AUDIT_CONTROL,
	CAP_MAC_ADMIN, CAP_MAC_OVERRIDE, CAP_SYS_RESOURCE, CAP_WAKE_ALARM,
	CAP_BLOCK_SUSPEND, CAP_CHECKPOINT_RESTORE,
	CAP_DAC_READ_SEARCH };
/* What in /proc would reach the guest's kernel, or tells whose it is. */
static const char *const cell_masked[] = { "proc/sysrq-trigger", "proc/kcore",
	"proc/kmsg", "proc/kallsyms", "proc/keys", "proc/timer_list",
	"proc/modules", "proc/ioports", "proc/iomem" };
/* What in /proc may be read and not written. */
static const char *const cell_read_only[] = { "proc/sys", "proc/bus",
	"proc/irq", "proc/acpi", "proc/fs", "proc/driver",
	"proc/dynamic_debug", "proc/mtrr" };
/* Mounts of the guest itself; a new /proc may show what no other one hides. */
static const char *const cell_outside[] = { "/sys", "/proc", "/dev", "/tmp" };

/* Writes a small file relative to the cell's root; 0 or errno. */
static int
cell_write(const char *path, const char *text, mode_t mode)
{
	char full[256];
	int fd, error;

	snprintf(full, sizeof full, CELL_ROOT "/%s", path);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd == -1)
		return errno;
	error = write_all(fd, text, strlen(text)) == -1 ? errno : 0;
	close(fd);
	return error;
}

static void
cell_copy(const char *from, const char *to)
{
	static char b[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	ssize_t n;

	while (in != -1 && out != -1 && (n = read(in, b, sizeof b)) > 0)
		if (write_all(out, b, (size_t)n) == -1)
			break;
	close(in);
	close(out);
}

/* Lets busybox put a link for each of its applets into the cell. */
static void
cell_applets(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (chroot(CELL_ROOT) == 0 && chdir("/") == 0)
			execl("/bin/busybox", "/bin/busybox", "--install",
			    "-s",
			    (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

void
cell_build(void)
{
	char path[256];

	mkdir(CELL_ROOT, 0755);
	if (mount("tmpfs", CELL_ROOT, "tmpfs", 0,
		"mode=755,size=60%,nr_inodes=65536") == -1)
		perror("labinit: cell");
	for (size_t i = 0; i < sizeof cell_folders / sizeof *cell_folders;
	     i++) {
		snprintf(path, sizeof path, CELL_ROOT "/%s", cell_folders[i]);
		mkdir(path, 0755);
	}
	mkdir(CELL_ROOT "/dev/misc", 0755);
	umask(0);
	for (size_t i = 0;
	     i < sizeof cell_open_folders / sizeof *cell_open_folders; i++) {
		snprintf(path, sizeof path, CELL_ROOT "/%s",
		    cell_open_folders[i]);
		mkdir(path, 01777);
	}
	for (size_t i = 0; i < sizeof cell_nodes / sizeof *cell_nodes; i++) {
		snprintf(path, sizeof path, CELL_ROOT "/dev/%s",
		    cell_nodes[i].name);
		mknod(path, S_IFCHR | 0666,
		    makedev((unsigned)cell_nodes[i].major,
			(unsigned)cell_nodes[i].minor));
	}
	umask(022);
	if (symlink("pts/ptmx", CELL_ROOT "/dev/ptmx") == -1 ||
	    symlink("/proc/self/fd", CELL_ROOT "/dev/fd") == -1 ||
	    symlink("/proc/mounts", CELL_ROOT "/etc/mtab") == -1)
		perror("labinit: cell");
	for (size_t i = 0; i < sizeof cell_files / sizeof *cell_files; i++)
		cell_write(cell_files[i].path, cell_files[i].text, 0644);
	cell_copy("/bin/busybox", CELL_ROOT "/bin/busybox");
	cell_applets();
}

/* The host name that the persona brings, or NULL. */
static const char *
cell_persona_hostname(void)
{
	static char name[65];
	FILE *f = fopen(CELL_ROOT "/etc/hostname", "re");

	if (f == NULL)
		return NULL;
	if (fgets(name, sizeof name, f) == NULL)
		name[0] = '\0';
	fclose(f);
	name[strcspn(name, "\n")] = '\0';
	return name[0] == '\0' ? NULL : name;
}

/* Takes the tree away, for another one. */
static void
cell_demolish(void)
{
	if (umount2(CELL_ROOT, MNT_DETACH) == -1)
		channel_log("cell: %s", strerror(errno));
}

/* Names and addresses. */
static int
cell_apply(char *list, size_t n)
{
	const char *address = list_get(list, n, "address");
	const char *bits = list_get(list, n, "bits");
	const char *gateway = list_get(list, n, "gateway");
	const char *name = list_get(list, n, "hostname");
	char text[256];
	int error = 0;

	const char *persona = list_get(list, n, "persona");

	netif_up("lo");
	if (persona != NULL && (error = persona_apply(persona)) != 0)
		return error;
	if (name == NULL)
		name = cell_persona_hostname();
	if (name != NULL) {
		snprintf(cell_hostname, sizeof cell_hostname, "%s", name);
		snprintf(text, sizeof text, "%s\n", name);
		cell_write("etc/hostname", text, 0644);
		snprintf(text, sizeof text,
		    "127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\t%s\n",
		    name);
		cell_write("etc/hosts", text, 0644);
	}
	if ((name = list_get(list, n, "nameserver")) != NULL) {
		snprintf(text, sizeof text, "nameserver %s\n", name);
		error = cell_write("etc/resolv.conf", text, 0644);
	}
	if (error == 0 && address != NULL && bits != NULL && gateway != NULL)
		if ((error = netif_up("eth0")) == 0)
			error = netif_address4("eth0", address, atoi(bits),
			    gateway);
	address = list_get(list, n, "address6");
	bits = list_get(list, n, "bits6");
	gateway = list_get(list, n, "gateway6");
	if (error == 0 && address != NULL && bits != NULL && gateway != NULL)
		error = netif_address6("eth0", address, atoi(bits), gateway);
	return error;
}

int
cell_settle(char *list, size_t n)
{
	static char settled[2048];
	static size_t settled_n;
	int error;

	if (n > 0 && n == settled_n && memcmp(settled, list, n) == 0)
		return 0;
	/* What another persona put there must not stay. */
	if (settled_n > 0) {
		sample_discard();
		cell_demolish();
		cell_build();
	}
	error = cell_apply(list, n);
	settled_n = 0;
	if (error == 0 && n <= sizeof settled) {
		memcpy(settled, list, n);
		settled_n = n;
	}
	return error;
}

/* In the cell's PID 1: makes the cell's root the root of everything. */
static int
cell_mounts(void)
{
	char path[256];

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("proc", CELL_ROOT "/proc", "proc", MS_NOSUID | MS_NODEV,
		NULL) == -1 ||
	    mount("devpts", CELL_ROOT "/dev/pts", "devpts", MS_NOSUID,
		/* Each takes the kernel long to end. */
		"newinstance,ptmxmode=0666,mode=620,max=64") == -1)
		return -1;
	for (size_t i = 0; i < sizeof cell_read_only / sizeof *cell_read_only;
	     i++) {
		snprintf(path, sizeof path, CELL_ROOT "/%s", cell_read_only[i]);
		if (access(path, F_OK) == 0 &&
		    (mount(path, path, NULL, MS_BIND, NULL) == -1 ||
			mount(NULL, path, NULL, MS_REMOUNT | MS_BIND |
			    MS_RDONLY, NULL) == -1))
			return -1;
	}
	for (size_t i = 0; i < sizeof cell_masked / sizeof *cell_masked; i++) {
		snprintf(path, sizeof path, CELL_ROOT "/%s", cell_masked[i]);
		if (access(path, F_OK) == 0 &&
		    mount("/dev/null", path, NULL, MS_BIND, NULL) == -1)
			return -1;
	}
	if (mount(CORES_SHOWN, CELL_ROOT "/proc/sys/kernel/core_pattern", NULL,
		MS_BIND, NULL) == -1 ||
	    mount(NULL, CELL_ROOT "/proc/sys/kernel/core_pattern", NULL,
		MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == -1)
		return -1;
	if (binfmt_emulates() && ((mkdir(CELL_ROOT EMULATOR_ROOM, 0755) == -1 &&
		errno != EEXIST) ||
		mount(EMULATOR_ROOM, CELL_ROOT EMULATOR_ROOM, NULL, MS_BIND,
		    NULL) == -1 ||
		mount(NULL, CELL_ROOT EMULATOR_ROOM, NULL,
		    MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == -1))
		return -1;
	if (persona_mounts() == -1)
		return -1;
	for (size_t i = 0; i < sizeof cell_outside / sizeof *cell_outside; i++)
		if (umount2(cell_outside[i], MNT_DETACH) == -1 &&
		    errno != EINVAL)
			return -1;
	if (chdir(CELL_ROOT) == -1 ||
	    mount(".", "/", NULL, MS_MOVE, NULL) == -1 || chroot(".") == -1 ||
	    chdir("/") == -1)
		return -1;
	return sethostname(cell_hostname, strlen(cell_hostname));
}

/*
 * The cell's PID 1: says that the cell stands, then reaps until the sample
 * and everything it started has ended.
 */
static void
cell_reap(int ready)
{
	int had = 0;

	prctl(PR_SET_NAME, "init");
	for (int s = 1; s < 32; s++)
		signal(s, s == SIGCHLD ? SIG_DFL : SIG_IGN);
	if (cell_mounts() == -1) {
		write_all(ready, &errno, sizeof errno);
		_exit(1);
	}
	close(ready);
	for (;;) {
		pid_t pid = waitpid(-1, NULL, __WALL);

		if (pid > 0)
			had = 1;
		else if (errno == ECHILD && had)
			_exit(0);
		else if (errno == ECHILD)
			usleep(2000); /* the sample isn't ours yet */
	}
}

pid_t
cell_start(void)
{
	int error = 0, p[2];
	long pid;

	if (pipe2(p, O_CLOEXEC) == -1)
		return -1;
	fflush(NULL);
	pid = syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS |
	    CLONE_NEWIPC | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		close(p[0]);
		close(channel_fd());
		cell_reap(p[1]);
	}
	close(p[1]);
	if (pid > 0 && read(p[0], &error, sizeof error) > 0) {
		channel_log("cell: %s", strerror(error));
		waitpid((pid_t)pid, NULL, 0);
		pid = -1;
		errno = error;
	}
	close(p[0]);
	cell_init = pid > 0 ? (pid_t)pid : 0;
	return (pid_t)pid;
}

pid_t
cell_pid(void)
{
	return cell_init;
}

void
cell_over(void)
{
	cell_init = 0;
}

/* Joins one namespace of the cell's PID 1. */
static int
cell_join(const char *pid, const char *kind)
{
	char path[64];
	int fd, r;

	snprintf(path, sizeof path, "/proc/%s/ns/%s", pid, kind);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	r = setns(fd, 0);
	close(fd);
	return r;
}

/* Writes a word to a file of the kernel's; best effort. */
static void
cell_limit(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd == -1)
		return;
	write_all(fd, word, strlen(word));
	close(fd);
}

/*
 * Says that all is ready, waits for the orders (a list: whether sleeps are to
 * be cut short, the program's path, then its argv), and becomes the sample.
 */
static int
cell_become(void)
{
	static const char *const env[] = { CELL_ENVIRONMENT, NULL };
	static char orders[FRAME_MAX], *argv[SAMPLE_ARGS];
	struct pollfd wait = { SAMPLE_ORDERS, POLLIN, 0 };
	char *p = orders, *path, *text, *sleeps;
	size_t n = 0;
	ssize_t k;
	int count = 0;

	if (write_all(SAMPLE_ORDERS, "", 1) == -1)
		return 126;
	/* No level but the full one traces poll: so the snapshot does not cut
	 * a line of the tracer's in two. */
	while (poll(&wait, 1, -1) == -1 && errno == EINTR)
		;
	while (n < sizeof orders &&
	    (k = read(SAMPLE_ORDERS, orders + n, sizeof orders - n)) > 0)
		n += (size_t)k;
	sleeps = list_next(&p, orders + n);
	if ((path = list_next(&p, orders + n)) == NULL)
		return 126;
	while ((text = list_next(&p, orders + n)) != NULL &&
	    count < SAMPLE_ARGS - 1)
		argv[count++] = text;
	if (strcmp(sleeps, SLEEPS_ORDER) == 0)
		sleeps_enter(SAMPLE_ORDERS);
	/* An emulator has none of them, and uses clone3 for itself. */
	if (!binfmt_emulates() && blinding_refuse() == -1)
		perror("labinit: seccomp");
	execve(path, argv, (char *const *)(uintptr_t)env);
	fprintf(stderr, "labinit: %s: %s\n", path, strerror(errno));
	return errno == ENOENT ? 127 : 126;
}

/*
 * labinit cell-enter PID: run by the tracer. Its child is born into the cell's
 * PID namespace, waits until init is its parent, and gives up what leads out.
 */
int
cell_enter(int argc, char **argv)
{
	static const char *const kinds[] = { "mnt", "uts", "ipc" };
	struct rlimit core = { 0, 0 };
	sigset_t none;
	int fds[4], n = 0;

	if (argc != 3)
		return 2;
	/* The kernel's cores go to cores.c, whatever the limit; one that an
	 * emulator would write obeys it. */
	for (size_t i = 0; i < 3; i++) {
		char path[64];

		snprintf(path, sizeof path, "/proc/%s/ns/%s", argv[2],
		    kinds[i]);
		fds[n++] = open(path, O_RDONLY | O_CLOEXEC);
	}
	cell_limit("/sys/fs/cgroup/cell/cgroup.procs", "0");
	cell_limit("/proc/self/oom_score_adj", "500");
	if (cell_join(argv[2], "pid") == -1) {
		perror("labinit: setns");
		return 126;
	}
	/* Our children have been up for a while, where the kernel can do
	 * that; nothing but the uptime is moved. */
	if (unshare(CLONE_NEWTIME) == 0)
		cell_limit("/proc/self/timens_offsets", CELL_UPTIME);
	/* The first child's father is outside; only the second one's is in the
	 * cell, so that init inherits it. */
	if (fork() != 0 || fork() != 0)
		_exit(0);
	while (getppid() != 1)
		usleep(500);
	for (int i = 0; i < n; i++)
		if (setns(fds[i], 0) == -1) {
			perror("labinit: setns");
			return 126;
		}
	setsid();
	setrlimit(RLIMIT_CORE, &core);
	for (size_t i = 0; i < sizeof cell_denied / sizeof *cell_denied; i++)
		prctl(PR_CAPBSET_DROP, cell_denied[i], 0, 0, 0);
	/* The only one that labinit ignores; exec resets its handlers. */
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int fd = 1; fd <= 2 && fcntl(SAMPLE_OUTPUT, F_GETFD) != -1; fd++)
		dup2(SAMPLE_OUTPUT, fd);
	close(SAMPLE_OUTPUT);
	close(STEPPER_FD);
	if (chdir("/") == -1 ||
	    fcntl(SAMPLE_ORDERS, F_SETFD, FD_CLOEXEC) == -1)
		return 126;
	return cell_become();
}
