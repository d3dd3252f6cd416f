/*
 * How much of the system calls is traced.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "level.h"

/* The most bytes of a buffer that strace shows: STRACE_STRING. */
static const char *const level_base[] = { "strace", "-f", "-ttt", "-T", "-yy",
	"-x", "-s", "256", "-n", "-q", "--decode-pids=pidns", "-o", "%port" };
static const char *const level_plain[] = { "strace", "-f", "-o", "%port" };

/*
 * The question mark lets strace pass over calls that an architecture has not.
 * i386's socketcall is one call to seccomp: the filter lets all of it through
 * to strace, which shows what the set names.
 */
static const struct {
	const char *name, *set;
} levels[] = {
	/* All but one that no kernel has any more: strace makes a filter only
	 * where something is left out, and only a filter can be suspended. */
	[LEVEL_FULL] = { "full", "trace=!nfsservctl" },
	/* The classes; what moves bytes and descriptors; and the rare calls
	 * that the report tells whatever their arguments. */
	[LEVEL_OBSERVE] = { "observe", "trace=%network,%process,%file,%signal,"
	    "?read,?write,?readv,?writev,?pread64,?pwrite64,?sendfile,"
	    "?sendfile64,?splice,?io_uring_setup,?io_uring_enter,?close,"
	    "?close_range,?dup,?dup2,?dup3,?pipe,?pipe2,?fcntl,?fcntl64,"
	    "?ioctl,?memfd_create,?alarm,?setitimer,?uname,?sysinfo,"
	    "?prctl,?setsid,?setpgid,?setuid,?setgid,?setuid32,?setgid32,"
	    "?capset,?nice,?setpriority,?ptrace,?process_vm_writev,?reboot,"
	    "?mount,?umount2,?init_module,?finit_module,?delete_module,"
	    "?sethostname,?setdomainname,?settimeofday,?stime,?clock_settime,"
	    "?adjtimex,?iopl,?ioperm,?bpf,?kexec_load,?syslog" },
	/* uname is answered by the persona. */
	[LEVEL_FLOOD] = { "flood", "trace=%process,%file,?socket,?connect,"
	    "?bind,?listen,?accept,?accept4,?kill,?tkill,?tgkill,?prctl,"
	    "?setsid,?ptrace,?uname,?reboot,?mount,?umount2,?init_module,"
	    "?finit_module" },
	[LEVEL_PLAIN] = { "plain", NULL },
	[LEVEL_NONE] = { "none", NULL },
};

int
level_parse(const char *text, enum level *level)
{
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		if (strcmp(levels[i].name, text) == 0) {
			*level = (enum level)i;
			return 0;
		}
	}
	return -1;
}

const char *
level_name(enum level level)
{
	return levels[level].name;
}

/*
 * Reads one "name=value" at *p: the name's length, and where the value stands.
 * 0 or -1.
 */
static int
level_rule(const char **p, size_t *name, long *value)
{
	const char *text = *p;
	char *end;

	*name = 0;
	while (islower((unsigned char)text[*name]) ||
	    isdigit((unsigned char)text[*name]) || text[*name] == '_')
		(*name)++;
	if (*name == 0 || *name > 32 || text[*name] != '=')
		return -1;
	*value = strtol(text + *name + 1, &end, 10);
	/* A forged return is no error: errors are what the sample has. */
	if (end == text + *name + 1 || *value < 0 || *value > 0x7fffffff ||
	    (*end != '\0' && *end != ','))
		return -1;
	*p = *end == ',' ? end + 1 : end;
	return 0;
}

int
level_check_rewrite(const char *text, char *why, size_t size)
{
	const char *p = text;
	size_t name;
	long value;

	do {
		if (level_rule(&p, &name, &value) == -1) {
			snprintf(why, size, "'%s' is no list of CALL=VALUE, "
			    "like connect=0,recv=1", text);
			return -1;
		}
	} while (*p != '\0');
	return 0;
}

void
level_words(enum level level, bool keep, const char *rewrite,
    struct control_list *l)
{
	size_t name;
	long value;

	if (level == LEVEL_NONE)
		return;
	if (level == LEVEL_PLAIN) {
		for (size_t i = 0; i < sizeof level_plain / sizeof *level_plain;
		     i++)
			control_list_add(l, "tracer=%s", level_plain[i]);
		return;
	}
	for (size_t i = 0; i < sizeof level_base / sizeof *level_base; i++)
		control_list_add(l, "tracer=%s", level_base[i]);
	control_list_add(l, "tracer=--seccomp-bpf");
	control_list_add(l, "tracer=-e");
	control_list_add(l, "tracer=%s", levels[level].set);
	/* What its calls don't show is asked of the kernel. */
	if (level == LEVEL_FLOOD)
		control_list_add(l, "sockets=often");
	control_list_add(l, "stepper=%s%s", levels[level].name,
	    keep ? ",keep" : "");
	while (rewrite != NULL && *rewrite != '\0') {
		const char *rule = rewrite;

		if (level_rule(&rewrite, &name, &value) == -1)
			break;
		control_list_add(l, "tracer=-e");
		control_list_add(l, "tracer=inject=%.*s:retval=%ld", (int)name,
		    rule, value);
	}
}
