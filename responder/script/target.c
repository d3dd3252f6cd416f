/*
 * The rules about command targets. Where address literals stand in a text is
 * the knowledge of wire/target.c.
 */
#include <stdio.h>
#include <string.h>

#include "script/target.h"
#include "wire/target.h"

int
target_allow(struct target_rules *r, const char *cidr)
{
	struct addr_prefix *p = &r->allowed[r->count];

	if (r->count == TARGET_RULES)
		return -1;
	if (strchr(cidr, '/') == NULL) {
		if (addr_parse(&p->addr, cidr) < 0)
			return -1;
		p->bits = (uint8_t)(addr_size(&p->addr) * 8);
	} else if (addr_prefix_parse(p, cidr) < 0) {
		return -1;
	}
	r->count++;
	return 0;
}

bool
target_allowed(const struct target_rules *r, const struct addr *a,
    unsigned bits)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->allowed[i].bits <= bits &&
		    addr_prefix_has(&r->allowed[i], a))
			return true;
	}
	return false;
}

/* The prefix length that follows a literal ("/8"), or 128 if none does. */
static unsigned
target_bits(const char *p, size_t n)
{
	unsigned bits = 0;

	if (n < 2 || p[0] != '/' || p[1] < '0' || p[1] > '9')
		return 128;
	for (size_t i = 1; i < n && i < 4 && p[i] >= '0' && p[i] <= '9'; i++)
		bits = bits * 10 + (unsigned)(p[i] - '0');
	return bits;
}

/* What is said of a reading that isn't allowed: with its spelling, if odd. */
static void
target_say(const struct target *t, const struct addr *a, const char *text,
    char bad[static ADDR_TEXT_SIZE])
{
	char plain[ADDR_TEXT_SIZE];

	addr_text(a, plain);
	if (t->disguised)
		snprintf(bad, ADDR_TEXT_SIZE, "%.15s (%.*s)", plain,
		    (int)(t->length < 28 ? t->length : 28), text + t->at);
	else
		memcpy(bad, plain, sizeof plain);
}

bool
target_scan(const struct target_rules *r, const void *bytes, size_t n,
    char bad[static ADDR_TEXT_SIZE])
{
	const char *text = bytes;
	size_t at = 0;
	struct target t;

	while (target_next(text, n, &at, &t)) {
		unsigned bits = target_bits(text + at, n - at);

		for (unsigned i = 0; i < t.count; i++) {
			if (!target_allowed(r, &t.readings[i], bits)) {
				target_say(&t, &t.readings[i], text, bad);
				return false;
			}
		}
	}
	return true;
}
