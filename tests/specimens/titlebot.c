/*
 * titlebot: calls itself something else, as bots do so that ps shows nothing
 * odd: writes over its argv, names itself, and has a child that does so later.
 * It sends nothing anywhere. It refuses to run outside the lab (common.h).
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

/* All of argv is one row of bytes: the title, and zeros behind it. */
static void
callMe(int argc, char **argv, const char *title)
{
	size_t size = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - argv[0]);

	memset(argv[0], 0, size);
	strncpy(argv[0], title, size);
}

int
main(int argc, char **argv)
{
	pid_t child;

	labGuard("titlebot");
	callMe(argc, argv, "[kworker/0:1]");
	prctl(PR_SET_NAME, "kworker/0:1", 0, 0, 0);
	child = fork();
	if (child == 0) {
		sleep(1);
		callMe(argc, argv, "-sh");
		sleep(1);
		return 0;
	}
	waitpid(child, NULL, 0);
	return 0;
}
