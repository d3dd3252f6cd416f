/*
 * On i386 every call on a socket is one and the same to seccomp, so strace's
 * filter stops at the packets of a flood to find that they are not to be shown.
 * Which of them it is stands in the first argument, though: where packets are to
 * pass, that is looked at before all else.
 */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "preload.h"

#ifndef SYS_socketcall
void
filter_begin(int packets_pass)
{
	(void)packets_pass;
}
#else
static int filter_packets;

/* A copy of strace's program with ours before it, or NULL. */
static struct sock_filter *
filter_join(const struct sock_fprog *old, unsigned short *n)
{
	/* linux/net.h: from send to recvfrom, from sendmsg on but accept4 */
	static const struct sock_filter ours[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketcall, 0, 7),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 9, 0, 5),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 20, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 18, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 15, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 12, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	size_t k = sizeof ours / sizeof *ours;
	struct sock_filter *p;

	if (old->len + k > BPF_MAXINSNS ||
	    (p = malloc((old->len + k) * sizeof *p)) == NULL)
		return NULL;
	memcpy(p, ours, sizeof ours);
	memcpy(p + k, old->filter, old->len * sizeof *p);
	*n = (unsigned short)(old->len + k);
	return p;
}

int
prctl(int what, ...)
{
	unsigned long a[4];
	struct sock_fprog joined;
	va_list ap;

	va_start(ap, what);
	for (size_t i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	if (filter_packets && what == PR_SET_SECCOMP &&
	    a[0] == SECCOMP_MODE_FILTER && a[1] != 0 && /* strace tries that */
	    (joined.filter = filter_join((void *)a[1], &joined.len)) != NULL)
		a[1] = (unsigned long)&joined;
	return (int)syscall(SYS_prctl, what, a[0], a[1], a[2], a[3]);
}

void
filter_begin(int packets_pass)
{
	filter_packets = packets_pass;
}
#endif
