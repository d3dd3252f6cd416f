/*
 * What dialogues say of the journal: TYPE and KEY=VALUE words against events.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "chat/dialogue.h"
#include "chat/expect.h"

/* The value at a.b.c, or NULL. */
static const json_t *
event_value(const json_t *event, const char *path)
{
	char key[64];

	while (event != NULL && *path != '\0') {
		size_t n = strcspn(path, ".");

		snprintf(key, sizeof key, "%.*s", (int)n, path);
		event = json_is_array(event) ?
		    json_array_get(event, (size_t)atoi(key)) :
		    json_object_get(event, key);
		path += n + (path[n] == '.');
	}
	return event;
}

/* Is the value written like this? */
static bool
event_equals(const json_t *value, const char *want, size_t n)
{
	char *text = value == NULL ? xstrdup("-") : json_is_string(value) ?
	    xmemdup0(json_string_value(value), json_string_length(value)) :
	    json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
	bool same = strlen(text) == n && memcmp(text, want, n) == 0;

	free(text);
	return same;
}

/* KEY=VALUE words; a value may be quoted. NULL, or what is wrong. */
static char *
event_fits(const json_t *event, const char *words, bool *fits)
{
	*fits = true;
	while (*(words += strspn(words, " ")) != '\0') {
		size_t key = strcspn(words, "= "), n;
		const char *rest;
		char path[128], *want;

		if (words[key] != '=')
			return xstrdup("KEY=VALUE is wanted");
		snprintf(path, sizeof path, "%.*s", (int)key, words);
		words += key + 1;
		if (*words == '"') {
			want = dialogue_bytes(words, &n, &rest);
			if (want == NULL)
				return xstrdup("a quoted value is broken");
		} else {
			n = strcspn(words, " ");
			want = xmemdup0(words, n);
			rest = words + n;
		}
		if (!event_equals(event_value(event, path), want, n))
			*fits = false;
		free(want);
		words = rest;
	}
	return NULL;
}

long
expect_count(json_t *events, const char *text, char **wrong)
{
	json_t *event;
	size_t i, type = strcspn(text, " ");
	long count = 0;

	json_array_foreach(events, i, event) {
		bool fits;

		if (!event_equals(json_object_get(event, "event_type"), text,
		    type))
			continue;
		if ((*wrong = event_fits(event, text + type, &fits)) != NULL)
			return -1;
		count += fits;
	}
	return count;
}

char *
expect_list(json_t *events, const char *text)
{
	json_t *event;
	size_t i, type = strcspn(text, " ");
	char *out = xstrdup("");

	json_array_foreach(events, i, event) {
		if (!event_equals(json_object_get(event, "event_type"), text,
		    type))
			continue;
		char *one = json_dumps(event, JSON_COMPACT);
		char *more = xasprintf("%s\n  %s", out, one);
		free(one);
		free(out);
		out = more;
	}
	return out;
}

