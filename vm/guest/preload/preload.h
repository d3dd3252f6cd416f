/*
 * What is loaded into the guest's strace. stepper.c stands where strace learns
 * of stops and ends them; the others take cost off what strace does between.
 */
#ifndef PRELOAD_H
#define PRELOAD_H

#include <sys/types.h>

#include <stdint.h>

/*
 * lines.c: strace's output leaves in larger pieces. All times are of
 * CLOCK_MONOTONIC, nanoseconds.
 */
void lines_begin(void);
/* Nothing stays behind: what comes next may end the machine. */
void lines_out(void);
/* strace is about to wait, and has waited. */
void lines_wait(int64_t now);
void lines_waited(void);

/*
 * names.c: what the descriptors of a thread stand for. To be forgotten as soon
 * as that may have changed: of all, or of one number.
 */
void names_begin(int on);
void names_forget(void);
void names_closed(int fd);
/* Does a write to it reach no more than a socket, a pipe or /dev/null? */
int names_tame(pid_t tid, int fd);

/* filter.c: packets pass strace's filter. */
void filter_begin(int packets_pass);

/* uname.c: uname(2) has ended, which was to fill the struct at that address. */
void uname_told(pid_t tid, uint64_t at);

/* stamps.c: the time of a line. */
void stamps_begin(void);

#endif
