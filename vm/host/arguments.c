/*
 * The arguments of a probed function.
 */
#include <stdio.h>
#include <stdlib.h>

#include "arguments.h"
#include "base/xmalloc.h"

/* Shorter texts are found among what was received by chance. */
#define ARGUMENTS_TAKEN_MIN 3

/* Is it text that a person would take for text? A word that is no pointer
 * to any reads as a few odd bytes. */
static bool
arguments_printable(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((text[i] < ' ' && text[i] != '\n' && text[i] != '\r' &&
			text[i] != '\t') || text[i] > '~')
			return false;
	return n > 1;
}

/* The field called by a letter and a number; NULL if there is none. */
static const struct tracebuf_field *
arguments_field(const struct arguments *a, char letter, int number)
{
	char name[16];

	snprintf(name, sizeof name, "%c%d", letter, number);
	return tracebuf_field(&a->probe->entry, name);
}

static const char *
arguments_text(const struct arguments *a, char letter, int number, size_t *n)
{
	const struct tracebuf_field *f = arguments_field(a, letter, number);

	return f == NULL ? NULL : tracebuf_text(a->order, a->event, f, n);
}

/* A number by its field's name; false if it isn't there. */
static bool
arguments_number(const struct arguments *a, const char *name, int64_t *v)
{
	const struct tracebuf_field *f = tracebuf_field(&a->probe->entry, name);

	return f != NULL && tracebuf_number(a->order, a->event, f, v) == 0;
}

static bool
arguments_taken(const struct arguments *a, const char *text, size_t n)
{
	return n >= ARGUMENTS_TAKEN_MIN && arguments_printable(text, n) &&
	    received_has(a->received, text, n);
}

/* How many words of an argv are its own: those behind are what an earlier
 * command left. */
static int
arguments_words(const struct arguments *a)
{
	int64_t count;

	if (!arguments_number(a, "argc", &count) || count < 0)
		return 0;
	return count < PROBE_WORDS ? (int)count : PROBE_WORDS;
}

/*
 * The text that an argument points to, or that the pointer there points to;
 * NULL if neither reads as text. What was received goes before what reads as
 * text by chance: a pointer's own bytes may, and what lies behind two.
 */
static const char *
arguments_pointed(const struct arguments *a, int number, size_t *n)
{
	size_t near_n = 0, far_n = 0;
	const char *near = arguments_text(a, 's', number, &near_n);
	const char *far = arguments_text(a, 'q', number, &far_n);

	if (near != NULL && !arguments_printable(near, near_n))
		near = NULL;
	if (far != NULL && (far_n < ARGUMENTS_TAKEN_MIN ||
		!arguments_printable(far, far_n)))
		far = NULL;
	if (far != NULL && (near == NULL || (arguments_taken(a, far, far_n) &&
		!arguments_taken(a, near, near_n)))) {
		*n = far_n;
		return far;
	}
	*n = near_n;
	return near;
}

bool
arguments_received(const struct arguments *a)
{
	const char *text;
	size_t n;

	/* What lies where a third would is mostly left over. */
	for (int i = 0; a->probe->kind == PROBE_NUMBERS && i < 2; i++)
		if ((text = arguments_pointed(a, i, &n)) != NULL &&
		    arguments_taken(a, text, n))
			return true;
	for (int i = 0; a->probe->kind == PROBE_ARGV && i < arguments_words(a);
	     i++)
		if ((text = arguments_text(a, 'w', i, &n)) != NULL &&
		    arguments_taken(a, text, n))
			return true;
	return false;
}

/* Adds text that is not ended by a NUL. */
static void
arguments_put(struct jsonw *j, const char *text, size_t n)
{
	char *copy = xmemdup0(text, n);

	jsonw_string(j, NULL, copy);
	free(copy);
}

/* (int argc, char *argv[]). */
static void
arguments_argv(const struct arguments *a, struct jsonw *j)
{
	int64_t count;

	if (arguments_number(a, "argc", &count))
		jsonw_int(j, NULL, count);
	for (int i = 0; i < arguments_words(a); i++) {
		size_t n;
		const char *text = arguments_text(a, 'w', i, &n);

		if (text != NULL)
			arguments_put(j, text, n);
		else
			jsonw_null(j, NULL);
	}
}

/* A function that is not known better. How many a function of the sample's
 * own takes is not known either: two are told. */
static void
arguments_plain(const struct arguments *a, struct jsonw *j)
{
	for (int i = 0; i < (a->probe->entry_only ? 2 : 4); i++) {
		size_t n;
		const char *text = arguments_pointed(a, i, &n);
		const struct tracebuf_field *f = arguments_field(a, 'a', i);
		int64_t v;

		if (text != NULL)
			arguments_put(j, text, n);
		else if (f != NULL &&
		    tracebuf_number(a->order, a->event, f, &v) == 0)
			jsonw_int(j, NULL, v);
	}
}

void
arguments_write(const struct arguments *a, struct jsonw *j)
{
	int64_t v;

	jsonw_array(j, "args");
	if (a->probe->kind == PROBE_ARGV)
		arguments_argv(a, j);
	if (a->probe->kind == PROBE_NUMBERS)
		arguments_plain(a, j);
	if (arguments_number(a, "fd", &v))
		jsonw_int(j, NULL, v);
	if (arguments_number(a, "size", &v))
		jsonw_int(j, NULL, v);
	jsonw_array_end(j);
}
