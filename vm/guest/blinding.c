/*
 * Calls after which a tracer would be blind: what they do is not done by
 * system calls of a process that it has. A kernel that does not know them
 * refuses them too, and programs take another way.
 *
 *	io_uring_*		calls by shared memory
 *	clone: CLONE_UNTRACED	a child that no tracer gets
 *	clone3			the same, where a filter can't look
 *	seccomp: NEW_LISTENER	answers come before the tracer's stop
 *	userfaultfd		whoever reads the process's memory or its
 *				command line waits for its own answer
 *
 * A thread that the tracer shows less of has its filters suspended for so
 * long.
 */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <unistd.h>

#include "guest.h"

/* Calls that are new enough have one number everywhere, from here on. */
#define BLINDING_IO_URING 425 /* and two more */
#define BLINDING_CLONE3 435
#define BLINDING_STEPS 19 /* of the filter, for one row */

/* What the kernels of our guests run, be it of another word size. */
static const struct {
	uint32_t arch, first, clone, seccomp, userfaultfd;
} blinding_rows[] = {
#if defined(__i386__) || defined(__x86_64__)
	{ AUDIT_ARCH_I386, 0, 120, 354, 374 },
	{ AUDIT_ARCH_X86_64, 0, 56, 317, 323 },
#elif defined(__arm__) || defined(__aarch64__)
	{ AUDIT_ARCH_ARM, 0, 120, 383, 388 },
	{ AUDIT_ARCH_AARCH64, 0, 220, 277, 282 },
#elif defined(__mips__)
	{ AUDIT_ARCH_MIPSEL, 4000, 4120, 4352, 4357 },
	{ AUDIT_ARCH_MIPSEL64, 5000, 5055, 5312, 5317 },
	{ AUDIT_ARCH_MIPSEL64N32, 6000, 6055, 6316, 6321 },
#endif
};
#define BLINDING_ROWS (sizeof blinding_rows / sizeof *blinding_rows)

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
	(uint32_t)offsetof(struct seccomp_data, field))
/* Goes on, or steps over so many. */
#define IF(test, value, over) BPF_JUMP(BPF_JMP | (test) | BPF_K, (value), 0, \
	(over))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define REFUSE(error) RETURN(SECCOMP_RET_ERRNO | (error))

int
blinding_refuse(void)
{
	struct sock_filter f[BLINDING_ROWS * BLINDING_STEPS + 2] = { LOAD(arch) };
	unsigned short n = 1;

	for (size_t i = 0; i < BLINDING_ROWS; i++) {
		uint32_t first = blinding_rows[i].first;
		const struct sock_filter row[BLINDING_STEPS] = {
			IF(BPF_JEQ, blinding_rows[i].arch, BLINDING_STEPS - 1),
			LOAD(nr),
			IF(BPF_JEQ, blinding_rows[i].userfaultfd, 1),
			REFUSE(ENOSYS),
			IF(BPF_JEQ, blinding_rows[i].clone, 4),
			/* The lower half: all guests are little-endian. */
			LOAD(args[0]),
			IF(BPF_JSET, CLONE_UNTRACED, 1),
			REFUSE(EINVAL),
			RETURN(SECCOMP_RET_ALLOW),
			IF(BPF_JEQ, blinding_rows[i].seccomp, 4),
			LOAD(args[1]),
			IF(BPF_JSET, SECCOMP_FILTER_FLAG_NEW_LISTENER, 1),
			REFUSE(EINVAL),
			RETURN(SECCOMP_RET_ALLOW),
			/* From here on: io_uring_setup, _enter, _register. */
			IF(BPF_JGE, first + BLINDING_IO_URING, 2),
			BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K,
			    first + BLINDING_IO_URING + 2, 0, 2),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
			    first + BLINDING_CLONE3, 1, 0),
			RETURN(SECCOMP_RET_ALLOW),
			REFUSE(ENOSYS),
		};

		for (size_t k = 0; k < BLINDING_STEPS; k++)
			f[n++] = row[k];
	}
	f[n++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);

	struct sock_fprog program = { n, f };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
