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

#include "protocol.h"

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

/* The sample's standard output, where cell_enter finds it. */
#define SAMPLE_OUTPUT 63

/* cell.c: the sample's own world. */
void cell_build(void);		    /* once, before the snapshot */
int cell_settle(char *list, size_t n); /* FRAME_SETUP's part; 0 or errno */
pid_t cell_start(void);		    /* its PID 1, or -1 */
pid_t cell_pid(void);		    /* 0 when there is none */
void cell_over(void);
/* What the tracer executes: enters the cell and becomes the sample. */
int cell_enter(int argc, char **argv);

/* persona.c: what the cell looks like. All return 0, or an errno or -1. */
int persona_apply(const char *name);
int persona_mounts(void); /* in the cell's own mount namespace */

/* binfmt.c: has the kernel run foreign programs with the image's emulator. */
void binfmt_register(void);

/* probes.c: tracefs. */
void probes_mount(void);
/* Plants a list of definitions and reports formats; 0 or errno. */
int probes_plant(char *list, size_t n, char *text, size_t size);
/*
 * Lets the kernel count system calls by process, from the moment when the
 * program at path (in the cell) is executed; and reports the counts.
 */
void probes_count(const char *path);
void probes_count_send(void);
void probes_pump_start(void);
/* Waits until what is in the ring buffer is out, and ends the stream. */
void probes_pump_stop(void);

/* sample.c: the tracer and the sample under it. */
int sample_start(char *list, size_t n, char *text, size_t size);
void sample_stop(void);
int sample_output_fd(void); /* -1 when there is none */
void sample_output(void);
/* A child of ours ended: true if it was the sample's business. */
int sample_reaped(pid_t, int status);

/* collect.c: what the sample left in its file tree. */
void collect_mark(void);
int collect_send(char *text, size_t size);
/*
 * What only its processes hold: memory, and open files that were removed. They
 * stand still until collect_thaw.
 */
void collect_processes(void);
void collect_thaw(void);

/* command.c: a command of the operator's on a terminal, outside the cell. */
int command_start(char *list, size_t n);
int command_fd(void);
void command_output(void);
void command_input(const void *, size_t);
int command_reaped(pid_t, int status);

#endif
