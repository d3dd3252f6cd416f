/*
 * Counts of system calls by process: a small program on sched_process_exec
 * opens a gate, so that counting begins with the sample's execve; another on
 * sys_enter counts. (Histograms of tracefs could do it too, where a kernel has
 * them: at several times the cost, paid by each call of a flood.)
 */
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf.h"
#include "guest.h"

#define SYSCOUNT_MAX 4096

/* The number of a call, and its name: made by the build from the C library's
 * headers. */
static const struct {
	unsigned nr;
	const char *name;
} syscount_names[] = {
#include "sysnames.h"
};

/* Ready: the next execve opens it. */
enum { GATE_SHUT, GATE_READY, GATE_OPEN };

static int syscount_map = -1, syscount_gate = -1;
static int syscount_events[2] = { -1, -1 }; /* sys_enter, exec */

int
syscount_prepare(int on)
{
	if (!on || syscount_events[0] != -1) {
		for (int i = 0; !on && i < 2; i++) {
			if (syscount_events[i] != -1)
				close(syscount_events[i]);
			syscount_events[i] = -1;
		}
		return 0;
	}
	if (syscount_map == -1)
		syscount_map = bpf_map(BPF_MAP_TYPE_HASH, 8, 8, SYSCOUNT_MAX);
	if (syscount_gate == -1)
		syscount_gate = bpf_map(BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	if (syscount_map == -1 || syscount_gate == -1)
		return -1;
	/* if gate is open: map[process << 32 | call]++ */
	const struct bpf_insn count[] = {
		LOAD(BPF_DW, 6, 1, 8), /* the call's number */
		STORE_NUMBER(10, -8, 0),
		MAP(1, syscount_gate),
		MOVE(2, 10),
		ADD(2, -8),
		CALL(BPF_FUNC_map_lookup_elem),
		SKIP_IF(BPF_JEQ, 0, 0, 5 + COUNT_END),
		LOAD(BPF_DW, 1, 0, 0),
		SKIP_IF(BPF_JNE, 1, GATE_OPEN, 3 + COUNT_END),
		CALL(BPF_FUNC_get_current_pid_tgid),
		STORE(BPF_W, 10, -4, 0),
		STORE(BPF_W, 10, -8, 6),
		COUNT(syscount_map, -8),
	};
	/* if gate is ready: gate = open */
	const struct bpf_insn open_gate[] = {
		STORE_NUMBER(10, -8, 0),
		MAP(1, syscount_gate),
		MOVE(2, 10),
		ADD(2, -8),
		CALL(BPF_FUNC_map_lookup_elem),
		SKIP_IF(BPF_JEQ, 0, 0, 3),
		LOAD(BPF_DW, 1, 0, 0),
		SKIP_IF(BPF_JNE, 1, GATE_READY, 1),
		STORE_NUMBER(0, 0, GATE_OPEN),
		SET(0, 0),
		END,
	};
	syscount_events[0] = bpf_on_raw(count, sizeof count / sizeof *count,
	    "sys_enter");
	syscount_events[1] = bpf_on_raw(open_gate,
	    sizeof open_gate / sizeof *open_gate, "sched_process_exec");
	return syscount_events[0] == -1 || syscount_events[1] == -1 ? -1 : 0;
}

static int
syscount_set_gate(uint64_t state)
{
	uint32_t first = 0;

	return bpf_set(syscount_gate, &first, &state);
}

int
syscount_start(void)
{
	return syscount_events[0] == -1 ? -1 : syscount_set_gate(GATE_READY);
}

static const char *
syscount_name(unsigned nr)
{
	for (size_t i = 0; i < sizeof syscount_names / sizeof *syscount_names;
	     i++)
		if (syscount_names[i].nr == nr)
			return syscount_names[i].name;
	return NULL;
}

/* In the words of tracefs' histograms, which are easy to read. */
void
syscount_send(void)
{
	uint64_t key, next, count;
	const void *last = NULL;
	const char *name;
	char line[160];

	if (syscount_events[0] == -1)
		return;
	syscount_set_gate(GATE_SHUT);
	for (; bpf_next(syscount_map, last, &next, &count) == 0; last = &key) {
		unsigned half[2]; /* the call, its process */

		key = next;
		memcpy(half, &key, sizeof half);
		if ((name = syscount_name(half[0])) == NULL)
			continue;
		int n = snprintf(line, sizeof line, "{ id: sys_%s [%u], "
		    "common_pid: %u } hitcount: %llu\n", name, half[0],
		    half[1], (unsigned long long)count);
		channel_send(FRAME_COUNTS, line, (size_t)n);
	}
}
