/*
 * The system calls themselves: libcap, libseccomp and a Landlock library are
 * not worth three dependencies for a page of code.
 */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rights.h"

#define RIGHTS_NOBODY 65534
#define RIGHTS_CAP(c) (UINT64_C(1) << (c))

/* Newer than Debian 12's header (Landlock ABI 3). */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (UINT64_C(1) << 14)
#endif

static const struct {
	/* Kept where there are such. */
	uint64_t capabilities;
	/* Kept while the folder is not the user's own to write in. */
	uint64_t to_write;
	/* The user in place of root, and what of the folder becomes its own. */
	uid_t user;
	const char *own;
} rights_roles[] = {
	/* It has its packet socket; all that it does is to write files. */
	[RIGHTS_RECORDER] = { 0, RIGHTS_CAP(CAP_DAC_OVERRIDE), 0, NULL },
	/*
	 * Answers bear the source that was asked, any address and port; the
	 * lab's nft chain follows the policies. A reload reads profiles
	 * wherever they lie. Its files are open but for payloads.
	 */
	[RIGHTS_RESPONDER] = { RIGHTS_CAP(CAP_NET_ADMIN) |
		RIGHTS_CAP(CAP_NET_BIND_SERVICE) |
		RIGHTS_CAP(CAP_DAC_READ_SEARCH), 0, RIGHTS_NOBODY, "files" },
};

/* Root becomes the folder's owner, or the role's user. */
static int
rights_drop_user(enum rights_role role, const char *folder)
{
	const char *own = rights_roles[role].own;
	struct stat st;
	int dir, status = 0;

	if (geteuid() != 0)
		return 0;
	if ((dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return -1;
	status = fstat(dir, &st);
	if (status == 0 && st.st_uid == 0)
		st.st_uid = st.st_gid = rights_roles[role].user;
	if (status == 0 && st.st_uid != 0 && own != NULL)
		status = fchownat(dir, own, st.st_uid, st.st_gid,
		    AT_SYMLINK_NOFOLLOW);
	close(dir);
	if (status < 0 || st.st_uid == 0)
		return status;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
	    setgroups(0, NULL) < 0 ||
	    setresgid(st.st_gid, st.st_gid, st.st_gid) < 0)
		return -1;
	return setresuid(st.st_uid, st.st_uid, st.st_uid);
}

static int
rights_drop_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return -1;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].permitted &= (uint32_t)(keep >> 32 * i);
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return (int)syscall(SYS_capset, &header, data);
}

/*
 * From now on nothing is executed, and nothing is written or made outside the
 * folder; what is open stays so. -1 with ENOSYS or EOPNOTSUPP: no Landlock.
 */
static int
rights_drop_files(const char *folder)
{
	const uint64_t write = LANDLOCK_ACCESS_FS_WRITE_FILE |
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG;
	struct landlock_ruleset_attr attr = { .handled_access_fs = write |
		LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
		LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
		LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
		LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM };
	struct landlock_path_beneath_attr beneath = { .allowed_access = write };
	int rules, status = -1;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < 0)
		return -1;
	if (abi >= 3) {
		attr.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
		beneath.allowed_access |= LANDLOCK_ACCESS_FS_TRUNCATE;
	}
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr,
	    0);
	if (rules < 0)
		return -1;
	beneath.parent_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (beneath.parent_fd >= 0) {
		if (syscall(SYS_landlock_add_rule, rules,
		    LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0)
			status = (int)syscall(SYS_landlock_restrict_self, rules,
			    0);
		close(beneath.parent_fd);
	}
	close(rules);
	return status;
}

/* What no server has to do, and who broke into one would like to. */
static const unsigned rights_never[] = { SYS_execve, SYS_execveat, SYS_kill,
	SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns,
	SYS_unshare, SYS_init_module, SYS_finit_module, SYS_delete_module,
	SYS_kexec_load, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd,
	SYS_add_key, SYS_request_key, SYS_keyctl, SYS_open_by_handle_at,
	SYS_reboot, SYS_swapon, SYS_swapoff,
/* LeakSanitizer looks at its own process this way. */
#ifndef __SANITIZE_ADDRESS__
	SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev,
#endif
};
#define RIGHTS_NEVER (sizeof rights_never / sizeof *rights_never)

#if defined(__x86_64__)
#define RIGHTS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define RIGHTS_ARCH AUDIT_ARCH_AARCH64
#endif

/* Those calls fail with EPERM (seccomp(2)); other machines' calls kill. */
static int
rights_drop_calls(void)
{
#ifdef RIGHTS_ARCH
	struct sock_filter f[RIGHTS_NEVER + 8] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RIGHTS_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		/* x32, which has numbers of its own */
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000,
		    RIGHTS_NEVER + 1, 0),
	};
	struct sock_fprog program = { .filter = f };
	unsigned short n = 5;

	for (size_t i = 0; i < RIGHTS_NEVER; i++)
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
		    rights_never[i], (unsigned char)(RIGHTS_NEVER - i), 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_ALLOW);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_ERRNO | EPERM);
	program.len = n;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
#else
	return 0;
#endif
}

int
rights_drop(enum rights_role role, const char *folder)
{
	uint64_t keep = rights_roles[role].capabilities;
	int at_death = 0;

	/* A change of rights takes the signal at the parent's death away. */
	prctl(PR_GET_PDEATHSIG, &at_death, 0, 0, 0);
	/* A user namespace may have no other user. */
	if (rights_drop_user(role, folder) < 0)
		log_warn("can't become another user: %s", strerror(errno));
	if (access(folder, W_OK | X_OK) < 0)
		keep |= rights_roles[role].to_write;
	if (rights_drop_capabilities(keep) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    rights_drop_calls() < 0) {
		log_error("can't give up rights: %s", strerror(errno));
		return -1;
	}
	if (at_death != 0)
		prctl(PR_SET_PDEATHSIG, at_death, 0, 0, 0);
#ifdef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
#endif
	if (rights_drop_files(folder) < 0)
		log_info("no Landlock here (%s): files are guarded by their "
		    "modes alone", strerror(errno));
	return 0;
}
