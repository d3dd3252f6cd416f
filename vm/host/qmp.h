/*
 * QMP, QEMU's control protocol (docs/interop/qmp-spec.txt): one JSON object a
 * line. Only what device needs: a command, its answer, in order.
 */
#ifndef HOST_QMP_H
#define HOST_QMP_H

#include <jansson.h>
#include <stdbool.h>

struct event_base;
struct qmp;

/*
 * What a command came back with: the value of "return", borrowed, or NULL and
 * why not.
 */
typedef void qmp_answer(void *arg, json_t *value, const char *error);

/* Takes the descriptor. lost is called once when QEMU is gone from it. */
struct qmp *qmp_new(struct event_base *, int fd, void (*lost)(void *arg),
    void *arg);
void qmp_free(struct qmp *);
/*
 * Sends a command; arguments are JSON text or NULL. answer may be NULL. It is
 * not called if QEMU goes first.
 */
void qmp_command(struct qmp *, const char *name, const char *arguments,
    qmp_answer *answer);


/* Gives QEMU a copy of a descriptor, under a name for later commands. */
void qmp_send_fd(struct qmp *, const char *name, int fd, qmp_answer *answer);

#endif
