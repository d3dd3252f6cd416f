/*
 * Reads dialogues and plays them, step by step (chat/step.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "chat/dialogue.h"
#include "chat/step.h"

#define DIALOGUE_SETTINGS 32

struct dialogue {
	char *path, *profile;
	char *settings[DIALOGUE_SETTINGS + 1];
	size_t setting_count;
	struct step *steps;
	size_t count, played;
};

/* Takes one line apart; NULL, or what is wrong with it. */
static const char *
dialogue_parse(struct dialogue *d, char *line, unsigned number)
{
	size_t n = strcspn(line, " ");
	char *rest = line + n + strspn(line + n, " ");

	if (line[n] != '\0')
		line[n] = '\0';
	if (strcmp(line, "profile") == 0) {
		free(d->profile);
		d->profile = xstrdup(rest);
		return NULL;
	}
	if (strcmp(line, "set") == 0) {
		if (d->setting_count == DIALOGUE_SETTINGS)
			return "too many settings";
		d->settings[d->setting_count++] = xstrdup(rest);
		return NULL;
	}
	const struct step_kind *kind = step_kind_find(line);

	if (kind == NULL)
		return "no such step";
	d->steps = xreallocarray(d->steps, d->count + 1, sizeof *d->steps);
	d->steps[d->count++] = (struct step){ kind, number, xstrdup(rest) };
	return NULL;
}

struct dialogue *
dialogue_read(const char *path, char **error)
{
	FILE *f = fopen(path, "re");
	struct dialogue *d;
	const char *wrong = NULL;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (f == NULL) {
		*error = xasprintf("%s: %s", path, strerror(errno));
		return NULL;
	}
	d = xcalloc(1, sizeof *d);
	d->path = xstrdup(path);
	for (unsigned number = 1; wrong == NULL &&
	    (n = getline(&line, &size, f)) > 0; number++) {
		while (n > 0 && strchr("\n\r ", line[n - 1]) != NULL)
			line[--n] = '\0';
		char *start = line + strspn(line, " \t");
		if (*start == '\0' || *start == '#')
			continue;
		if ((wrong = dialogue_parse(d, start, number)) != NULL)
			*error = xasprintf("%s:%u: %s: %s", path, number,
			    wrong, start);
	}
	free(line);
	fclose(f);
	if (wrong != NULL) {
		dialogue_free(d);
		return NULL;
	}
	return d;
}

void
dialogue_free(struct dialogue *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->count; i++)
		free(d->steps[i].text);
	for (size_t i = 0; i < d->setting_count; i++)
		free(d->settings[i]);
	free(d->steps);
	free(d->profile);
	free(d->path);
	free(d);
}

const char *
dialogue_profile(const struct dialogue *d)
{
	return d->profile;
}

const char *
dialogue_setting(const struct dialogue *d, size_t n)
{
	return n < d->setting_count ? d->settings[n] : NULL;
}

size_t
dialogue_steps(const struct dialogue *d)
{
	return d->played;
}

char *
dialogue_play(struct dialogue *d, struct stage *s)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct step *step = &d->steps[i];

		char *wrong = step_play(s, step);

		if (wrong != NULL) {
			char *text = xasprintf("%s:%u: %s: %s", d->path,
			    step->line, step_word(step), wrong);
			free(wrong);
			return text;
		}
		d->played++;
	}
	return NULL;
}
