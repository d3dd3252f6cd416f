/*
 * The set of profiles and the choice among them.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "script/profiles.h"

struct profiles {
	struct profile **list; /* the named ones first */
	size_t count, broken;
};

static bool
profiles_has(const struct profiles *ps, const char *path)
{
	for (size_t i = 0; i < ps->count; i++) {
		if (strcmp(ps->list[i]->path, path) == 0)
			return true;
	}
	return false;
}

/* Loads one file, unless it is there already; -1 with a line in the log. */
static int
profiles_add(struct profiles *ps, struct engine *e, const char *path)
{
	struct profile *p;
	char *error;

	if (profiles_has(ps, path))
		return 0;
	if ((p = profile_load(e, path, &error)) == NULL) {
		log_error("%s", error);
		free(error);
		return -1;
	}
	ps->list = xreallocarray(ps->list, ps->count + 1, sizeof *ps->list);
	ps->list[ps->count++] = p;
	return 0;
}

static int
profiles_is_lua(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 4 && d->d_name[0] != '.' &&
	    strcmp(d->d_name + n - 4, ".lua") == 0;
}

/* Loads every file of FOLDER/ROOM; a broken one is logged and left out. */
static void
profiles_add_room(struct profiles *ps, struct engine *e, const char *folder,
    const char *room)
{
	char path[PATH_MAX];
	struct dirent **entries;
	int n;

	snprintf(path, sizeof path, "%s/%s", folder, room);
	if ((n = scandir(path, &entries, profiles_is_lua, alphasort)) < 0) {
		log_warn("no %s: %s: %s", room, path, strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		int length = snprintf(path, sizeof path, "%s/%s/%s",
		    folder, room, entries[i]->d_name);

		if (length > 0 && (size_t)length < sizeof path &&
		    profiles_add(ps, e, path) < 0) {
			log_warn("this profile is left out");
			ps->broken++;
		}
		free(entries[i]);
	}
	free(entries);
}

/*
 * Finds a named profile's file, or every family for "auto"; -1 with a line in
 * the log.
 */
static int
profiles_add_named(struct profiles *ps, struct engine *e, const char *folder,
    const char *name)
{
	static const char *const rooms[] = { "families", "services" };
	char path[PATH_MAX];

	if (strcmp(name, "auto") == 0) {
		profiles_add_room(ps, e, folder, "families");
		return 0;
	}
	if (strchr(name, '/') != NULL || strstr(name, ".lua") != NULL)
		return profiles_add(ps, e, name);
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s/%s.lua", folder, rooms[i],
		    name);
		if (access(path, R_OK) == 0)
			return profiles_add(ps, e, path);
	}
	log_error("no profile '%s' in %s/families or %s/services", name,
	    folder, folder);
	return -1;
}

struct profiles *
profiles_load(struct engine *e, const char *folder, char *const *names,
    size_t count)
{
	struct profiles *ps = xcalloc(1, sizeof *ps);

	for (size_t i = 0; i < count; i++) {
		if (profiles_add_named(ps, e, folder, names[i]) < 0) {
			profiles_free(ps);
			return NULL;
		}
	}
	profiles_add_room(ps, e, folder, "services");
	return ps;
}

void
profiles_free(struct profiles *ps)
{
	if (ps == NULL)
		return;
	for (size_t i = 0; i < ps->count; i++)
		profile_release(ps->list[i]);
	free(ps->list);
	free(ps);
}

size_t
profiles_broken(const struct profiles *ps)
{
	return ps->broken;
}

size_t
profiles_count(const struct profiles *ps)
{
	return ps->count;
}

struct profile *
profiles_nth(const struct profiles *ps, size_t n)
{
	return ps->list[n];
}

struct profile *
profiles_find(const struct profiles *ps, const char *name)
{
	for (size_t i = 0; i < ps->count; i++) {
		if (strcmp(ps->list[i]->name, name) == 0)
			return ps->list[i];
	}
	return NULL;
}

/*
 * How surely a profile speaks first at this destination: -1 for never. Who is
 * at home on the port comes before all others.
 */
static int
profiles_speaks(struct profile *p, const struct profile_dest *dest)
{
	bool home = profile_at_home(p, PROFILE_TCP, dest->addr.port);
	char *error = NULL;

	if (!p->has_stream || (!home && !p->family))
		return -1;
	int score = profile_match(p, "", 0, dest, &error);
	if (error != NULL)
		score = 0; /* told when it plays */
	free(error);
	return score < 0 ? -1 : score + (home ? 1000 : 0);
}

struct profile *
profiles_silent(const struct profiles *ps, const struct profile_dest *dest,
    size_t n)
{
	int *scores = xcalloc(ps->count + 1, sizeof *scores);
	struct profile *found = NULL;

	for (size_t i = 0; i < ps->count; i++)
		scores[i] = profiles_speaks(ps->list[i], dest);
	for (size_t i = 0; i < ps->count && found == NULL; i++) {
		size_t before = 0;

		for (size_t j = 0; j < ps->count; j++)
			if (scores[j] > scores[i] ||
			    (scores[j] == scores[i] && j < i))
				before++;
		if (scores[i] >= 0 && before == n)
			found = ps->list[i];
	}
	free(scores);
	return found;
}

bool
profiles_ask_certificate(const struct profiles *ps,
    const struct profile_dest *dest)
{
	for (size_t i = 0; i < ps->count; i++) {
		const struct profile *p = ps->list[i];

		if (p->client_certificate && (p->family ||
		    profile_at_home(p, PROFILE_TCP, dest->addr.port)))
			return true;
	}
	return false;
}

/*
 * Scores one profile; what match has against it goes into the choice. False
 * if it won't play, not even where it is at home.
 */
static bool
profiles_try(struct profile *p, bool home, const void *first, size_t n,
    const struct profile_dest *dest, struct profiles_choice *c, bool *at_home)
{
	char *error = NULL;
	int score = profile_match(p, first, n, dest, &error);

	if (score < 0 && error == NULL)
		return false;
	if (score < 0) {
		free(c->error);
		c->error = error;
	}
	if (score > c->score || (score == c->score && score > 0 && home &&
	    !*at_home)) {
		c->profile = p;
		c->score = score;
		c->by = "match";
		*at_home = home;
	}
	return true;
}

void
profiles_choose(struct profiles *ps, enum profile_proto proto,
    const void *first, size_t n, const struct profile_dest *dest,
    struct profiles_choice *c)
{
	struct profile *resident = NULL;
	bool at_home = false;

	memset(c, 0, sizeof *c);
	c->by = "nobody";
	for (size_t i = 0; i < ps->count; i++) {
		struct profile *p = ps->list[i];
		bool home = profile_at_home(p, proto, dest->addr.port);

		if (!(proto == PROFILE_TCP ? p->has_stream : p->has_datagram))
			continue;
		if (n > 0 && p->has_match && !profiles_try(p, home, first, n, dest, c,
		    &at_home))
			continue;
		if (home && resident == NULL)
			resident = p;
	}
	if (c->profile == NULL && resident != NULL) {
		c->profile = resident;
		c->by = "port";
	}
}
