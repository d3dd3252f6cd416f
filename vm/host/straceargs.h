/*
 * What the arguments of a system call mean: which descriptor and socket, which
 * path, which bytes. One table row a system call.
 */
#ifndef HOST_STRACEARGS_H
#define HOST_STRACEARGS_H

#include "base/addr.h"
#include "strace.h"

/* strace shows at most so many bytes of a buffer (its option -s). */
#define STRACE_STRING 256

struct strace_socket {
	char proto[8];	   /* "TCP", "UDP", "ICMP", "RAW", "UNIX", …, or "" */
	struct addr local, remote; /* family 0 where not known */
};

struct strace_details {
	bool has_fd;
	int64_t fd;
	struct strace_socket socket; /* proto "" if it is none */
	bool has_path;
	size_t path_n;
	char path[STRACE_STRING];
	bool has_bytes;
	size_t bytes_n;	/* of them shown here */
	int64_t length; /* how many were moved, or asked to be */
	uint8_t bytes[STRACE_STRING];
};

void strace_details(const struct strace_line *, struct strace_details *);

/*
 * Decodes a quoted string as strace prints it, C escapes and all. Returns the
 * bytes written to out (at most size), and whether strace cut it short.
 */
size_t strace_string(struct text, uint8_t *out, size_t size, bool *cut);
/* "3<TCP:[…]>": the number and what stands in <>; 0 or -1. */
int strace_fd(struct text, int64_t *fd, struct text *annotation) A_MUST_USE;
/* Reads a struct sockaddr as strace prints it; 0 or -1. */
int strace_sockaddr(struct text, struct addr *) A_MUST_USE;
/*
 * The process number that strace translated: "2 (comment:) 93 in strace's PID
 * NS" gives 93. -1 if there is no translation.
 */
int64_t strace_translated(struct text) A_MUST_USE;
/*
 * The number that a text starts with, or -1.
 */
int64_t strace_leading(struct text) A_MUST_USE;

#endif
