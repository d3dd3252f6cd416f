/*
 * How bytes are written in dialogues: "text\n" with escapes, or hex 00 01.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"
#include "chat/dialogue.h"

static int
bytes_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Two digits at p, or -1. */
static int
bytes_pair(const char *p)
{
	int high = bytes_digit(p[0]);
	int low = high < 0 ? -1 : bytes_digit(p[1]);

	return low < 0 ? -1 : high << 4 | low;
}

/* What stands behind a backslash; moves on past it. -1 if unknown. */
static int
bytes_escape(const char **p)
{
	static const char names[] = "nrt0\\\"", values[] = "\n\r\t\0\\\"";
	const char *at;
	int c;

	if (**p == 'x' && (c = bytes_pair(*p + 1)) >= 0) {
		*p += 3;
		return c;
	}
	if (**p == '\0' || (at = strchr(names, **p)) == NULL)
		return -1;
	(*p)++;
	return (unsigned char)values[at - names];
}

static char *
bytes_quoted(const char *text, size_t *n, const char **rest)
{
	char *out = xmalloc(strlen(text) + 1);
	const char *p = text + 1;

	for (*n = 0; *p != '"'; (*n)++) {
		int c = *p == '\0' ? -1 : (unsigned char)*p;

		if (c == '\\') {
			p++;
			c = bytes_escape(&p);
		} else {
			p++;
		}
		if (c < 0) {
			free(out);
			return NULL;
		}
		out[*n] = (char)c;
	}
	*rest = p + 1;
	return out;
}

char *
dialogue_bytes(const char *text, size_t *n, const char **rest)
{
	char *out;
	int c;

	while (*text == ' ')
		text++;
	if (*text == '"')
		return bytes_quoted(text, n, rest);
	if (strncmp(text, "hex", 3) != 0)
		return NULL;
	out = xmalloc(strlen(text) + 1);
	for (*n = 0, text += 3;; text += 2) {
		while (*text == ' ')
			text++;
		if ((c = bytes_pair(text)) < 0)
			break;
		out[(*n)++] = (char)c;
	}
	*rest = text;
	return out;
}

char *
dialogue_quote(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	char *out = xmalloc(n * 4 + 3), *at = out;

	*at++ = '"';
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n')
			at = stpcpy(at, "\\n");
		else if (p[i] == '\r')
			at = stpcpy(at, "\\r");
		else if (p[i] == '\t')
			at = stpcpy(at, "\\t");
		else if (p[i] == '"' || p[i] == '\\')
			at += sprintf(at, "\\%c", p[i]);
		else if (p[i] < ' ' || p[i] > '~')
			at += sprintf(at, "\\x%02x", p[i]);
		else
			*at++ = (char)p[i];
	}
	*at++ = '"';
	*at = '\0';
	return out;
}
