/*
 * What a system call is to the levels of tracing: one row a call that a sample
 * may make very often. Numbers are those of the architecture that this is
 * compiled for.
 */
#ifndef GUEST_CALLCLASS_H
#define GUEST_CALLCLASS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

enum callclass {
	CALL_OTHER,
	CALL_PACKET, /* sends: what a flood is made of */
	CALL_RECEIVE, /* tells which command's bytes a process has read */
	CALL_PLAIN,  /* waiting, time, memory: observe leaves it out */
	CALL_TAME    /* of the others, what the machine survives and what leaves
		      * all descriptors but a closed one as they are */
};

static const struct {
	uint16_t nr;
	uint16_t class;
} callclasses[] = {
#ifdef SYS_send
	{ SYS_send, CALL_PACKET },
#endif
#ifdef SYS_sendto
	{ SYS_sendto, CALL_PACKET },
#endif
#ifdef SYS_sendmsg
	{ SYS_sendmsg, CALL_PACKET },
#endif
#ifdef SYS_sendmmsg
	{ SYS_sendmmsg, CALL_PACKET },
#endif
#ifdef SYS_write
	{ SYS_write, CALL_PACKET },
#endif
#ifdef SYS_writev
	{ SYS_writev, CALL_PACKET },
#endif
#ifdef SYS_sendfile
	{ SYS_sendfile, CALL_PACKET },
#endif
#ifdef SYS_sendfile64
	{ SYS_sendfile64, CALL_PACKET },
#endif
#ifdef SYS_splice
	{ SYS_splice, CALL_PACKET },
#endif
#ifdef SYS_recv
	{ SYS_recv, CALL_RECEIVE },
#endif
#ifdef SYS_recvfrom
	{ SYS_recvfrom, CALL_RECEIVE },
#endif
#ifdef SYS_recvmsg
	{ SYS_recvmsg, CALL_RECEIVE },
#endif
#ifdef SYS_recvmmsg
	{ SYS_recvmmsg, CALL_RECEIVE },
#endif
#ifdef SYS_recvmmsg_time64
	{ SYS_recvmmsg_time64, CALL_RECEIVE },
#endif
#ifdef SYS_read
	{ SYS_read, CALL_RECEIVE },
#endif
#ifdef SYS_readv
	{ SYS_readv, CALL_RECEIVE },
#endif
#ifdef SYS_brk
	{ SYS_brk, CALL_PLAIN },
#endif
#ifdef SYS_mmap
	{ SYS_mmap, CALL_PLAIN },
#endif
#ifdef SYS_mmap2
	{ SYS_mmap2, CALL_PLAIN },
#endif
#ifdef SYS_munmap
	{ SYS_munmap, CALL_PLAIN },
#endif
#ifdef SYS_mprotect
	{ SYS_mprotect, CALL_PLAIN },
#endif
#ifdef SYS_madvise
	{ SYS_madvise, CALL_PLAIN },
#endif
#ifdef SYS_mremap
	{ SYS_mremap, CALL_PLAIN },
#endif
#ifdef SYS_time
	{ SYS_time, CALL_PLAIN },
#endif
#ifdef SYS_times
	{ SYS_times, CALL_PLAIN },
#endif
#ifdef SYS_gettimeofday
	{ SYS_gettimeofday, CALL_PLAIN },
#endif
#ifdef SYS_clock_gettime
	{ SYS_clock_gettime, CALL_PLAIN },
#endif
#ifdef SYS_clock_gettime64
	{ SYS_clock_gettime64, CALL_PLAIN },
#endif
#ifdef SYS_nanosleep
	{ SYS_nanosleep, CALL_PLAIN },
#endif
#ifdef SYS_clock_nanosleep
	{ SYS_clock_nanosleep, CALL_PLAIN },
#endif
#ifdef SYS_clock_nanosleep_time64
	{ SYS_clock_nanosleep_time64, CALL_PLAIN },
#endif
#ifdef SYS_select
	{ SYS_select, CALL_PLAIN },
#endif
#ifdef SYS__newselect
	{ SYS__newselect, CALL_PLAIN },
#endif
#ifdef SYS_pselect6
	{ SYS_pselect6, CALL_PLAIN },
#endif
#ifdef SYS_pselect6_time64
	{ SYS_pselect6_time64, CALL_PLAIN },
#endif
#ifdef SYS_poll
	{ SYS_poll, CALL_PLAIN },
#endif
#ifdef SYS_ppoll
	{ SYS_ppoll, CALL_PLAIN },
#endif
#ifdef SYS_ppoll_time64
	{ SYS_ppoll_time64, CALL_PLAIN },
#endif
#ifdef SYS_epoll_wait
	{ SYS_epoll_wait, CALL_PLAIN },
#endif
#ifdef SYS_epoll_pwait
	{ SYS_epoll_pwait, CALL_PLAIN },
#endif
#ifdef SYS_epoll_ctl
	{ SYS_epoll_ctl, CALL_PLAIN },
#endif
#ifdef SYS_futex
	{ SYS_futex, CALL_PLAIN },
#endif
#ifdef SYS_futex_time64
	{ SYS_futex_time64, CALL_PLAIN },
#endif
#ifdef SYS_sched_yield
	{ SYS_sched_yield, CALL_PLAIN },
#endif
#ifdef SYS_getpid
	{ SYS_getpid, CALL_PLAIN },
#endif
#ifdef SYS_gettid
	{ SYS_gettid, CALL_PLAIN },
#endif
#ifdef SYS_getppid
	{ SYS_getppid, CALL_PLAIN },
#endif
#ifdef SYS_getuid
	{ SYS_getuid, CALL_PLAIN },
#endif
#ifdef SYS_getuid32
	{ SYS_getuid32, CALL_PLAIN },
#endif
#ifdef SYS_geteuid
	{ SYS_geteuid, CALL_PLAIN },
#endif
#ifdef SYS_geteuid32
	{ SYS_geteuid32, CALL_PLAIN },
#endif
#ifdef SYS_getgid
	{ SYS_getgid, CALL_PLAIN },
#endif
#ifdef SYS_getgid32
	{ SYS_getgid32, CALL_PLAIN },
#endif
#ifdef SYS_getegid
	{ SYS_getegid, CALL_PLAIN },
#endif
#ifdef SYS_getegid32
	{ SYS_getegid32, CALL_PLAIN },
#endif
#ifdef SYS_getpgrp
	{ SYS_getpgrp, CALL_PLAIN },
#endif
#ifdef SYS_getpgid
	{ SYS_getpgid, CALL_PLAIN },
#endif
#ifdef SYS_getsid
	{ SYS_getsid, CALL_PLAIN },
#endif
#ifdef SYS_getrusage
	{ SYS_getrusage, CALL_PLAIN },
#endif
#ifdef SYS_lseek
	{ SYS_lseek, CALL_PLAIN },
#endif
#ifdef SYS__llseek
	{ SYS__llseek, CALL_PLAIN },
#endif
#ifdef SYS_fstat
	{ SYS_fstat, CALL_PLAIN },
#endif
#ifdef SYS_fstat64
	{ SYS_fstat64, CALL_PLAIN },
#endif
#ifdef SYS_getrandom
	{ SYS_getrandom, CALL_PLAIN },
#endif
#ifdef SYS_getcpu
	{ SYS_getcpu, CALL_PLAIN },
#endif
#ifdef SYS_sched_getaffinity
	{ SYS_sched_getaffinity, CALL_PLAIN },
#endif
#ifdef SYS_open
	{ SYS_open, CALL_TAME },
#endif
#ifdef SYS_openat
	{ SYS_openat, CALL_TAME },
#endif
#ifdef SYS_close
	{ SYS_close, CALL_TAME },
#endif
#ifdef SYS_socket
	{ SYS_socket, CALL_TAME },
#endif
#ifdef SYS_connect
	{ SYS_connect, CALL_TAME },
#endif
#ifdef SYS_accept
	{ SYS_accept, CALL_TAME },
#endif
#ifdef SYS_accept4
	{ SYS_accept4, CALL_TAME },
#endif
#ifdef SYS_getsockname
	{ SYS_getsockname, CALL_TAME },
#endif
#ifdef SYS_getpeername
	{ SYS_getpeername, CALL_TAME },
#endif
#ifdef SYS_getsockopt
	{ SYS_getsockopt, CALL_TAME },
#endif
#ifdef SYS_stat
	{ SYS_stat, CALL_TAME },
#endif
#ifdef SYS_stat64
	{ SYS_stat64, CALL_TAME },
#endif
#ifdef SYS_lstat
	{ SYS_lstat, CALL_TAME },
#endif
#ifdef SYS_lstat64
	{ SYS_lstat64, CALL_TAME },
#endif
#ifdef SYS_newfstatat
	{ SYS_newfstatat, CALL_TAME },
#endif
#ifdef SYS_fstatat64
	{ SYS_fstatat64, CALL_TAME },
#endif
#ifdef SYS_statx
	{ SYS_statx, CALL_TAME },
#endif
#ifdef SYS_access
	{ SYS_access, CALL_TAME },
#endif
#ifdef SYS_faccessat
	{ SYS_faccessat, CALL_TAME },
#endif
#ifdef SYS_readlink
	{ SYS_readlink, CALL_TAME },
#endif
#ifdef SYS_getdents
	{ SYS_getdents, CALL_TAME },
#endif
#ifdef SYS_getdents64
	{ SYS_getdents64, CALL_TAME },
#endif
#ifdef SYS_rt_sigaction
	{ SYS_rt_sigaction, CALL_TAME },
#endif
#ifdef SYS_rt_sigprocmask
	{ SYS_rt_sigprocmask, CALL_TAME },
#endif
#ifdef SYS_sigprocmask
	{ SYS_sigprocmask, CALL_TAME },
#endif
};

/* first: the call's first argument. */
static inline enum callclass
callclass(uint64_t nr, uint64_t first)
{
#ifdef SYS_socketcall
	/* linux/net.h: send, sendto, sendmsg, sendmmsg; recv, and so on */
	if (nr == SYS_socketcall && (first == 9 || first == 11 ||
		first == 16 || first == 20))
		return CALL_PACKET;
	if (nr == SYS_socketcall && (first == 10 || first == 12 ||
		first == 17 || first == 19))
		return CALL_RECEIVE;
	/* socket, connect, accept, getsockname, getpeername; getsockopt;
	 * accept4 */
	if (nr == SYS_socketcall && (first == 1 || first == 3 ||
		(first >= 5 && first <= 7) || first == 15 || first == 18))
		return CALL_TAME;
#else
	(void)first;
#endif
	/* A table by number is faster than the rows. Those of one architecture
	 * lie within 1024, wherever they begin. */
	static unsigned char table[1024];

	if (table[callclasses[0].nr % 1024] == 0)
		for (size_t i = 0; i < sizeof callclasses / sizeof *callclasses;
		     i++)
			table[callclasses[i].nr % 1024] =
			    (unsigned char)(callclasses[i].class + 1);
	if (table[nr % 1024] != 0)
		return (enum callclass)(table[nr % 1024] - 1);
	return CALL_OTHER;
}

/* Does it write to any descriptor, not to a socket alone? */
static inline int
callclass_writes(uint64_t nr)
{
	switch (nr) {
#ifdef SYS_write
	case SYS_write:
#endif
#ifdef SYS_writev
	case SYS_writev:
#endif
#ifdef SYS_sendfile
	case SYS_sendfile:
#endif
#ifdef SYS_sendfile64
	case SYS_sendfile64:
#endif
		return 1;
	default:
		return 0;
	}
}

#endif
