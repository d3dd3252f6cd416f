/*
 * What a program can't do any more once it has given up its rights. Each case
 * is a child of its own, as there is no way back.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rights.h"

static char folder[] = "/tmp/test_rights.XXXXXX";

/* A new file; 0, or errno. */
static int
make(const char *dir, const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	close(fd);
	unlink(path);
	return 0;
}

static int
executes(void)
{
	char name[] = "/bin/true", *argv[] = { name, NULL };

	execv(name, argv);
	return errno == EPERM || errno == EACCES ? 0 : errno;
}

static int
kills(void)
{
	return kill(getppid(), 0) == -1 && errno == EPERM ? 0 : 1;
}

static int
writes_its_folder(void)
{
	char files[64];

	/* Payloads go to files/; only who owns the folder needs more. */
	snprintf(files, sizeof files, "%s/files", folder);
	return make(files, "payload");
}

/* The folder above, which every user may write in; where Landlock is. */
static int
writes_elsewhere(void)
{
	char name[64];

	snprintf(name, sizeof name, "test_rights.%d", (int)getpid());
	return make("/tmp", name) == EACCES ? 0 : 1;
}

static int
reads_on(void)
{
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	return fd >= 0 ? 0 : errno;
}

/* Runs a case in a child that has the role's rights; its exit code. */
static int
without(enum rights_role role, int (*what)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		log_open("test_rights", LOG_ERROR);
		_exit(rights_drop(role, folder) < 0 ? 99 : what());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
both_roles(void **state)
{
	(void)state;
	for (int role = RIGHTS_RECORDER; role <= RIGHTS_RESPONDER; role++) {
		enum rights_role r = (enum rights_role)role;

		assert_int_equal(without(r, executes), 0);
		assert_int_equal(without(r, kills), 0);
		assert_int_equal(without(r, writes_its_folder), 0);
		assert_int_equal(without(r, reads_on), 0);
	}
}

static int
lacks_landlock(void)
{
	return writes_elsewhere() == 0 ? 0 : 77;
}

static void
nothing_elsewhere(void **state)
{
	(void)state;
	/* The kernel may have none, or not enabled it. */
	if (without(RIGHTS_RECORDER, lacks_landlock) == 77)
		skip();
	assert_int_equal(without(RIGHTS_RESPONDER, writes_elsewhere), 0);
}

static int
setup(void **state)
{
	char files[64];

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(files, sizeof files, "%s/files", folder);
	return mkdir(files, 0700);
}

static int
teardown(void **state)
{
	char files[64];

	(void)state;
	snprintf(files, sizeof files, "%s/files", folder);
	return rmdir(files) < 0 || rmdir(folder) < 0 ? -1 : 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_roles),
		cmocka_unit_test(nothing_elsewhere),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
