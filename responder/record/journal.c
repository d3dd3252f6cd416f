/*
 * The journal's file: collects lines, writes them in large pieces, survives a
 * full disk. What the lines say is the business of session.c and run.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "record/journal.h"

/* Written at once when this much has been collected. */
#define JOURNAL_BATCH (256 * 1024)
/* Kept while the disk takes nothing; beyond it whole lines are dropped. */
#define JOURNAL_KEEP (8 * 1024 * 1024)

struct journal {
	int fd;
	struct event *timer;
	struct jsonw lines;
	size_t line_start;
	bool complained;
	uint64_t lost;
	journal_tap_cb *tap; /* or NULL */
	void *tap_arg;
};

static const struct timeval journal_delay = { 0, 100 * 1000 };

static void
journal_timer(evutil_socket_t fd A_UNUSED, short what A_UNUSED, void *arg)
{
	journal_flush(arg);
}

struct journal *
journal_open(struct event_base *base, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0) {
		log_error("can't open %s: %s", path, strerror(errno));
		return NULL;
	}
	struct journal *j = xcalloc(1, sizeof *j);

	j->fd = fd;
	j->timer = evtimer_new(base, journal_timer, j);
	if (j->timer == NULL)
		fatal("no memory for a timer");
	return j;
}

void
journal_free(struct journal *j)
{
	if (j == NULL)
		return;
	journal_flush(j);
	event_free(j->timer);
	jsonw_free(&j->lines);
	close(j->fd);
	free(j);
}

struct jsonw *
journal_begin(struct journal *j, const char *type)
{
	struct jsonw *w = &j->lines;
	char stamp[CLOCK_TEXT_SIZE];

	j->line_start = w->length;
	jsonw_object(w, NULL);
	jsonw_string(w, "timestamp", clock_text(clock_wall(), stamp));
	jsonw_string(w, "event_type", type);
	return w;
}

size_t
journal_end(struct journal *j)
{
	size_t length;

	jsonw_object_end(&j->lines);
	jsonw_line_end(&j->lines);
	length = j->lines.length - j->line_start;
	if (j->tap != NULL)
		j->tap(j->tap_arg, j->lines.data + j->line_start, length);
	if (j->lines.length >= JOURNAL_BATCH && !j->complained)
		journal_flush(j);
	else if (j->lines.length > JOURNAL_KEEP) {
		/* The newest line goes; older ones tell how it began. */
		j->lines.length = j->line_start;
		j->lost++;
	} else if (j->line_start == 0)
		evtimer_add(j->timer, &journal_delay);
	return length;
}

void
journal_tap(struct journal *j, journal_tap_cb *tap, void *arg)
{
	j->tap = tap;
	j->tap_arg = arg;
}

/* Forgets the first n bytes of what was collected. */
static void
journal_drop(struct journal *j, size_t n)
{
	j->lines.length -= n;
	if (j->lines.length > 0)
		memmove(j->lines.data, j->lines.data + n, j->lines.length);
}

void
journal_flush(struct journal *j)
{
	size_t done = 0;

	while (done < j->lines.length) {
		ssize_t n = write(j->fd, j->lines.data + done,
		    j->lines.length - done);

		if (n >= 0) {
			done += (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (!j->complained)
			log_error("can't write the journal: %s; lines are "
			    "kept for a while, then lost", strerror(errno));
		j->complained = true;
		break;
	}
	journal_drop(j, done);
	if (j->lines.length != 0) {
		evtimer_add(j->timer, &journal_delay);
		return;
	}
	evtimer_del(j->timer);
	if (j->complained)
		log_warn("the journal can be written again; %llu lines lost",
		    (unsigned long long)j->lost);
	j->complained = false;
	if (j->lines.size > 4 * JOURNAL_BATCH)
		jsonw_free(&j->lines);
}

uint64_t
journal_lost(const struct journal *j)
{
	return j->lost;
}
