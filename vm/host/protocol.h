/*
 * What device (outside) and labinit (inside the guest) say to each other on
 * the virtio port "lab.ctl". Both include this file and nothing else of each
 * other. The outside never trusts what comes from inside.
 *
 *	 0        1        2        3        4                      8
 *	+--------+--------+--------+--------+----------------------+---------
 *	| 'K'    | version| type   | 0      | length, big-endian   | payload
 *	+--------+--------+--------+--------+----------------------+---------
 *
 * Numbers in payloads are big-endian. A "list" is a row of texts, each ended
 * by a NUL. The guest handles requests in order and answers each that has an
 * answer; what it says of its own accord may stand between.
 *
 * Two more ports carry streams from the guest, raw and never answered:
 * "lab.strace" is strace's own output, "lab.trace" is the kernel's ring buffer:
 * records of a 4-byte length and so many bytes of one page. A record of length
 * 0, and a line of STREAM_END, say that the stream is complete.
 */
#ifndef HOST_PROTOCOL_H
#define HOST_PROTOCOL_H

#define FRAME_MAGIC 0x4b
#define FRAME_VERSION 1
#define FRAME_HEAD 8
/* No payload is longer, in either direction. */
#define FRAME_MAX (256 * 1024)

#define PORT_CONTROL "lab.ctl"
#define PORT_STRACE "lab.strace"
#define PORT_TRACE "lab.trace"
#define STREAM_END "# end of stream"

/* Names of what has none: "memory:PID:START-END:rw-p:NAME" of a mapping, and
 * "deleted:PID:PATH" of an open file that was removed. */
#define NAME_MEMORY "memory:"
#define NAME_DELETED "deleted:"
/* "maps:PID": all mappings of a process, as the kernel lists them. */
#define NAME_MAPS "maps:"

/* Of one file no more is sent. */
#define FILE_KEPT_MAX (16 << 20)
/* Bytes of a command line that FRAME_TITLE brings. */
#define TITLE_WORDS_MAX 1024

/* "core:PID:SIGNAL": a core dump. */
#define NAME_CORE "core:"

/* What the sample finds in its environment. */
#define CELL_ENVIRONMENT "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", \
	"USER=root", "SHELL=/bin/sh", "TERM=vt102"

/* Loaded into strace (vm/guest/preload), which writes its lines there. */
#define STEPPER_PATH "/lib/stepper.so"
#define STEPPER_FD 61

/*
 * What the persona says of the kernel: its release and its version, a line
 * each. Nothing is there where it says nothing.
 */
#define PERSONA_UNAME "/uname"
#define PERSONA_RELEASE PERSONA_UNAME "/release"
#define PERSONA_VERSION PERSONA_UNAME "/version"

/* What an image brings for programs of another architecture: the lines for
 * binfmt_misc. */
#define EMULATOR_LINES "/lib/binfmt"

/* Where the cell's file tree lies in the guest's own. */
#define CELL_ROOT "/cell"
/* The group of probes in tracefs. */
#define PROBE_GROUP "kage"

enum frame_type {
	/* From outside. */
	FRAME_PING = 1,	/* 8 bytes of the sender's → PONG */
	FRAME_CLOCK,	/* wall time, ns: sets the guest's → RESULT */
	FRAME_SEED,	/* fresh bytes for the kernel's random pool → RESULT */
	FRAME_SETUP,	/* list of key=value: network and cell → RESULT */
	FRAME_FILE,	/* mode (4), path NUL: begins a file → RESULT at end */
	FRAME_DATA,	/* its bytes */
	FRAME_FILE_END, /* its end; from inside, 1 byte if there was more of it
			 * than is kept → RESULT */
	FRAME_PROBES,	/* list of definitions → FORMAT each, RESULT; or of
			 * !EVENT: switches it off → RESULT; lines of
			 * vm/guest/breaks.h may be among them */
	FRAME_RUN,	/* list of key=value: starts the sample → RESULT,
			 * OUTPUT …, GONE */
	FRAME_STOP,	/* kills all that lives in the cell; before that its
			 * memory and what it holds open without a name:
			 * FILE DATA FILE_END each, RESULT */
	FRAME_COLLECT,	/* → FILE DATA FILE_END each, RESULT, whose text is how
			 * many were left out, if any */
	FRAME_COMMAND,	/* list: rows and columns, 0 0 if unknown; argv: on a
			 * terminal → RESULT, OUTPUT, EXITED */
	FRAME_INPUT,	/* bytes for the command's terminal */
	FRAME_DUMP,	/* memory and files without a name of all that lives in
			 * the cell, which goes on afterwards: FILE DATA
			 * FILE_END each, RESULT */
	FRAME_PREPARE,	/* list of tracer=WORD: the tracer and the sample's
			 * process, which waits in the cell for FRAME_RUN
			 * → RESULT */

	/* From inside. */
	FRAME_HELLO = 64, /* list of key=value */
	FRAME_PONG,	/* the 8 bytes, wall time, monotonic time, both ns */
	FRAME_RESULT,	/* request's type (1), errno (4), text */
	FRAME_FORMAT,	/* tracefs' description of one event, text */
	FRAME_OUTPUT,	/* bytes: standard output of sample or command */
	FRAME_GONE,	/* wait status (4): sample and all its children ended */
	FRAME_EXITED,	/* wait status (4) of a command */
	FRAME_LOG,	/* text for the operator */
	FRAME_COUNTS,	/* the kernel's histogram of system calls, text in
			 * pieces; before GONE */
	FRAME_SOCKETS,	/* lines in pieces: whose sockets send where */
	FRAME_STEPS,	/* lines in pieces: what the tracer shows less of */
	FRAME_SKIPPED,	/* a sleep was cut short: pid (4), wanted, waited, the
			 * wall clock before, how far it was set ahead (8
			 * each), ns; sent before the sample sees it */
	FRAME_TITLE,	/* pid (4), the wall clock, ns (8), a process's name
			 * NUL, its command line, words with a NUL each, of
			 * TITLE_WORDS_MAX bytes at most */
};

#endif
