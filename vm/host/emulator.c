/*
 * Which of strace's lines are the emulator's own.
 */
#include "emulator.h"
#include "../guest/breaks.h"

/* The starts have about 350 and 5 calls; then something else is going on. */
#define EMULATOR_EXEC_MAX 700
#define EMULATOR_FORK_MAX 12

void
emulator_begin(struct emulator *e, enum emulator_phase phase)
{
	e->phase = phase;
	e->seen = 0;
}

/* What labinit has become the emulator by (vm/guest/emulate.c). */
static bool
emulator_loaded(const struct strace_line *l)
{
	return text_is(l->name, "execve") &&
	    text_find(l->args, "\"" EMULATOR_LOADER "\"") == 0;
}

/* What an emulator never does for itself: the sample runs already. */
static bool
emulator_never(const struct strace_line *l)
{
	static const char *const names[] = { "socket", "connect", "sendto",
		"recvfrom", "bind", "fork", "vfork", "execve", "exit_group",
		"kill", "write", "wait4", "unlink" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (text_is(l->name, names[i]))
			return true;
	return text_is(l->name, "clone") &&
	    text_find(l->args, "CLONE_THREAD") == -1;
}

/* The last thing that it does: a handler for the last signal, or its thread. */
static bool
emulator_last(const struct emulator *e, const struct strace_line *l)
{
	if (e->phase == EMULATOR_FORK)
		return text_is(l->name, "clone3");
	return text_is(l->name, "rt_sigaction") &&
	    text_find(l->args, "SIGRT_32, {") == 0;
}

bool
emulator_owns(struct emulator *e, const struct strace_line *l)
{
	unsigned max = e->phase == EMULATOR_EXEC ? EMULATOR_EXEC_MAX :
	    EMULATOR_FORK_MAX;

	if (e->phase == EMULATOR_SAMPLE)
		return false;
	if ((emulator_never(l) && !emulator_loaded(l)) || ++e->seen > max) {
		e->phase = EMULATOR_SAMPLE;
		return false;
	}
	if (emulator_last(e, l))
		e->phase = EMULATOR_SAMPLE;
	return true;
}
