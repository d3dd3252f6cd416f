/*
 * PID 1 of the guest: mounts, modules, the ports, the cell's tree; then it
 * answers device's frames until QEMU is ended from outside. The snapshot is
 * taken once it has said hello, so all that needs no run of its own is done
 * before.
 */
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define INIT_TIMERS "/sys/devices/system/clockevents/clockevent0"

static int init_children[2]; /* a byte per SIGCHLD */
static int init_file = -1;   /* the file that is being received */
static int init_file_error;

static void
init_sigchld(int s)
{
	int saved = errno;

	(void)s;
	if (write(init_children[1], "", 1) == -1) {
		/* Full: then a byte waits there already. */
	}
	errno = saved;
}

static void
init_mounts(void)
{
	static const struct {
		const char *type, *path, *options;
	} mounts[] = {
		{ "proc", "/proc", NULL },
		{ "sysfs", "/sys", NULL },
		{ "devtmpfs", "/dev", NULL },
		{ "devpts", "/dev/pts", "ptmxmode=0666" },
		{ "tmpfs", "/tmp", "mode=1777" },
		{ "cgroup2", "/sys/fs/cgroup", NULL },
	};

	for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
		mkdir(mounts[i].path, 0755);
		if (mount(mounts[i].type, mounts[i].path, mounts[i].type, 0,
			mounts[i].options) == -1 &&
		    errno != EBUSY)
			fprintf(stderr, "labinit: %s: %s\n", mounts[i].path,
			    strerror(errno));
	}
	int fd = open("/dev/console", O_RDWR);
	for (int i = 0; fd != -1 && i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

/* Loads the modules that the image names, in its order. */
static void
init_modules(void)
{
	FILE *f = fopen("/lib/m/order", "r");
	char line[128], path[160];

	while (f != NULL && fgets(line, sizeof line, f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(path, sizeof path, "/lib/m/%s", line);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd == -1 ||
		    (syscall(SYS_finit_module, fd, "", 0) == -1 &&
			errno != EEXIST))
			fprintf(stderr, "labinit: %s: %s\n", line,
			    strerror(errno));
		if (fd != -1)
			close(fd);
	}
	if (f != NULL)
		fclose(f);
}

static void
init_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd == -1)
		return;
	write_all(fd, text, strlen(text));
	close(fd);
}

/*
 * The timer of MIPS' own CPUs fires when Count equals Compare. Where writing
 * Compare takes so long that Count has passed it, as it may under emulation,
 * that is a whole round of Count later: the kernel tries ten times, and then
 * all its timers stand still for up to 26 s. QEMU doesn't arm it after
 * a restore either. The board's PIT counts down from what is written, and
 * knows neither.
 */
static void
init_timer(void)
{
	char name[16] = "";
	int fd = open(INIT_TIMERS "/current_device", O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return;
	if (read(fd, name, sizeof name - 1) > 0 && strcmp(name, "MIPS\n") == 0)
		init_write(INIT_TIMERS "/unbind_device", "MIPS");
	close(fd);
}

/*
 * PCI devices of the Malta board share the i8259's lines 10 and 11. They hold
 * a line until they are served, so it must be level-triggered: where it is
 * edge-triggered, a device that asks while another still holds the line makes
 * no edge, and no device on that line is ever heard again. The board's own
 * firmware sets this; QEMU starts a kernel without it.
 */
static void
init_lines(void)
{
#ifdef __mips__
	/* Edge/level control register of the second i8259; see QEMU's i8259.c */
	static const off_t elcr = 0x4d1;
	static const unsigned char level = 1 << (10 - 8) | 1 << (11 - 8);
	int fd = open("/dev/port", O_WRONLY | O_CLOEXEC);

	if (fd == -1 || pwrite(fd, &level, 1, elcr) != 1)
		fprintf(stderr, "labinit: interrupts by level: %s\n",
		    strerror(errno));
	if (fd != -1)
		close(fd);
#endif
}

/*
 * The sample's share of the machine: labinit and the tracer stay alive
 * whatever it does.
 */
static void
init_limits(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	char text[32];

	init_write("/proc/self/oom_score_adj", "-1000");
	init_write("/sys/fs/cgroup/cgroup.subtree_control", "+pids");
	init_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	mkdir("/sys/fs/cgroup/cell", 0755);
	init_write("/sys/fs/cgroup/cell/pids.max", "400");
	snprintf(text, sizeof text, "%lld",
	    (long long)pages * size / 100 * 65);
	init_write("/sys/fs/cgroup/cell/memory.max", text);
	init_write("/proc/sys/kernel/panic_on_oops", "0");
	/* In one of its own a sample is allowed all that the cell denies it. */
	init_write("/proc/sys/user/max_user_namespaces", "0");
	init_write("/proc/sys/kernel/printk", "4 4 1 7");
	/* Filters and counts are run at every call. */
	init_write("/proc/sys/net/core/bpf_jit_enable", "1");
}

/* 64 bytes and more into the random pool, and credit for them. */
static int
init_seed(const unsigned char *b, size_t n)
{
	struct {
		struct rand_pool_info info;
		uint32_t bytes[64];
	} pool;
	int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC), error = 0;

	if (fd == -1)
		return errno;
	if (n > sizeof pool.bytes)
		n = sizeof pool.bytes;
	pool.info.entropy_count = (int)n * 8;
	pool.info.buf_size = (int)n;
	memcpy(pool.bytes, b, n);
	if (ioctl(fd, RNDADDENTROPY, &pool) == -1 ||
	    ioctl(fd, RNDRESEEDCRNG) == -1)
		error = errno;
	close(fd);
	return error;
}

int64_t
guest_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
init_ping(const unsigned char *b, size_t n)
{
	unsigned char out[24];

	if (n != 8)
		return;
	memcpy(out, b, 8);
	put64(out + 8, (uint64_t)guest_now(CLOCK_REALTIME));
	put64(out + 16, (uint64_t)guest_now(CLOCK_MONOTONIC));
	channel_send(FRAME_PONG, out, sizeof out);
}

/* Makes the folders above a path. */
static void
init_folders(char *path)
{
	for (char *p = strchr(path + 1, '/'); p != NULL;
	     p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
}

static void
init_file_begin(unsigned char *b, size_t n)
{
	init_file_error = 0;
	if (init_file != -1)
		close(init_file);
	if (n < 6) {
		init_file_error = EINVAL;
		return;
	}
	char *path = (char *)b + 4;
	init_folders(path);
	unlink(path);
	init_file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (init_file == -1 ||
	    fchmod(init_file, (mode_t)get32(b) & 07777) == -1)
		init_file_error = errno;
}

static void
init_hello(void)
{
	struct utsname u;
	char text[512];
	int n;

	uname(&u);
	n = snprintf(text, sizeof text, "machine=%s%crelease=%s%cup=%lld",
	    u.machine, 0, u.release, 0,
	    (long long)guest_now(CLOCK_BOOTTIME) / 1000000);
	channel_send(FRAME_HELLO, text, (size_t)n + 1);
}

/* Answers one request. */
static void
init_request(int type, unsigned char *b, size_t n)
{
	char text[512] = "";
	int error = 0;

	switch (type) {
	case FRAME_PING:
		init_ping(b, n);
		return;
	case FRAME_CLOCK: {
		uint64_t ns = n == 8 ? get64(b) : 0;
		struct timespec t = { (time_t)(ns / 1000000000),
			(long)(ns % 1000000000) };

		if (clock_settime(CLOCK_REALTIME, &t) == -1)
			error = errno;
		break;
	}
	case FRAME_SEED:
		error = init_seed(b, n);
		break;
	case FRAME_SETUP:
		error = cell_settle((char *)b, n);
		break;
	case FRAME_FILE:
		init_file_begin(b, n);
		return;
	case FRAME_DATA:
		if (init_file_error == 0 && write_all(init_file, b, n) == -1)
			init_file_error = errno;
		return;
	case FRAME_FILE_END:
		if (init_file != -1 && close(init_file) == -1)
			init_file_error = errno;
		init_file = -1;
		error = init_file_error;
		break;
	case FRAME_PROBES:
		error = probes_plant((char *)b, n, text, sizeof text);
		break;
	case FRAME_PREPARE:
		error = sample_prepare((char *)b, n, text, sizeof text);
		break;
	case FRAME_RUN:
		error = sample_start((char *)b, n, text, sizeof text);
		break;
	case FRAME_STOP:
		titles_send(1);
		collect_processes();
		sample_stop();
		collect_thaw();
		break;
	case FRAME_DUMP:
		collect_processes();
		collect_thaw();
		break;
	case FRAME_COLLECT:
		error = collect_send(text, sizeof text);
		break;
	case FRAME_COMMAND:
		error = command_start((char *)b, n);
		break;
	case FRAME_INPUT:
		command_input(b, n);
		return;
	default:
		error = ENOSYS;
	}
	if (error != 0 && text[0] == '\0')
		snprintf(text, sizeof text, "%s", strerror(error));
	channel_result((enum frame_type)type, error, text);
}

static void
init_reap(void)
{
	char b[64];
	int status;
	pid_t pid;

	while (read(init_children[0], b, sizeof b) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!sample_reaped(pid, status))
			command_reaped(pid, status);
}

static void
init_loop(void)
{
	for (;;) {
		struct pollfd f[7] = {
			{ channel_fd(), POLLIN, 0 },
			{ init_children[0], POLLIN, 0 },
			{ sample_output_fd(), POLLIN, 0 },
			{ command_fd(), POLLIN, 0 },
			{ sample_steps_fd(), POLLIN, 0 },
			{ cores_fd(), POLLIN, 0 },
			{ sleeps_fd(), POLLIN, 0 },
		};
		unsigned char *payload;
		size_t n;
		int type;

		int until = sleeps_timeout();

		if (sample_runs() && (until == -1 || until > 250))
			until = 250;
		if (poll(f, 7, until) == -1 && errno != EINTR)
			return;
		if (sample_unseen())
			sockets_send(0);
		if (sample_runs())
			titles_send(0);
		if (cores_fd() != -1 && f[5].revents != 0)
			cores_send();
		if (sleeps_fd() != -1 && f[6].revents != 0)
			sleeps_event(f[6].revents);
		if (f[1].revents != 0)
			init_reap();
		if (sample_output_fd() != -1 && f[2].revents != 0)
			sample_output();
		if (sample_steps_fd() != -1 && f[4].revents != 0)
			sample_steps();
		if (command_fd() != -1 && f[3].revents != 0)
			command_output();
		if (f[0].revents & POLLIN) {
			if ((type = channel_read(&payload, &n)) == -1)
				return;
			init_request(type, payload, n);
		} else if (f[0].revents & (POLLHUP | POLLERR)) {
			usleep(2000); /* nobody is outside; they come back */
		}
	}
}

int
main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = init_sigchld,
		.sa_flags = SA_RESTART };

	if (argc > 0 && strlen(argv[0]) > strlen(EMULATE_NAME) &&
	    strcmp(argv[0] + strlen(argv[0]) - strlen(EMULATE_NAME),
		EMULATE_NAME) == 0)
		return emulate(argc, argv);
	if (argc > 1 && strcmp(argv[1], "cell-enter") == 0)
		return cell_enter(argc, argv);
	if (argc > 1 && strcmp(argv[1], "core") == 0)
		return cores_take(argc, argv);
	if (getpid() != 1) {
		fprintf(stderr, "labinit: it is the first process of a "
				"kagemusha guest and does nothing elsewhere\n");
		return 2;
	}
	init_mounts();
	init_timer();
	init_lines();
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	init_modules();
	init_limits();
	binfmt_register();
	probes_mount();
	cell_build();
	cores_watch();
	if (pipe2(init_children, O_CLOEXEC | O_NONBLOCK) == -1 ||
	    channel_open() == -1) {
		fprintf(stderr, "labinit: no control port\n");
		reboot(RB_POWER_OFF);
	}
	sigaction(SIGCHLD, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	init_hello();
	init_loop();
	fprintf(stderr, "labinit: the control port is broken\n");
	reboot(RB_POWER_OFF);
	return 1;
}
