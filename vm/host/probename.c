/*
 * What functions are called.
 */
#include <string.h>

#include "probename.h"

/* Functions whose arguments have a shape that bots share. */
static const struct {
	const char *name;
	enum probe_kind kind;
} probename_shapes[] = {
	/* Gafgyt and what descends from it. */
	{ "recvLine", PROBE_BUFFER },
	{ "processCmd", PROBE_ARGV },
	{ "initConnection", PROBE_NOTHING },
	{ "processOrder", PROBE_NUMBERS },
	/* Mirai. */
	{ "attack_parse", PROBE_NUMBERS },
	{ "attack_start", PROBE_NUMBERS },
	{ "establish_connection", PROBE_NOTHING },
	/* Tsunami, also Kaiten. */
	{ "_PRIVMSG", PROBE_NUMBERS },
	/* What handlers are called elsewhere. */
	{ "processCommand", PROBE_NUMBERS },
	{ "process_cmd", PROBE_NUMBERS },
	{ "process_command", PROBE_NUMBERS },
	{ "parseCommand", PROBE_NUMBERS },
	{ "parse_command", PROBE_NUMBERS },
	{ "parseCmd", PROBE_NUMBERS },
	{ "parse_cmd", PROBE_NUMBERS },
	{ "cmd_parse", PROBE_NUMBERS },
	{ "command_parse", PROBE_NUMBERS },
	{ "handleCommand", PROBE_NUMBERS },
	{ "handle_command", PROBE_NUMBERS },
	{ "handle_cmd", PROBE_NUMBERS },
	{ "execCommand", PROBE_NUMBERS },
	{ "execute_command", PROBE_NUMBERS },
	{ "doCommand", PROBE_NUMBERS },
	{ "do_command", PROBE_NUMBERS },
	{ "runCommand", PROBE_NUMBERS },
	{ "run_command", PROBE_NUMBERS },
};

const char *
probename_standard(size_t i)
{
	return i < sizeof probename_shapes / sizeof *probename_shapes ?
	    probename_shapes[i].name : NULL;
}

enum probe_kind
probename_kind(const char *name)
{
	for (size_t i = 0; i < sizeof probename_shapes /
	     sizeof *probename_shapes; i++)
		if (strcmp(probename_shapes[i].name, name) == 0)
			return probename_shapes[i].kind;
	return PROBE_NUMBERS;
}

/* The C library keeps to names that begin so; of its headers', some are put
 * among the sample's own: htons is __bswap_16 or __uint16_identity. */
static bool
probename_begins(const char *name)
{
	return name[0] == '_' && strncmp(name, "__bswap", 7) != 0 &&
	    strncmp(name, "__uint", 6) != 0;
}

/*
 * Is it the library's? By its name, or because it stands under a source file
 * that has such names: glibc's libc-start.o begins with handle_amd.
 */
bool
probename_library(const struct elf *elf, const struct elf_symbol *s)
{
	if (probename_begins(s->name))
		return true;
	for (size_t i = 0; s->file != 0 && i < elf->count; i++)
		if (elf->functions[i].file == s->file &&
		    probename_begins(elf->functions[i].name))
			return true;
	return false;
}

/* "__strncmp_sse4_2" is strncmp; NULL for what compares no texts. */
const char *
probename_compare(const char *name)
{
	static const char *const names[] = { "strcmp", "strncmp", "strcasecmp",
		"strncasecmp", "strcasestr", "strstr", "memcmp", "strtok" };

	name += strspn(name, "_");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t n = strlen(names[i]);

		if (strncmp(name, names[i], n) == 0 &&
		    (name[n] == '\0' || name[n] == '_') &&
		    strstr(name + n, "ifunc") == NULL)
			return names[i];
	}
	return NULL;
}

