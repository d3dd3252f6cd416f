/*
 * The profiles that may play: every service, and the families that the user
 * named. It decides which one plays a session.
 */
#ifndef SCRIPT_PROFILES_H
#define SCRIPT_PROFILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrib.h"
#include "script/profile.h"

struct engine;
struct profiles;

struct profiles_choice {
	struct profile *profile; /* not held; NULL: nobody's */
	int score;
	const char *by; /* "match", "port" or "nobody" */
	char *error;	/* a match that failed, or NULL; the caller frees it */
};

/*
 * Loads each file of FOLDER/services and the named profiles: names of files in
 * families/ or services/, paths, or "auto" for all families. NULL if a named one can't be loaded; a
 * broken service is logged and left out.
 */
struct profiles *profiles_load(struct engine *, const char *folder,
    char *const *names, size_t count) A_MUST_USE;
void profiles_free(struct profiles *);
/* Services that could not be loaded. */
size_t profiles_broken(const struct profiles *);
size_t profiles_count(const struct profiles *);
/* The n-th, families first. */
struct profile *profiles_nth(const struct profiles *, size_t n);

/* The profile with this name, or NULL. */
struct profile *profiles_find(const struct profiles *, const char *name);
/*
 * The n-th that may speak first to a peer that is silent: who is at home on
 * the port, then the other families, each by how surely match takes no bytes
 * at this destination; but nobody whose match says "never". NULL when there
 * are no more.
 */
struct profile *profiles_silent(const struct profiles *,
    const struct profile_dest *, size_t n);

/*
 * Does anybody who may play behind TLS there want the client's certificate?
 * The hello comes before the bytes that decide, so all who may count: who is
 * at home on the port, and families.
 */
bool profiles_ask_certificate(const struct profiles *,
    const struct profile_dest *);

/*
 * Who plays: the best score for the first bytes, ties to who is at home on
 * the port, then to families; without a score, who is at home and whose match
 * doesn't say "never".
 */
void profiles_choose(struct profiles *, enum profile_proto,
    const void *first, size_t n, const struct profile_dest *,
    struct profiles_choice *);

#endif
