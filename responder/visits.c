/*
 * The set of visits: how many there may be, and which they are. What each
 * does is the business of visit.c.
 */
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "config.h"
#include "greeter.h"
#include "record/session.h"
#include "visit.h"
#include "visits.h"

/* Destinations whose first words are remembered. */
#define VISITS_PLACES 65536

/* A visit's place in the set. */
struct visits_place {
	TAILQ_ENTRY(visits_place) entry;
	struct visits *set;
	struct visit *visit;
};

struct visits {
	struct visit_keeper keeper;
	TAILQ_HEAD(, visits_place) places; /* in the order of their sessions */
	size_t count;
	uint64_t refused; /* over the limit */
};

static void
visits_ended(void *arg)
{
	struct visits_place *p = arg;

	TAILQ_REMOVE(&p->set->places, p, entry);
	p->set->count--;
	free(p);
}

struct visits *
visits_new(const struct house *house)
{
	struct visits *vs = xcalloc(1, sizeof *vs);

	vs->keeper.house = house;
	vs->keeper.greeter = greeter_new(VISITS_PLACES);
	vs->keeper.ended = visits_ended;
	TAILQ_INIT(&vs->places);
	return vs;
}

void
visits_free(struct visits *vs)
{
	if (vs == NULL)
		return;
	while (!TAILQ_EMPTY(&vs->places))
		visit_stop(TAILQ_FIRST(&vs->places)->visit);
	greeter_free(vs->keeper.greeter);
	free(vs);
}

size_t
visits_count(const struct visits *vs)
{
	return vs->count;
}

/* No room: the peer hears a reset. */
static void
visits_refuse(struct visits *vs, evutil_socket_t fd)
{
	struct linger now = { .l_onoff = 1 };

	if (vs->refused++ == 0)
		log_warn("more than %zu sessions: the rest is reset",
		    vs->count);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(fd);
}

void
visits_accept(struct visits *vs, evutil_socket_t fd, const struct addr *src,
    const struct addr *dest)
{
	struct visits_place *p;

	if (vs->count >= vs->keeper.house->config->sessions) {
		visits_refuse(vs, fd);
		return;
	}
	p = xcalloc(1, sizeof *p);
	p->set = vs;
	TAILQ_INSERT_TAIL(&vs->places, p, entry);
	vs->count++;
	p->visit = visit_new(&vs->keeper, p, fd, src, dest);
	visit_start(p->visit);
}

struct visit *
visits_find(const struct visits *vs, uint64_t session)
{
	struct visits_place *p;
	struct visit_info info;

	TAILQ_FOREACH (p, &vs->places, entry) {
		visit_info(p->visit, &info);
		if (info.session->id == session)
			return p->visit;
	}
	return NULL;
}

void
visits_each(const struct visits *vs, void (*each)(void *,
    const struct visit *), void *arg)
{
	struct visits_place *p;

	TAILQ_FOREACH (p, &vs->places, entry)
		each(arg, p->visit);
}
