/*
 * A function's arguments: each once, as the text that it leads to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arguments.h"

static const struct tracebuf_order order = { false, 4 };

/* An event whose fields are given one by one; NULL: could not be read. */
struct entry {
	struct probe probe;
	uint8_t data[256];
	size_t n; /* bytes of texts so far */
};

static struct tracebuf_field *
field(struct entry *e, const char *name, bool text)
{
	struct tracebuf_format *f = &e->probe.entry;
	struct tracebuf_field *new = &f->fields[f->count];

	*new = (struct tracebuf_field) { .offset = (uint16_t)(f->count * 4),
		.size = 4, .text = text };
	snprintf(new->name, sizeof new->name, "%s", name);
	f->count++;
	return new;
}

static void
number(struct entry *e, const char *name, uint32_t v)
{
	memcpy(e->data + field(e, name, false)->offset, &v, 4);
}

static void
text(struct entry *e, const char *name, const char *s)
{
	struct tracebuf_field *f = field(e, name, true);
	size_t n = s == NULL ? 0 : strlen(s) + 1;
	uint32_t where = (uint32_t)(n << 16 | (100 + e->n));

	memcpy(e->data + f->offset, &where, 4);
	if (s != NULL)
		memcpy(e->data + 100 + e->n, s, n);
	e->n += n;
}

static void
word(struct entry *e, int i, uint32_t v, const char *near, const char *far)
{
	char name[8];

	snprintf(name, sizeof name, "a%d", i);
	number(e, name, v);
	name[0] = 's';
	text(e, name, near);
	name[0] = 'q';
	text(e, name, far);
}

/* What is told of the arguments, and whether they were received. */
static void
expect(struct entry *e, const char *came, bool taken, const char *told)
{
	struct received r = { 0 };
	struct tracebuf_event event = { .data = e->data, .n = sizeof e->data };
	struct arguments a = { &e->probe, &order, &event, &r };
	struct jsonw j = { 0 };

	received_add(&r, came, strlen(came));
	assert_int_equal(arguments_received(&a), taken);
	jsonw_object(&j, NULL);
	arguments_write(&a, &j);
	jsonw_object_end(&j);
	assert_int_equal(j.length, strlen(told));
	assert_memory_equal(j.data, told, j.length);
	jsonw_free(&j);
}

static void
once(void **state)
{
	struct entry e = { .probe = { .kind = PROBE_NUMBERS } };

	(void)state;
	word(&e, 0, 3217104416, "UDP", NULL);
	word(&e, 1, 3217104600, "\x30\x84\xc1\xbf", "198.18.0.1");
	word(&e, 2, 512, NULL, NULL);
	word(&e, 3, 3217104700, "x", "ab");
	expect(&e, "!* UDP 198.18.0.1", true,
	    "{\"args\":[\"UDP\",\"198.18.0.1\",512,3217104700]}");
	expect(&e, "PING", false,
	    "{\"args\":[\"UDP\",\"198.18.0.1\",512,3217104700]}");
	/* Of the sample's own functions, two. */
	e.probe.entry_only = true;
	expect(&e, "!* UDP 198.18.0.1", true,
	    "{\"args\":[\"UDP\",\"198.18.0.1\"]}");
}

static void
by_chance(void **state)
{
	struct entry e = { .probe = { .kind = PROBE_NUMBERS,
				   .entry_only = true } };

	(void)state;
	/* A pointer whose bytes read as letters, to what was received. */
	word(&e, 0, 0x8049000, "@ABC", "HTTP");
	word(&e, 1, 7, NULL, NULL);
	expect(&e, "!* HTTP", true, "{\"args\":[\"HTTP\",7]}");
	expect(&e, "!* PING", false, "{\"args\":[\"@ABC\",7]}");
}

static void
third(void **state)
{
	struct entry e = { .probe = { .kind = PROBE_NUMBERS,
				   .entry_only = true } };

	(void)state;
	word(&e, 0, 1, NULL, NULL);
	word(&e, 1, 2, NULL, NULL);
	word(&e, 2, 3217104416, "left over", NULL);
	expect(&e, "left over", false, "{\"args\":[1,2]}");
}

static void
argv(void **state)
{
	struct entry e = { .probe = { .kind = PROBE_ARGV } };

	(void)state;
	number(&e, "argc", 3);
	text(&e, "w0", "TCP");
	text(&e, "w1", NULL);
	text(&e, "w2", "9");
	text(&e, "w3", "an earlier command's");
	expect(&e, "earlier", false, "{\"args\":[3,\"TCP\",null,\"9\"]}");
	expect(&e, "!* TCP", true, "{\"args\":[3,\"TCP\",null,\"9\"]}");
}

static void
buffer(void **state)
{
	struct entry e = { .probe = { .kind = PROBE_BUFFER } };

	(void)state;
	number(&e, "fd", 3);
	number(&e, "size", 512);
	expect(&e, "PING", false, "{\"args\":[3,512]}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(once),
		cmocka_unit_test(by_chance),
		cmocka_unit_test(third),
		cmocka_unit_test(argv),
		cmocka_unit_test(buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
