/*
 * What a run looks at inside its sample: the probes that were asked for and
 * those that are always there, how they come into the guest, and what it says
 * of them. What their hits mean is hits.c's.
 */
#ifndef HOST_PROBING_H
#define HOST_PROBING_H

#include "base/attrib.h"
#include "control.h"
#include "probe.h"

struct probing;

struct probing_wish {
	char **probes;	/* names or addresses, ended by NULL */
	char **covers;	/* the same, of functions whose blocks count */
	bool functions; /* report the entry of each function of its own */
	bool compares;	/* report comparisons with received texts */
};

/*
 * Chooses what is probed in a sample, which must outlive it. NULL where
 * something that was asked for can't be (logged).
 */
struct probing *probing_new(const struct elf *, const char *sample,
    const struct probing_wish *) A_MUST_USE;
void probing_free(struct probing *);
/* The probes; NULL where there can be none. */
struct probes *probing_probes(struct probing *);
/* Sends them for the sample at this path of the guest; false if there are
 * none. */
bool probing_plant(struct probing *, struct control *, const char *path);
/* The guest's description of one of them. */
void probing_format(struct probing *, const struct ctlframe *);
/* One was hit often enough: the guest switches it off. */
void probing_enough(struct control *, const char *event);

#endif
