/*
 * labinit: everything of ours that runs inside the guest. It is PID 1, it is
 * static, and it knows no policy: what is traced, for how long and under which
 * name is said by device, from outside.
 */
#ifndef GUEST_H
#define GUEST_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "protocol.h"

/* labinit.c: a clock's time, nanoseconds. */
int64_t guest_now(clockid_t);

/* channel.c: frames on the control port. */
int channel_open(void);
int channel_fd(void);
/* The path of the port with this name, or NULL if there is none. */
const char *channel_port(const char *name);
/* Writes all n bytes or gives up; 0 or -1. */
int write_all(int fd, const void *, size_t n);
void channel_send(enum frame_type, const void *, size_t);
void channel_result(enum frame_type request, int error, const char *text);
void channel_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/*
 * Reads one frame: its type, or -1 when the port is broken. *payload is ours,
 * has a NUL behind it, and is valid until the next call.
 */
int channel_read(unsigned char **payload, size_t *n);
uint32_t get32(const unsigned char *);
uint64_t get64(const unsigned char *);
void put32(unsigned char *, uint32_t);
void put64(unsigned char *, uint64_t);
/*
 * Lists: the next text at *p, or NULL at the end; and the value of a key in a
 * list of key=value, or NULL.
 */
char *list_next(char **p, char *end);
char *list_get(char *list, size_t n, const char *key);

/* netif.c: the guest's address on the bridge. All return 0 or an errno. */
int netif_up(const char *name);
int netif_address4(const char *name, const char *address, int bits,
    const char *gateway);
int netif_address6(const char *name, const char *address, int bits,
    const char *gateway);

/*
 * Where cell_enter finds the sample's standard output, and the socket on which
 * it says that it stands ready and is told what to become.
 */
#define SAMPLE_OUTPUT 63
#define SAMPLE_ORDERS 62
#define SAMPLE_ARGS 512

/* cell.c: the sample's own world. */
void cell_build(void);		    /* once, before the snapshot */
/*
 * FRAME_SETUP's part; 0 or errno. Nothing is done where the last one said the
 * same; where it said something else, the tree is built anew.
 */
int cell_settle(char *list, size_t n);
pid_t cell_start(void);		    /* its PID 1, or -1 */
pid_t cell_pid(void);		    /* 0 when there is none */
void cell_over(void);
/*
 * What the tracer executes: enters the cell, waits there for its orders, and
 * becomes the sample.
 */
int cell_enter(int argc, char **argv);

/* persona.c: what the cell looks like. All return 0, or an errno or -1. */
int persona_apply(const char *name);
int persona_mounts(void); /* in the cell's own mount namespace */

/* binfmt.c: has the kernel run foreign programs with the image's emulator. */
void binfmt_register(void);
/* The sample runs under an emulator here. */
int binfmt_emulates(void);

/* emulate.c: becomes the emulator of a program. Returns if it can't. */
#define EMULATE_NAME "-binfmt-P" /* the end of its argv[0] */
int emulate(int argc, char **argv);

/* probes.c: tracefs. */
void probes_mount(void);
/* Plants a list of definitions and reports formats; 0 or errno. */
int probes_plant(char *list, size_t n, char *text, size_t size);
void probes_pump_start(void);
/* Waits until what is in the ring buffer is out, and ends the stream. */
void probes_pump_stop(void);

/* breaks.c: breakpoints where the kernel can't probe. */
void breaks_install(void); /* once, before the tracer starts */
void breaks_preload(void); /* in the tracer's process, before it is one */
/* Takes a line for the library, or for the emulator's plugin; 0 or errno. */
int breaks_define(const char *);

/* plugin.c: breakpoints under an emulator. */
void plugin_install(void); /* once, before the snapshot */
/* The definition of uprobe i on it; 0 if there is none. */
int plugin_event(size_t i, char *text, size_t size);
/* Where in it the plugin notes a death (death.h). */
uint64_t plugin_death_at(void);

/*
 * syscount.c: lets the kernel count system calls by process, from the next
 * execve after the start (what takes long of that is done by the preparation);
 * and reports the counts. 0 or -1.
 */
int syscount_prepare(int on);
int syscount_start(void);
void syscount_send(void);

/*
 * sample.c: the tracer and the sample under it. Prepared, both stand there and
 * wait; sample_start prepares what isn't, or not with these tracer's words.
 * sample_discard ends what was prepared. 0 or errno.
 */
int sample_prepare(char *list, size_t n, char *text, size_t size);
void sample_discard(void);
int sample_start(char *list, size_t n, char *text, size_t size);
void sample_stop(void);
int sample_output_fd(void); /* -1 when there is none */
void sample_output(void);
int sample_steps_fd(void); /* what the tracer says of itself; likewise */
void sample_steps(void);
/* Are there calls that the tracer does not show? */
int sample_unseen(void);
/* Has it been started, and is not over? */
int sample_runs(void);
/* A child of ours ended: true if it was the sample's business. */
int sample_reaped(pid_t, int status);

/* sockets.c: whose sockets send where. */
void sockets_send(int last);

/* titles.c: what the sample's processes call themselves. */
void titles_send(int last);

/*
 * ways.c: the kernel counts what goes out by process and destination; reports
 * the counts as lines.
 */
void ways_watch(int on);
void ways_tell(void (*)(const char *line, size_t n));

/* collect.c: what the sample left in its file tree. */
void collect_mark(void);
/* Sends what a name stands for, from a descriptor; at most max bytes. */
void collect_stream(const char *name, unsigned mode, int fd, off_t at,
    long max);
int collect_send(char *text, size_t size);
/*
 * What only its processes hold: memory, and open files that were removed. They
 * stand still until collect_thaw.
 */
void collect_processes(void);
void collect_thaw(void);

/* cores.c: core dumps of the sample's processes. */
#define CORES_SHOWN "/cores/pattern" /* the pattern that the sample sees */
void cores_watch(void);
void cores_off(void);
int cores_fd(void);
/* Sends those that were told of. */
void cores_send(void);
/* The most of a core that is kept, bytes. */
#define CORES_SIZE_MAX (16l << 20)
/* emucore.c: writes a core of what an emulator's process emulates; 0 or -1. */
int emucore_write(int pid, int out, long max);
/* What the kernel executes for each: "labinit core PID SIGNAL". */
int cores_take(int argc, char **argv);

/* sleeps.c: long sleeps, cut short. */
#define SLEEPS_ORDER "skip" /* to the process that becomes the sample */
/*
 * Sleeps end after so many milliseconds from here on. The socket is ours now:
 * that process answers on it with what sleeps_enter gives.
 */
void sleeps_begin(long limit_ms, int socket);
/* In that process, before it is the sample. */
void sleeps_enter(int socket);
int sleeps_fd(void); /* -1 when there is none */
void sleeps_event(short events);
/* Wakes those whose time is over; ms until the next one's is, or -1. */
int sleeps_timeout(void);

/*
 * blinding.c: calls that would leave the tracer blind fail from here on, for this
 * process and all that come from it. 0 or -1.
 */
int blinding_refuse(void);

/* command.c: a command of the operator's on a terminal, outside the cell. */
int command_start(char *list, size_t n);
int command_fd(void);
void command_output(void);
void command_input(const void *, size_t);
int command_reaped(pid_t, int status);

#endif
