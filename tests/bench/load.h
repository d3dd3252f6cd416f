/*
 * What the bench's load generator shares: where to, how long, what to say.
 */
#ifndef LOAD_H
#define LOAD_H

#include <netinet/in.h>

#include <stddef.h>
#include <stdint.h>

struct load {
	struct sockaddr_in to;
	unsigned spread;      /* ports in turn from to's on; 1: that one */
	unsigned concurrency; /* sessions at once */
	unsigned count;	      /* sessions in all, where that ends it */
	double seconds;	      /* how long, where that ends it */
	const char *text;     /* what a client says first */
	const char *name;     /* TLS: the SNI, or its end */
};

/* Monotonic seconds. */
double load_now(void);

/* Where session number n goes. */
struct sockaddr_in load_target(const struct load *, uint64_t n);

/* Sorts the times (seconds) and prints p50, p99 and max in milliseconds. */
void load_print_times(double *times, size_t n, uint64_t errors);

/* Each prints one line key=value ..., and returns the exit code. */
int load_sessions(const struct load *);
int load_idle(const struct load *);
int load_hello(const struct load *);
int load_tls(const struct load *);
int load_fresh(const struct load *);

#endif
