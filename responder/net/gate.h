/*
 * The gate: what may not even begin is stopped by the kernel, in a chain that
 * the lab has for it (scripts/kagemusha-lab), and told to us through NFLOG.
 * What the rules are is decided above.
 */
#ifndef NET_GATE_H
#define NET_GATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attrib.h"

/* Names within the lab's table, for whoever writes rules. */
#define GATE_TABLE "inet kagemusha"
#define GATE_CHAIN "gate"
#define GATE_REFUSE "refuse"
/*
 * Where the rules log to, and what they say: one of these prefixes. The last
 * one is the lab's own, of SYNs that come from no address of its network; it
 * tells of some and drops all.
 */
#define GATE_GROUP 9000
#define GATE_SAYS_REFUSE "refuse"
#define GATE_SAYS_DROP "drop"
#define GATE_SAYS_FORGED "forged"

struct event_base;
struct frame;
struct gate;

enum gate_reason { GATE_REFUSED, GATE_DROPPED, GATE_FORGED };

/* A packet was stopped. The frame is valid within the callback. */
typedef void gate_stopped(void *, const struct frame *, enum gate_reason);

/*
 * Opens the gate of the network namespace that we are in. NULL with the reason
 * in why (a constant, or text that lives until the next call) if there is
 * none, or we have no right to it.
 */
struct gate *gate_new(struct event_base *, gate_stopped *, void *,
    const char **why) A_MUST_USE;
/* Takes all rules away first. */
void gate_free(struct gate *);
/*
 * Puts these commands of nft(8) in place of all rules, at once or not at all.
 * -1 with the reason in the log.
 */
int gate_load(struct gate *, const char *commands) A_MUST_USE;
/* Runs commands beside what is there; in force on return. */
int gate_run(struct gate *, const char *commands) A_MUST_USE;

#endif
