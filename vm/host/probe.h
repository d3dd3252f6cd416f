/*
 * Function probes: what is put to the guest's uprobe_events for a function of
 * the sample, and what its hits mean. One table row an architecture says where
 * arguments lie.
 */
#ifndef HOST_PROBE_H
#define HOST_PROBE_H

#include "base/attrib.h"
#include "base/jsonw.h"
#include "blocks.h"
#include "elffile.h"
#include "tracebuf.h"

/* How a function's arguments are read. */
enum probe_kind {
	PROBE_NUMBERS, /* four words, and the text that they point to */
	PROBE_NOTHING, /* no arguments */
	PROBE_ARGV,    /* (int argc, char *argv[]): as processCmd takes them */
	PROBE_COMPARE, /* two texts: strcmp and its like */
	PROBE_BUFFER,  /* (int fd, char *buf, int size): as recvLine does */
	PROBE_BLOCK    /* no function: the beginning of a basic block */
};

#define PROBE_WORDS 10 /* of an argv */
#define PROBES_RECORDS 4

struct probe {
	char *name;	/* as the user and the report call it */
	char *event;	/* as tracefs calls it: unique and plain */
	enum probe_kind kind;
	uint64_t address, offset;
	bool entry_only; /* its return is not reported */
	/* Thumb code: told.h; where its first instruction leads, or 0. */
	bool thumb;
	uint64_t next[2];
	/* Told only when it is given what the sample received. */
	bool takers_only;
	size_t cover, block; /* PROBE_BLOCK: which of which coverage */
	unsigned hits;	     /* so far, of blocks and takers_only */
	bool over;	     /* hit so often that it was switched off */
	struct tracebuf_format entry, back; /* id 0 until planted */
};

/* A function whose blocks are counted. */
struct probes_cover {
	char *name;
	struct blocks blocks;
};

struct probes {
	struct probe *list;
	size_t count;
	struct probes_cover *covers;
	size_t cover_count;
	struct probes_record {
		uint16_t id, at; /* what event it is; where in it */
	} records[PROBES_RECORDS];
	size_t record_count;
	uint64_t entry; /* what places are counted from: breaks.h */
	const struct probe_arch *arch;
	struct tracebuf_order order;
};

/*
 * Prepares probes for a sample; 0 or -1 when this architecture has none. The
 * names in the default list that the file has are added at once.
 */
int probes_init(struct probes *, const struct elf *) A_MUST_USE;
void probes_free(struct probes *);
/*
 * Adds a function by name, or an address as 0x…: 0, or -1 with a line in why.
 */
int probes_add(struct probes *, const struct elf *, const char *name,
    char *why, size_t size) A_MUST_USE;
/*
 * Adds the entry of each function of the sample's own code: what the linker put
 * between the start-up code and the C library. With takers_only an entry is
 * told if an argument is text that the sample received. Returns how many.
 */
size_t probes_add_own(struct probes *, const struct elf *, bool takers_only);
/*
 * Adds all basic blocks of a function, named as for probes_add, and its entry
 * and return: 0, or -1 with a line in why. The file must outlive the probes.
 */
int probes_add_coverage(struct probes *, const struct elf *, const char *name,
    char *why, size_t size) A_MUST_USE;
/*
 * Adds the functions of a static C library that compare texts, in all their
 * variants. Returns how many.
 */
size_t probes_add_compares(struct probes *, const struct elf *);
/* Adds the key probes to an open object: what is probed (captures/README.md). */
void probes_tell(const struct probes *, struct jsonw *);
/*
 * The definitions for the guest, as a list of texts ended by NULs; path is the
 * sample's, as the guest sees it. The caller frees it.
 */
char *probes_definitions(struct probes *, const char *path, size_t *n)
    A_MUST_USE;
/* Takes a description that the guest reported. */
void probes_format(struct probes *, const char *, size_t n);
/*
 * The probe of an event, which told.h may change; *back says that it is the
 * return. NULL if none.
 */
struct probe *probes_find(const struct probes *, struct tracebuf_event *,
    bool *back);

#endif
