/*
 * What the kernel's binfmt_misc executes for a program of a foreign
 * architecture ("labinit" under the name that binfmt_register gives it, then
 * the program's path and its argv): it becomes the emulator.
 *
 * A plugin needs an emulator that loads libraries. They and it lie in
 * EMULATOR_ROOM, which the cell has too, to read; the sample's own LD_ and
 * QEMU_ variables are the sample's alone.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "breaks.h"
#include "guest.h"

#define EMULATE_WORDS 4096
#define EMULATE_ENVIRON 4096

extern char **environ;

/* Is that the file whose functions are probed? */
static int
emulate_probed(const char *path)
{
	unsigned long long device, inode;
	FILE *f = fopen(PLUGIN_FILE, "re");
	char line[512];
	struct stat st;
	int found = 0;

	if (f == NULL)
		return 0;
	while (!found && fgets(line, sizeof line, f) != NULL)
		found = sscanf(line, "i %llx %llx", &device, &inode) == 2;
	fclose(f);
	return found && stat(path, &st) == 0 && st.st_dev == device &&
	    st.st_ino == inode;
}

/* A variable that would reach the emulator itself. */
static int
emulate_sample_only(const char *variable)
{
	return strncmp(variable, "LD_", 3) == 0 ||
	    strncmp(variable, "QEMU_", 5) == 0 ||
	    strncmp(variable, "GLIBC_", 6) == 0 ||
	    strncmp(variable, "G_", 2) == 0;
}

int
emulate(int argc, char **argv)
{
	static char *words[EMULATE_WORDS], *env[EMULATE_ENVIRON];
	static char loader[] = EMULATOR_LOADER, program[] = EMULATOR_PROGRAM;
	static char path[] = "--library-path", room[] = EMULATOR_ROOM;
	static char plugin[] = "-plugin", probed[] = "file=" PLUGIN_LIBRARY
	    ",probed=on", plain[] = "file=" PLUGIN_LIBRARY;
	static char preload[] = "--preload", library[] = PLUGIN_LIBRARY;
	static char set[] = "-E", name[] = "-0";
	int n = 0, variables = 0;

	if (argc < 3)
		return 127;
	words[n++] = loader;
	words[n++] = path;
	words[n++] = room;
	words[n++] = preload;
	words[n++] = library;
	words[n++] = program;
	words[n++] = plugin;
	words[n++] = emulate_probed(argv[1]) ? probed : plain;
	for (char **v = environ; *v != NULL; v++) {
		if (!emulate_sample_only(*v)) {
			if (variables < EMULATE_ENVIRON - 1)
				env[variables++] = *v;
		} else if (n < EMULATE_WORDS / 2) {
			words[n++] = set;
			words[n++] = *v;
		}
	}
	words[n++] = name;
	words[n++] = argv[2];
	words[n++] = argv[1];
	for (int i = 3; i < argc && n < EMULATE_WORDS - 1; i++)
		words[n++] = argv[i];
	execve(loader, words, env);
	fprintf(stderr, "labinit: " EMULATOR_LOADER ": %s\n", strerror(errno));
	return 127;
}
