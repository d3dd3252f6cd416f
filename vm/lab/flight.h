/*
 * The canary's flight: a tap on the lab's bridge stands where a device would,
 * sends every kind of packet to every address that might be a way out, and
 * reads what comes back. The tap goes with the process.
 */
#ifndef LAB_FLIGHT_H
#define LAB_FLIGHT_H

#include "lab/frames.h"
#include "lab/problems.h"
#include "lab/watch.h"

struct flight_targets;

/*
 * From the machine's own namespace: its addresses, its gateways, and addresses
 * of the ranges for documentation (RFC 5737, RFC 3849), which lie beyond.
 */
struct flight_targets *flight_targets_new(void) A_MUST_USE;
void flight_targets_free(struct flight_targets *);

struct flight_report {
	struct problems canary;	 /* seen elsewhere, or not on the bridge */
	struct problems answers; /* missing, or there although offline */
	unsigned sent, answered;
};

/*
 * From inside the lab. Ends wait_ms after the bridge has had every frame, or
 * when that takes too long, which is a problem. 0, or -1 with a logged error
 * if there can be no canary here.
 */
int flight_run(const char *bridge, const struct canary *,
    const struct flight_targets *, struct watch *, bool offline, int wait_ms,
    struct flight_report *) A_MUST_USE;

#endif
