/*
 * QMP.
 */
#include <sys/socket.h>

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "qmp.h"

/* An answer longer than this is no answer to anything that we ask. */
#define QMP_LINE_MAX (1 << 20)
#define QMP_QUEUE 16

struct qmp {
	struct bufferevent *bev;
	void (*lost)(void *);
	void *arg;
	/* Who waits for an answer, in order; the first is greeted. */
	qmp_answer *queue[QMP_QUEUE];
	size_t head, count;
};

/* One object: an answer goes to who asked first, an event is only logged. */
static void
qmp_object(struct qmp *q, json_t *object)
{
	json_t *value = json_object_get(object, "return");
	json_t *error = json_object_get(object, "error");
	const char *event =
	    json_string_value(json_object_get(object, "event"));
	qmp_answer *answer;

	if (event != NULL)
		log_debug("qemu says %s", event);
	if ((value == NULL && error == NULL) || q->count == 0)
		return;
	answer = q->queue[q->head];
	q->head = (q->head + 1) % QMP_QUEUE;
	q->count--;
	if (answer == NULL)
		return;
	const char *why = error == NULL ? NULL :
	    json_string_value(json_object_get(error, "desc"));
	answer(q->arg, value, value != NULL ? NULL :
	    why != NULL ? why : "an error without a reason");
}

static void
qmp_readcb(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct qmp *q = arg;
	char *line;
	size_t n;

	while ((line = evbuffer_readln(in, &n, EVBUFFER_EOL_LF)) != NULL) {
		json_t *object = json_loadb(line, n, 0, NULL);

		free(line);
		if (object != NULL)
			qmp_object(q, object);
		json_decref(object);
	}
	if (evbuffer_get_length(in) > QMP_LINE_MAX)
		evbuffer_drain(in, evbuffer_get_length(in));
}

static void
qmp_eventcb(struct bufferevent *bev, short what, void *arg)
{
	struct qmp *q = arg;

	(void)what;
	bufferevent_disable(bev, EV_READ | EV_WRITE);
	q->lost(q->arg);
}

struct qmp *
qmp_new(struct event_base *base, int fd, void (*lost)(void *), void *arg)
{
	struct qmp *q = xcalloc(1, sizeof *q);

	q->lost = lost;
	q->arg = arg;
	q->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (q->bev == NULL)
		fatal("no bufferevent for QMP");
	bufferevent_setcb(q->bev, qmp_readcb, NULL, qmp_eventcb, q);
	bufferevent_enable(q->bev, EV_READ | EV_WRITE);
	qmp_command(q, "qmp_capabilities", NULL, NULL);
	return q;
}

void
qmp_free(struct qmp *q)
{
	if (q == NULL)
		return;
	bufferevent_free(q->bev);
	free(q);
}

static void
qmp_queue(struct qmp *q, qmp_answer *answer)
{
	if (q->count == QMP_QUEUE)
		fatal("too many QMP commands at once");
	q->queue[(q->head + q->count++) % QMP_QUEUE] = answer;
}

void
qmp_command(struct qmp *q, const char *name, const char *arguments,
    qmp_answer *answer)
{
	qmp_queue(q, answer);
	evbuffer_add_printf(bufferevent_get_output(q->bev),
	    "{\"execute\":\"%s\"%s%s}\n", name,
	    arguments == NULL ? "" : ",\"arguments\":",
	    arguments == NULL ? "" : arguments);
}

/*
 * A descriptor travels beside the bytes of its command (unix(7), SCM_RIGHTS),
 * so they must leave at once: what waits before them is written first.
 */
void
qmp_send_fd(struct qmp *q, const char *name, int fd, qmp_answer *answer)
{
	struct evbuffer *out = bufferevent_get_output(q->bev);
	int s = bufferevent_getfd(q->bev);
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char line[128];
	int n = snprintf(line, sizeof line,
	    "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"%s\"}}\n", name);
	struct iovec iov = { line, (size_t)n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof control.room };

	/* libevent lets nobody else write what it holds, unless told. */
	evbuffer_unfreeze(out, 1);
	while (evbuffer_get_length(out) > 0)
		if (evbuffer_write(out, s) == -1)
			break;
	evbuffer_freeze(out, 1);
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
	if (sendmsg(s, &m, MSG_NOSIGNAL) != n) {
		answer(q->arg, NULL, strerror(errno));
		return;
	}
	qmp_queue(q, answer);
}
