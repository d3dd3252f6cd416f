/*
 * BPF: maps, and programs that run at tracepoints.
 */
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf.h"

#define BPF_EVENTS "/sys/kernel/tracing/events/"

static int
bpf_call(int what, union bpf_attr *a)
{
	return (int)syscall(SYS_bpf, what, a, sizeof *a);
}

int
bpf_map(enum bpf_map_type type, unsigned key, unsigned value, unsigned entries)
{
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.map_type = type;
	a.key_size = key;
	a.value_size = value;
	a.max_entries = entries;
	return bpf_call(BPF_MAP_CREATE, &a);
}

int
bpf_set(int map, const void *key, const void *value)
{
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.map_fd = (unsigned)map;
	a.key = (uintptr_t)key;
	a.value = (uintptr_t)value;
	return bpf_call(BPF_MAP_UPDATE_ELEM, &a);
}

int
bpf_next(int map, const void *last, void *key, uint64_t *count)
{
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.map_fd = (unsigned)map;
	a.key = (uintptr_t)last;
	a.next_key = (uintptr_t)key;
	if (bpf_call(BPF_MAP_GET_NEXT_KEY, &a) == -1)
		return -1;
	a.key = (uintptr_t)key;
	a.value = (uintptr_t)count;
	return bpf_call(BPF_MAP_LOOKUP_ELEM, &a);
}

static int
bpf_program(enum bpf_prog_type type, const struct bpf_insn *program, size_t n)
{
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.prog_type = type;
	a.insns = (uintptr_t)program;
	a.insn_cnt = (unsigned)n;
	a.license = (uintptr_t)"Dual BSD/GPL";
	return bpf_call(BPF_PROG_LOAD, &a);
}

int
bpf_on_event(const struct bpf_insn *program, size_t n, const char *event)
{
	struct perf_event_attr p;
	char path[128], number[16] = "";
	int fd, prog = bpf_program(BPF_PROG_TYPE_TRACEPOINT, program, n);

	if (prog == -1)
		return -1;
	snprintf(path, sizeof path, BPF_EVENTS "%s/id", event);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || read(fd, number, sizeof number - 1) <= 0) {
		close(prog);
		return -1;
	}
	close(fd);
	memset(&p, 0, sizeof p);
	p.type = PERF_TYPE_TRACEPOINT;
	p.size = sizeof p;
	p.config = (unsigned)atoi(number);
	fd = (int)syscall(SYS_perf_event_open, &p, -1, 0, -1,
	    PERF_FLAG_FD_CLOEXEC);
	if (fd != -1 && ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog) == -1) {
		close(fd);
		fd = -1;
	}
	close(prog);
	return fd;
}

int
bpf_on_raw(const struct bpf_insn *program, size_t n, const char *name)
{
	union bpf_attr a;
	int fd, prog = bpf_program(BPF_PROG_TYPE_RAW_TRACEPOINT, program, n);

	if (prog == -1)
		return -1;
	memset(&a, 0, sizeof a);
	a.raw_tracepoint.name = (uintptr_t)name;
	a.raw_tracepoint.prog_fd = (unsigned)prog;
	fd = bpf_call(BPF_RAW_TRACEPOINT_OPEN, &a);
	close(prog);
	return fd;
}
