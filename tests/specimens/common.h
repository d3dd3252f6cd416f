/*
 * What every specimen shares: the guard that keeps it inside the lab, the
 * list of addresses that it may send to, and the few network calls that a bot
 * carries with it (a resolver of its own, a connect with a time limit).
 *
 * Specimens are harmless stand-ins with the shape of a bot. They link nothing
 * but libc, so that one file builds for every architecture.
 */
#ifndef SPECIMENS_COMMON_H
#define SPECIMENS_COMMON_H

#include <netinet/in.h>

#include <stddef.h>

/* Functions that probes look for keep a symbol and a call of their own. */
#define NOINLINE __attribute__((noinline, used))

/* No command may make a specimen send more packets than this. */
#define PACKETS_MAX 8
/* No child lives longer than this, seconds. */
#define SECONDS_MAX 15

/*
 * Ends the program with 2 and a line on stderr unless one of the machine's
 * own addresses lies in 10.13.37.0/24.
 */
void labGuard(const char *program);
/* 1 for the lab's own networks: 10.13.37.0/24 and 198.18.0.0/15. */
int labHas(struct in_addr);
/* Parses a numeric target inside the lab; -1 for any other text. */
int labTarget(const char *text, struct in_addr *out);
/* A number between 1 and max; 1 for text that is none. */
int labCount(const char *text, int max);

/*
 * Asks 8.8.8.8 for the A record of a name, waits two seconds; 0, or -1 if no
 * answer came or it lies outside the lab.
 */
int resolveName(const char *name, struct in_addr *out);
/*
 * Connects without blocking, waits with select, and goes back to blocking.
 * Returns the socket, or -1.
 */
int connectTimeout(struct in_addr host, int port, int seconds);
/*
 * Connects to a server by its name, or by the address that stands in for it
 * when the name can't be resolved. Returns the socket, or -1.
 */
int connectServer(const char *name, const char *fallback, int port);
/* Closes the socket, if there is one, and forgets it. */
void hangUp(int *fd);
/* Sends all of it; 0 or -1. */
int sendAll(int fd, const void *data, size_t n);
/* 1 when bytes (or the end) can be read within so many seconds, else 0. */
int waitReadable(int fd, int seconds);
/* Splits a line in place at spaces; returns the number of words. */
int splitWords(char *line, char *argv[], int max);
/* Goes to the background in a session of its own, as bots do. */
void daemonize(void);

#endif
