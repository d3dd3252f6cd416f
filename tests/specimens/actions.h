/*
 * What the specimens' commands do: small, bounded, and only inside the lab.
 * Targets come from labTarget (common.h).
 */
#ifndef SPECIMENS_ACTIONS_H
#define SPECIMENS_ACTIONS_H

#include <netinet/in.h>

/* Datagrams, one every 50 ms; at most PACKETS_MAX. */
void sendUdp(struct in_addr target, int port, int count);
/* Connections, each closed at once; at most PACKETS_MAX. */
void sendTcp(struct in_addr target, int port, int count);
/* One GET on port 80. */
void sendHttp(struct in_addr target, const char *path);
/* Leaves a small file, in /tmp only. */
void dropFile(const char *path);
/*
 * A child sends a datagram a second, at most SECONDS_MAX. It closes the
 * server's socket first.
 */
void holdTarget(int server, struct in_addr target, int port, int seconds);
void stopChildren(void);
/* Forgets children that came to their end by themselves. */
void reapChildren(void);
/* Dies of SIGSEGV. */
void crash(void);
/*
 * Goes to the background and runs the bot, which doesn't return; a keeper
 * starts it again after a crash.
 */
__attribute__((noreturn)) void keep(void (*bot)(void));

#endif
