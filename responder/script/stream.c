/*
 * Commands, on their way to the sample. Whoever sends one, a profile or a
 * person, goes through here: nothing else gives a command its number, and
 * nothing else decides whether its target may be named.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/xmalloc.h"
#include "net/conn.h"
#include "record/device_link.h"
#include "record/session.h"
#include "script/stream.h"
#include "script/target.h"

/* Bytes of a first word that make a name. */
#define STREAM_NAME_MAX 32

bool
stream_sendable(const struct stream *s)
{
	return s->conn != NULL && conn_sendable(s->conn);
}

/* What the device will be told of a command when it has been handled. */
static char *
stream_word_of(uint64_t id, const struct session_command *c)
{
	struct jsonw w = { 0 };
	char *line;

	jsonw_object(&w, NULL);
	jsonw_string(&w, "event_type", "handled");
	jsonw_uint(&w, "command", id);
	jsonw_object(&w, "command_info");
	if (c->name != NULL)
		jsonw_string(&w, "name", c->name);
	jsonw_bytes(&w, "text", "base64", c->bytes, c->length);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	jsonw_line_end(&w);
	line = xmemdup0(w.data, w.length);
	jsonw_free(&w);
	return line;
}

void
stream_handled(struct stream *s, struct device_link *device)
{
	if (device != NULL && s->untold != NULL)
		device_link_handled(device, s->untold);
	free(s->untold);
	s->untold = NULL;
}

static bool
stream_is_word(char c)
{
	return c > ' ' && c < 0x7f;
}

/*
 * The first word with a letter in it, as a command's name ("!* UDP …" is UDP);
 * "" if there is none.
 */
static void
stream_first_word(const struct command *c, char name[STREAM_NAME_MAX + 1])
{
	const char *text = c->bytes, *end = text + c->length;
	bool letter = false;
	size_t n = 0;

	for (; text < end && (stream_is_word(*text) || !letter); text++) {
		if (!stream_is_word(*text)) {
			n = 0;
			continue;
		}
		letter = letter || isalpha((unsigned char)*text);
		if (n < STREAM_NAME_MAX)
			name[n++] = *text;
	}
	name[letter ? n : 0] = '\0';
}

/* Is all that the command names allowed? Otherwise bad is the first that isn't. */
static bool
stream_may_name(const struct target_rules *r, const struct command *c,
    char bad[static ADDR_TEXT_SIZE])
{
	return target_scan(r, c->bytes, c->length, bad) &&
	    (c->target == NULL ||
	    target_scan(r, c->target, strlen(c->target), bad)) &&
	    (c->words == NULL ||
	    target_scan(r, c->words, c->words_length, bad));
}

uint64_t
stream_command(struct stream *s, const struct target_rules *rules,
    const struct command *c, char why[static STREAM_WHY_SIZE])
{
	static const char prefix[] = "refused: ";
	char bad[ADDR_TEXT_SIZE], word[STREAM_NAME_MAX + 1];
	struct session_command info = { c->bytes, c->length, c->name,
		c->target, c->words, c->words_length, c->by, c->seconds,
		NULL };
	uint64_t id;

	if (!stream_sendable(s)) {
		snprintf(why, STREAM_WHY_SIZE, "closed");
		return 0;
	}
	if (c->name == NULL) {
		stream_first_word(c, word);
		info.name = word[0] != '\0' ? word : NULL;
	}
	if (!stream_may_name(rules, c, bad)) {
		snprintf(why, STREAM_WHY_SIZE, "%s%s is outside the lab "
		    "(--allow-target would allow it)", prefix, bad);
		info.refused = why + sizeof prefix - 1;
		session_command(s->session, &info);
		return 0;
	}
	id = s->command = session_command(s->session, &info);
	int status = conn_send(s->conn, c->bytes, c->length);

	s->command = 0;
	if (c->by == NULL) { /* whose profile says when it is handled */
		free(s->untold);
		s->untold = status < 0 ? NULL : stream_word_of(id, &info);
	}
	if (status < 0)
		snprintf(why, STREAM_WHY_SIZE, "closed");
	return status < 0 ? 0 : id;
}
