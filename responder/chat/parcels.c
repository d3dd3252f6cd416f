/*
 * What service_udp.c is for sockets, in small.
 */
#include <netinet/in.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/xmalloc.h"
#include "chat/parcels.h"
#include "record/session.h"
#include "script/dgram.h"
#include "script/profile.h"
#include "script/task.h"

/* All datagrams between two addresses. */
struct mail {
	TAILQ_ENTRY(mail) entry;
	struct addr src, dest;
	char *name;
	struct session session;
};

struct parcel {
	TAILQ_ENTRY(parcel) entry;
	struct parcels *parcels;
	struct mail *mail;
	struct packet packet;
	struct task *task; /* NULL once ended */
};

struct answer {
	TAILQ_ENTRY(answer) entry;
	void *bytes;
	size_t n;
};

struct parcels {
	struct run *run;
	struct engine *engine;
	struct profile *profile;
	TAILQ_HEAD(, mail) mails;
	TAILQ_HEAD(, parcel) list;
	TAILQ_HEAD(, answer) answers;
};

static int
parcel_reply(struct packet *packet, const void *bytes, size_t n)
{
	struct parcel *p = (struct parcel *)((char *)packet -
	    offsetof(struct parcel, packet));
	struct answer *a = xcalloc(1, sizeof *a);

	a->bytes = xmemdup0(bytes, n);
	a->n = n;
	TAILQ_INSERT_TAIL(&p->parcels->answers, a, entry);
	return 0;
}

static void
parcel_free(struct parcel *p)
{
	packet_detach(&p->packet);
	task_free(p->task);
	TAILQ_REMOVE(&p->parcels->list, p, entry);
	free(p);
}

static void
parcel_ended(void *arg, const char *error, const char *traceback)
{
	struct parcel *p = arg;

	if (error != NULL)
		session_error(&p->mail->session, error, traceback);
	parcel_free(p);
}

static struct mail *
mail_find(struct parcels *ps, const struct addr *src, const struct addr *dest,
    const char *name)
{
	struct mail *m;

	TAILQ_FOREACH(m, &ps->mails, entry)
		if (addr_equal(&m->src, src) && addr_equal(&m->dest, dest))
			return m;
	m = xcalloc(1, sizeof *m);
	m->src = *src;
	m->dest = *dest;
	m->name = name != NULL ? xstrdup(name) : NULL;
	session_open(&m->session, ps->run, IPPROTO_UDP, src, dest, m->name);
	session_profile(&m->session, ps->profile->name);
	TAILQ_INSERT_TAIL(&ps->mails, m, entry);
	return m;
}

struct parcels *
parcels_new(struct run *run, struct engine *engine, struct profile *profile)
{
	struct parcels *ps = xcalloc(1, sizeof *ps);

	ps->run = run;
	ps->engine = engine;
	ps->profile = profile;
	TAILQ_INIT(&ps->mails);
	TAILQ_INIT(&ps->list);
	TAILQ_INIT(&ps->answers);
	return ps;
}

void
parcels_free(struct parcels *ps)
{
	struct mail *m;

	if (ps == NULL)
		return;
	while (!TAILQ_EMPTY(&ps->list))
		parcel_free(TAILQ_FIRST(&ps->list));
	while ((m = TAILQ_FIRST(&ps->mails)) != NULL) {
		TAILQ_REMOVE(&ps->mails, m, entry);
		session_close(&m->session, "stopped");
		free(m->name);
		free(m);
	}
	while (!TAILQ_EMPTY(&ps->answers))
		parcels_take(ps);
	free(ps);
}

void
parcels_send(struct parcels *ps, const struct addr *src,
    const struct addr *dest, const char *name, const void *bytes, size_t n)
{
	struct parcel *p = xcalloc(1, sizeof *p);

	p->parcels = ps;
	p->mail = mail_find(ps, src, dest, name);
	p->packet.session = &p->mail->session;
	p->packet.name = p->mail->name;
	p->packet.reply = parcel_reply;
	TAILQ_INSERT_TAIL(&ps->list, p, entry);
	session_data(&p->mail->session, SESSION_TO_SERVER, bytes, n, 0);
	p->task = task_new(ps->engine, &p->mail->session, parcel_ended, p);
	profile_push(ps->profile, task_lua(p->task), "datagram");
	packet_push(task_lua(p->task), &p->packet, bytes, n);
	task_start(p->task, 1);
}

bool
parcels_answer(const struct parcels *ps, const void **bytes, size_t *n)
{
	const struct answer *a = TAILQ_FIRST(&ps->answers);

	if (a == NULL)
		return false;
	*bytes = a->bytes;
	*n = a->n;
	return true;
}

void
parcels_take(struct parcels *ps)
{
	struct answer *a = TAILQ_FIRST(&ps->answers);

	TAILQ_REMOVE(&ps->answers, a, entry);
	free(a->bytes);
	free(a);
}
