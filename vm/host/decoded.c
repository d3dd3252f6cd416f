/*
 * Texts in memory that the file has not.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/xmalloc.h"
#include "decoded.h"
#include "protocol.h"

/* Shorter ones are mostly numbers that look like text. */
#define DECODED_MIN 6
#define DECODED_MAX 200 /* bytes of one that are kept */
#define DECODED_COUNT 200 /* of one mapping */
/* Texts of one mapping that are looked for in the file, which takes time. */
#define DECODED_LOOKED_FOR 2000

struct decoded_text {
	uint64_t address;
	size_t n;
	char text[DECODED_MAX];
};

struct decoded {
	const void *file;
	size_t n;
	const char *const *known;
	uint64_t address; /* of the next byte */
	struct decoded_text now; /* the one that is being read */
	struct decoded_text found[DECODED_COUNT];
	size_t count;
	unsigned looked_for;
};

struct decoded *
decoded_new(const void *file, size_t n, const char *const *known)
{
	struct decoded *d = xcalloc(1, sizeof *d);

	d->file = file;
	d->n = n;
	d->known = known;
	return d;
}

void
decoded_free(struct decoded *d)
{
	free(d);
}

void
decoded_begin(struct decoded *d, uint64_t address)
{
	d->address = address;
	d->now.n = d->count = d->looked_for = 0;
}

/* Was the sample given this text, or a longer one that ends so? */
static bool
decoded_given(const char *const *list, const struct decoded_text *t)
{
	for (; *list != NULL; list++) {
		size_t n = strlen(*list);

		if (n >= t->n && memcmp(*list + n - t->n, t->text, t->n) == 0)
			return true;
	}
	return false;
}

/*
 * Is it worth a look? Words of code and addresses read as text now and then,
 * but seldom as letters in a row.
 */
static bool
decoded_likely(const struct decoded_text *t)
{
	size_t row = 0, longest = 0;

	for (size_t i = 0; i < t->n; i++) {
		unsigned char c = (unsigned char)t->text[i];
		bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';

		row = letter || (c >= '0' && c <= '9') ? row + 1 : 0;
		if (row > longest)
			longest = row;
	}
	return longest >= 4;
}

/* A text is over: keeps it if the file has not got it. */
static void
decoded_text(struct decoded *d)
{
	static const char *const environment[] = { CELL_ENVIRONMENT, NULL };
	const struct decoded_text *t = &d->now;

	if (t->n < DECODED_MIN || d->count == DECODED_COUNT ||
	    !decoded_likely(t) || decoded_given(environment, t) ||
	    decoded_given(d->known, t))
		return;
	for (size_t i = 0; i < d->count; i++)
		if (d->found[i].n == t->n &&
		    memcmp(d->found[i].text, t->text, t->n) == 0)
			return;
	if (d->looked_for++ >= DECODED_LOOKED_FOR ||
	    memmem(d->file, d->n, t->text, t->n) != NULL)
		return;
	d->found[d->count++] = *t;
}

void
decoded_data(struct decoded *d, const void *data, size_t n)
{
	const unsigned char *p = data;

	for (; n > 0; p++, n--, d->address++) {
		if ((*p >= ' ' && *p <= '~') || *p == '\t') {
			if (d->now.n == 0)
				d->now.address = d->address;
			if (d->now.n < DECODED_MAX)
				d->now.text[d->now.n++] = (char)*p;
			continue;
		}
		if (d->now.n > 0)
			decoded_text(d);
		d->now.n = 0;
	}
}

void
decoded_end(struct decoded *d, struct jsonw *j)
{
	if (d->now.n > 0)
		decoded_text(d);
	d->now.n = 0;
	if (d->count == 0)
		return;
	jsonw_array(j, "strings");
	for (size_t i = 0; i < d->count; i++) {
		char *text = xmemdup0(d->found[i].text, d->found[i].n);

		jsonw_object(j, NULL);
		jsonw_uint(j, "address", d->found[i].address);
		jsonw_string(j, "text", text);
		jsonw_object_end(j);
		free(text);
	}
	jsonw_array_end(j);
}
