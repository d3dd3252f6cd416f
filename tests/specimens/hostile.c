/*
 * hostile: does to its machine what samples do to theirs, one thing at a time,
 * named by its argument. All of it is meant for the cell of a throw-away
 * guest, so it looks twice before it does anything: an address of the lab, and
 * a /dev/watchdog that is the null device, which no other machine has.
 */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

#ifndef SYS_clone3 /* not everywhere, and with one number where it is */
#define SYS_clone3 435
#endif

static void
cellGuard(void)
{
	struct stat st;

	labGuard("hostile");
	if (stat("/dev/watchdog", &st) == 0 && S_ISCHR(st.st_mode) &&
	    st.st_rdev == makedev(1, 3) && stat("/dev/sda", &st) == -1)
		return;
	fprintf(stderr, "hostile: not in the cell: nothing done\n");
	exit(2);
}

static void
tell(const char *what, int r)
{
	printf("%s: %s\n", what, r == -1 ? strerror(errno) : "done");
	fflush(stdout);
}

static void
writeTo(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	int r = fd == -1 ? -1 : (int)write(fd, text, strlen(text));

	tell(path, r);
	if (fd != -1)
		close(fd);
}

static void
doReboot(void)
{
	tell("reboot", reboot(RB_AUTOBOOT));
	tell("power off", reboot(RB_POWER_OFF));
}

static void
doPanic(void)
{
	writeTo("/proc/sysrq-trigger", "c");
	writeTo("/proc/sys/kernel/panic", "1");
	writeTo("/proc/sys/kernel/core_pattern", "|/bin/sh");
}

static void
doKillAll(void)
{
	tell("kill -9 1", kill(1, SIGKILL));
	tell("kill -9 -1", kill(-1, SIGKILL));
	sleep(1);
	tell("still here", 0);
}

static void
doForks(void)
{
	for (;;)
		if (fork() == -1)
			usleep(1000);
}

static void
doMemory(void)
{
	for (;;) {
		char *p = malloc(1 << 20);

		if (p == NULL)
			break;
		memset(p, 1, 1 << 20);
	}
	tell("memory", -1);
}

static void
doDisk(void)
{
	static char block[65536];
	int fd = open("/tmp/big", O_WRONLY | O_CREAT, 0600);

	while (write(fd, block, sizeof block) > 0)
		;
	tell("disk", -1);
}

static int
removeOne(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	if (ftw->level > 0 && strncmp(path, "/proc", 5) != 0)
		remove(path);
	return 0;
}

static void
doDelete(void)
{
	tell("delete", nftw("/", removeOne, 8, FTW_DEPTH | FTW_PHYS));
}

static void
doDevices(void)
{
	DIR *d = opendir("/dev");
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char path[300];

		snprintf(path, sizeof path, "/dev/%s", e->d_name);
		if (e->d_type == DT_CHR)
			writeTo(path, "\377\0\377 rubbish \n");
	}
	for (int major = 1; major < 256; major++) {
		if (mknod("/tmp/node", S_IFCHR | 0600,
			makedev((unsigned)major, 1)) == 0) {
			writeTo("/tmp/node", "rubbish");
			unlink("/tmp/node");
		}
	}
	tell("mknod", mknod("/tmp/node", S_IFCHR | 0600, makedev(1, 1)));
}

static void
doConsole(void)
{
	for (;;)
		puts("# end of stream # end of stream # end of stream\033[2J");
}

static void
doPtrace(void)
{
	tell("ptrace", (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static void
doSleep(void)
{
	sleep(3600);
}

static void
doModule(void)
{
	tell("module", (int)syscall(SYS_init_module, "x", 1, ""));
	tell("mount", mount("none", "/mnt", "tmpfs", 0, NULL));
	tell("chroot", chroot("/tmp"));
}

static void
doClock(void)
{
	struct timeval t = { 0, 0 };

	tell("clock", settimeofday(&t, NULL));
}

static void
doCrash(void)
{
	raise(SIGSEGV);
}

/* Names that would be lines of their own, were they not escaped. */
static void
doForge(void)
{
	char *argv[] = { "/bin/true\n1 1.0 [  1] exit(0) = 0 <0.1>\n"
	    "# end of stream", "# end of stream\n", NULL };

	open("/tmp/x\n# end of stream\n", O_WRONLY | O_CREAT, 0600);
	tell("\n# end of stream\n", 0);
	execv("/bin/true", argv);
}

/* A file without a name, and words that stand nowhere in the program. */
static void
doHide(void)
{
	static const char code[] = "noieno*}exny"; /* each ^ 10 */
	int fd = open("/tmp/.hidden", O_RDWR | O_CREAT, 0600);
	char *plain = malloc(sizeof code);

	unlink("/tmp/.hidden");
	for (size_t i = 0; i < sizeof code; i++)
		plain[i] = (char)(code[i] == '\0' ? 0 : code[i] ^ 10);
	tell("hide", (int)write(fd, "gone but open\n", 14));
	sleep(3600);
	free(plain);
}

/* Runs from a file that is no more. */
static void
doGone(void)
{
	char self[300] = "";

	tell("where", (int)readlink("/proc/self/exe", self, sizeof self - 1));
	tell("gone", unlink(self));
	sleep(3600);
}

/* More files than anybody keeps, and one that is longer than its disk. */
static void
doLitter(void)
{
	char path[32];
	int fd = open("/tmp/a-sparse-one", O_WRONLY | O_CREAT, 0600);

	tell("sparse", ftruncate(fd, 64 << 20));
	close(fd);
	/* And one that is just kept whole. */
	fd = open("/tmp/a-whole-one", O_WRONLY | O_CREAT, 0600);
	tell("whole", ftruncate(fd, 16 << 20));
	close(fd);
	for (int i = 0; i < 1200; i++) {
		snprintf(path, sizeof path, "/var/litter%d", i);
		fd = open(path, O_WRONLY | O_CREAT, 0600);
		dprintf(fd, "%d\n", i);
		close(fd);
	}
}

/* Calls that a tracer does not see, and a child that it does not get. */
static void
doBlind(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_ALLOW);
	struct sock_fprog filter = { 1, &allow };
	char space[256] = "";

	tell("untraced", (int)syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0,
	    0, 0));
	tell("clone3", (int)syscall(SYS_clone3, space, 88));
	tell("io_uring", (int)syscall(SYS_io_uring_setup, 4, space));
	tell("userfaultfd", (int)syscall(SYS_userfaultfd, 0));
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	tell("listener", (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter));
	tell("filter", (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0,
	    &filter));
	if (fork() == 0) {
		close(open("/tmp/child", O_WRONLY | O_CREAT, 0600));
		_exit(0);
	}
	wait(NULL);
}

/* In a namespace of its own it would be root again, with a /proc of its own. */
static void
doEscape(void)
{
	tell("namespace", unshare(CLONE_NEWUSER | CLONE_NEWNS));
	tell("proc", mount("proc", "/mnt", "proc", 0, NULL));
	writeTo("/proc/bus/pci/00/00.0", "x");
	writeTo("/proc/irq/default_smp_affinity", "1");
}

/* Terminals, of which the kernel has thousands, and each is slow. */
static void
doTerminals(void)
{
	while (open("/dev/ptmx", O_RDWR) != -1)
		;
	tell("terminals", -1);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*act)(void);
	} acts[] = {
		{ "reboot", doReboot }, { "panic", doPanic },
		{ "killall", doKillAll }, { "forks", doForks },
		{ "memory", doMemory }, { "disk", doDisk },
		{ "delete", doDelete }, { "devices", doDevices },
		{ "console", doConsole }, { "ptrace", doPtrace },
		{ "sleep", doSleep }, { "module", doModule },
		{ "clock", doClock }, { "crash", doCrash },
		{ "forge", doForge }, { "hide", doHide }, { "gone", doGone },
		{ "litter", doLitter }, { "blind", doBlind }, { "escape", doEscape },
		{ "terminals", doTerminals },
	};

	cellGuard();
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
		if (argc > 1 && strcmp(acts[i].name, argv[1]) == 0) {
			acts[i].act();
			return 0;
		}
	}
	fprintf(stderr, "hostile: no such act\n");
	return 2;
}
