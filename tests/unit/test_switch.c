/*
 * Basic blocks of a function with a switch, as each cross compiler that is
 * here writes it, position-independent or not: the same blocks as objdump's
 * listing has. Objdump doesn't follow tables of jumps, but what stands behind
 * a jump and is no filling is only reached by another: it begins a block, too.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/xmalloc.h"
#include "blocks.h"

#define CASES 20

static char folder[] = "/tmp/kage-switch-XXXXXX";

/* What objdump's listing says of one instruction. */
struct listed {
	uint64_t at;
	bool lead;
};

struct listing {
	struct listed list[2000];
	size_t count;
};

static int
in_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
clean(void **state)
{
	static const char *const names[] = { "switch.c", "switch" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char *path = xasprintf("%s/%s", folder, names[i]);

		unlink(path);
		free(path);
	}
	return rmdir(folder);
}

/* How the compiler is told to write each function. */
static const struct way {
	const char *function, *level;
	bool call; /* the switch stands behind a call */
} ways[] = {
	{ "plain", "O0", false },
	{ "plain_kept", "O0", true },
	{ "fast", "O2", false },
	{ "fast_kept", "O2", true },
	{ "small_kept", "Os", true },
};
#define WAYS (sizeof ways / sizeof *ways)

/* A switch of which each case calls a function of its own. */
static void
write_function(FILE *f, const struct way *w)
{
	fprintf(f, "__attribute__((optimize(\"%s\"))) int %s(int n, int x)\n"
		   "{\n\tint z = 0;\n", w->level, w->function);
	if (w->call)
		fprintf(f, "\tn = a%d(n); z = a%d(x);\n", CASES, CASES);
	fputs("\tswitch (n) {\n", f);
	for (int i = 0; i < CASES; i++)
		fprintf(f, "\tcase %d: %s a%d(x + z)%s; %s\n", i + 3,
		    i % 3 == 0 ? "return" : "x +=", i, i % 2 == 0 ? " * 3" :
		    " ^ x", i % 3 == 0 ? "" : "break;");
	fputs("\tdefault: return -1;\n\t}\n\treturn x + a0(x) + z;\n}\n", f);
}

static void
write_source(void)
{
	char *path = xasprintf("%s/switch.c", folder);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs("#define OWN __attribute__((noinline, noclone, "
	      "visibility(\"hidden\")))\nvolatile int v;\n", f);
	for (int i = 0; i <= CASES; i++)
		fprintf(f, "OWN int a%d(int x) { return v + x * %d; }\n", i,
		    i + 3);
	for (size_t i = 0; i < WAYS; i++)
		write_function(f, &ways[i]);
	fputs("void _start(void) { for (;;) v++; }\n"
	      "void __start(void) { _start(); }\n", f);
	assert_int_equal(fclose(f), 0);
	free(path);
}

static bool
run(char *command)
{
	int status = system(command);

	free(command);
	return status == 0;
}

static void *
read_file(size_t *n)
{
	char *path = xasprintf("%s/switch", folder);
	FILE *f = fopen(path, "rb");
	uint8_t *data = xmalloc(1 << 20);

	free(path);
	assert_non_null(f);
	*n = fread(data, 1, 1 << 20, f);
	fclose(f);
	return data;
}

static struct listed *
listed_at(struct listing *l, uint64_t at)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->list[i].at == at)
			return &l->list[i];
	return NULL;
}

static bool
one_of(const char *name, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(name, *list) == 0)
			return true;
	return false;
}

/* What an instruction of objdump's does: where it jumps (0: nowhere that it
 * says), and whether a block begins behind it. */
static bool
listed_ends(const char *name, const char *operands, uint64_t *target)
{
	static const char *const calls[] = { "bl", "blx", "bal", "jal", "jalr",
		"break", "bic", "bics", "bfi", "bfc", "blr", NULL };
	static const char *const ends[] = { "ret", "br", "bx", "jr", "tbb",
		"tbh", "jmp", "ud2", NULL };
	const char *at;

	*target = 0;
	if (one_of(name, calls))
		return false;
	if (strstr(operands, "pc}") != NULL || one_of(name, ends) ||
	    ((strncmp(name, "ldr", 3) == 0 || strncmp(name, "add", 3) == 0 ||
		 strncmp(name, "mov", 3) == 0) &&
		strncmp(operands, "\tpc,", 4) == 0)) {
		if (strcmp(name, "jmp") != 0)
			return true;
	} else if (name[0] != 'j' && name[0] != 'b' &&
	    strncmp(name, "cb", 2) != 0 && strncmp(name, "tbz", 3) != 0 &&
	    strncmp(name, "tbnz", 4) != 0) {
		return false;
	}
	if ((at = strchr(operands, '<')) != NULL) {
		while (at > operands && at[-1] == ' ')
			at--;
		while (at > operands && isxdigit((unsigned char)at[-1]))
			at--;
		*target = strtoull(at, NULL, 16);
	}
	return true;
}

/* What stands between functions and cases to align them. */
static bool
listed_fills(const char *name, const char *operands)
{
	static const char *const fills[] = { "nop", "nopw", "nopl", "cs",
		"data16", "xchg", "nop.w", ".word", ".short", ".byte",
		".inst", NULL };

	return one_of(name, fills) || (strcmp(name, "lea") == 0 &&
	    strncmp(operands, "    0x0(", 8) == 0) ||
	    (strncmp(name, "mov", 3) == 0 && (strcmp(operands,
		"\tr8, r8\n") == 0 || strcmp(operands, "\tr0, r0\n") == 0));
}

/* Reads objdump's listing of the function, with the blocks that its direct
 * jumps make. */
static void
read_listing(struct listing *l, const char *triple, const char *function,
    bool delayed)
{
	char *command = xasprintf("%s-objdump -d --no-show-raw-insn "
	    "--disassemble=%s %s/switch", triple, function, folder);
	FILE *f = popen(command, "r");
	uint64_t targets[2000];
	size_t target_n = 0, behind = 0;
	char line[256];

	free(command);
	assert_non_null(f);
	l->count = 0;
	while (fgets(line, sizeof line, f) != NULL) {
		char *colon = strchr(line, ':'), *end, name[16] = "";
		uint64_t at = strtoull(line, &end, 16);
		const char *operands;

		if (colon == NULL || end != colon ||
		    sscanf(colon + 1, " %15s", name) != 1 || l->count == 2000)
			continue;
		operands = strstr(colon, name) + strlen(name);
		if (listed_fills(name, operands) && behind != 2)
			continue;
		l->list[l->count] = (struct listed) { at, l->count == 0 ||
			behind == 1 };
		l->count++;
		behind -= behind > 0;
		if (listed_ends(name, operands, &targets[target_n]))
			behind = delayed ? 2 : 1;
		target_n += targets[target_n] != 0;
	}
	pclose(f);
	for (size_t i = 0; i < target_n; i++) {
		struct listed *to = listed_at(l, targets[i]);

		/* Part of it may stand elsewhere. */
		if (targets[i] < l->list[0].at ||
		    targets[i] > l->list[l->count - 1].at)
			continue;
		if (to == NULL)
			fail_msg("no instruction at %llx",
			    (unsigned long long)targets[i]);
		else
			to->lead = true;
	}
}

/* A line of what is wrong with the blocks; empty if nothing is. */
static void
compare(const struct blocks *b, struct listing *l, char *wrong, size_t size)
{
	size_t found = 0, more = 0, want = 0;

	*wrong = '\0';
	for (size_t i = 0; i < b->count; i++) {
		struct listed *x = listed_at(l, b->list[i].address);
		unsigned n, cases = 0;

		if (x == NULL)
			snprintf(wrong, size, "0x%llx is no instruction",
			    (unsigned long long)b->list[i].address);
		else if (x->lead)
			found++;
		else
			more++;
		for (size_t k = 0; k < BLOCKS_CALLS &&
		     b->list[i].calls[k] != NULL; k++)
			cases += sscanf(b->list[i].calls[k], "a%u", &n) == 1 &&
			    n > 0 && n < CASES;
		if (cases > 1)
			snprintf(wrong, size, "two cases in block 0x%llx",
			    (unsigned long long)b->list[i].address);
	}
	for (size_t i = 0; i < l->count; i++)
		want += l->list[i].lead;
	if (found != want)
		snprintf(wrong, size, "%zu of objdump's %zu blocks",
		    found, want);
	/* Cases into which one falls from the one before. */
	if (more > 3)
		snprintf(wrong, size, "%zu more than objdump's", more);
	if (b->indirect != 0 || b->guessed != 0)
		snprintf(wrong, size, "%u unknown, %u guessed, first 0x%llx",
		    b->indirect, b->guessed,
		    (unsigned long long)b->unknown[0]);
}

/* One function. */
static void
check(const struct elf *e, const char *triple, const struct way *w,
    char *wrong, size_t size)
{
	static struct listing l;
	const struct elf_symbol *s = elf_function(e, w->function);
	struct blocks b;

	assert_non_null(s);
	assert_int_equal(s->thumb, strcmp(triple, "arm-linux-gnueabihf") == 0);
	read_listing(&l, triple, w->function, strncmp(triple, "mips", 4) == 0);
	assert_true(l.count > CASES * 2);
	if (blocks_find(&b, e, s->address, s->size, s->thumb, wrong, size) ==
	    0) {
		compare(&b, &l, wrong, size);
		blocks_free(&b);
	}
}

/* All ways to build it for one architecture. */
static void
architecture(void **state)
{
	static const char *const modes[] = { "-fno-pic -no-pie -static",
		"-fPIC -shared", "-fPIC -static" };
	const char *triple = *state;
	unsigned failed = 0;

	if (!run(xasprintf("command -v %s-gcc >/dev/null && "
			   "command -v %s-objdump >/dev/null", triple,
		triple))) {
		print_message("no compiler for %s\n", triple);
		skip();
	}
	write_source();
	for (size_t m = 0; m < 3; m++) {
		char wrong[100] = "";
		struct elf e;
		size_t n;
		void *data;

		assert_true(run(xasprintf("%s-gcc -w -nostdlib -nostartfiles "
		    "%s -o %s/switch %s/switch.c", triple, modes[m], folder,
		    folder)));
		data = read_file(&n);
		assert_int_equal(elf_open(&e, data, n, wrong, sizeof wrong),
		    0);
		for (size_t i = 0; i < WAYS; i++) {
			check(&e, triple, &ways[i], wrong, sizeof wrong);
			if (*wrong != '\0')
				print_error("%s %s, %s: %s\n", triple,
				    modes[m], ways[i].function, wrong);
			failed += *wrong != '\0';
		}
		elf_close(&e);
		free(data);
	}
	assert_int_equal(failed, 0);
}

#define ARCHITECTURE(triple) \
	{ triple, architecture, NULL, NULL, (void *)(uintptr_t)triple }

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ARCHITECTURE("i686-linux-gnu"),
		ARCHITECTURE("x86_64-linux-gnu"),
		ARCHITECTURE("arm-linux-gnueabi"),
		ARCHITECTURE("arm-linux-gnueabihf"),
		ARCHITECTURE("aarch64-linux-gnu"),
		ARCHITECTURE("mipsel-linux-gnu"),
		ARCHITECTURE("mips64el-linux-gnuabi64"),
	};

	return cmocka_run_group_tests(tests, in_folder, clean);
}
