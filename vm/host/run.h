/*
 * One run of one sample, from the image to the finished files: a row of steps,
 * one after another, each with a deadline.
 */
#ifndef HOST_RUN_H
#define HOST_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrib.h"
#include "elffile.h"
#include "image.h"
#include "level.h"
#include "loader.h"

struct event_base;
struct run;

struct run_options {
	const char *dir;    /* the run's folder */
	const char *sample; /* its file on the host */
	const char *path;   /* its name in the cell */
	char **args;	    /* argv[1] on, ended by NULL */
	const struct loader *loader; /* what it needs beside itself */
	const char *tap;
	const char *persona; /* folder of vm/image/personas */
	const char *link; /* the responder's socket, or NULL */
	char **probes;	  /* names or addresses, ended by NULL */
	char **covers;	  /* the same, of functions whose blocks count */
	char **dump_after; /* commands (dump.h), ended by NULL */
	double time;	  /* seconds from the sample's start */
	double silence;	  /* seconds without an answer until it is lost */
	double grace;	  /* seconds on, once the responder has finished */
	bool cold;
	bool functions; /* report the entry of each function of its own */
	bool compares;	/* report comparisons with received texts */
	double skip;	/* sleeps end after so many seconds; 0: they don't */
	enum level level;
	bool keep_level; /* the tracer does not step down */
	const char *rewrite; /* what is forged, checked, or NULL */
};

/*
 * Starts a run; NULL if it can't be (logged). data is the sample's bytes and
 * elf what they are; both must outlive it.
 */
struct run *run_new(struct event_base *, const struct image *,
    const struct run_options *, const struct elf *, const void *data,
    size_t n) A_MUST_USE;
void run_free(struct run *);
/* Ends it before its time ("signal"). */
void run_stop(struct run *);
/*
 * True once all is written; the reason is then how it ended: "exit", "time",
 * "finished", "signal", "lost".
 */
bool run_done(const struct run *);
const char *run_reason(const struct run *);
/* Something of it failed: exit status 1. */
bool run_failed(const struct run *);
/* Called each time it becomes ready for the sample, and when it is done. */
void run_set_ready(struct run *, void (*ready)(void *arg), void *arg);

#endif
