/*
 * What the tracer says of itself.
 */
#include <stdio.h>
#include <string.h>

#include "events.h"
#include "step.h"

int
step_parse(struct step *s, const char *line, size_t n)
{
	char text[200], what[8], from[10], to[10], more[10] = "";
	long long pid, seconds, value;
	int at, nano;

	memset(s, 0, sizeof *s);
	if (n >= sizeof text || memchr(line, '\0', n) != NULL)
		return -1;
	memcpy(text, line, n);
	text[n] = '\0';
	if (sscanf(text, "%7[a-z] %9lld %10lld.%9d %n", what, &pid, &seconds,
		&nano, &at) != 4 || pid <= 0 || seconds < 0 || nano < 0)
		return -1;
	s->pid = pid;
	s->time = seconds * 1000000000 + nano;
	if (strcmp(what, "level") == 0) {
		s->kind = STEP_LEVEL;
		if (sscanf(text + at, "%9s %9s %10lld %15[a-z]", from, to,
			&value, s->reason) != 4)
			return -1;
		s->rate = value;
		return level_parse(from, &s->from) == -1 ||
		    level_parse(to, &s->to) == -1 || value < 0 ? -1 : 0;
	}
	if (sscanf(text + at, "%18lld %9[a-z]", &value, more) < 1 || value <= 0)
		return -1;
	s->child = s->ran = value;
	s->thread = strcmp(more, "thread") == 0;
	s->kind = strcmp(what, "fork") == 0 ? STEP_FORK : STEP_BUSY;
	return s->kind == STEP_FORK || strcmp(what, "busy") == 0 ? 0 : -1;
}

void
step_write(const struct step *s, const struct callevent *out)
{
	const char *type = s->kind == STEP_LEVEL ? "level" : "unseen";
	struct jsonw *j = events_begin(out->events,
	    guestclock_from_wall(out->clock, s->time), type);

	jsonw_int(j, "pid", s->pid);
	jsonw_object(j, type);
	if (s->kind == STEP_LEVEL) {
		/* Without a rate it is the way back. */
		jsonw_string(j, "state", s->rate > 0 ? "down" : "up");
		jsonw_string(j, "from", level_name(s->from));
		jsonw_string(j, "to", level_name(s->to));
		jsonw_int(j, "rate", s->rate);
		jsonw_string(j, "reason", s->reason);
	} else {
		jsonw_real(j, "ran", (double)s->ran / 1e9);
	}
	jsonw_object_end(j);
	events_end(out->events);
}
