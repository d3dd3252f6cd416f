/*
 * The kernel's ring buffer and event descriptions, in both byte orders and
 * word sizes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tracebuf.h"

static int64_t seen_time[8];
static uint16_t seen_id[8];
static int32_t seen_pid[8];
static size_t seen;

static void
see(void *arg, const struct tracebuf_event *e)
{
	(void)arg;
	assert_true(seen < 8);
	seen_time[seen] = e->time;
	seen_id[seen] = e->id;
	seen_pid[seen++] = e->pid;
}

/* Builds a page value by value. */
struct page {
	struct tracebuf_order order;
	uint8_t data[512];
	size_t n;
};

static void
put(struct page *p, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p->data[p->n + (p->order.big ? bytes - 1 - i : i)] =
		    (uint8_t)(v >> (8 * i));
	p->n += bytes;
}

static void
head(struct page *p, uint32_t type, uint32_t delta)
{
	put(p, p->order.big ? type << 27 | delta : delta << 5 | type, 4);
}

static void
event(struct page *p, uint16_t id, uint32_t pid)
{
	put(p, id, 2);
	put(p, 0, 2);
	put(p, pid, 4);
}

static void
pages(void **state)
{
	static const struct tracebuf_order orders[] = { { false, 4 },
		{ false, 8 }, { true, 4 } };

	(void)state;
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
		struct page p = { orders[i], { 0 }, 0 };
		size_t start = 8 + orders[i].long_size, end;

		put(&p, 1000000, 8);
		put(&p, 0, orders[i].long_size); /* filled in below */
		head(&p, 2, 5);			 /* two words, 5 ns later */
		event(&p, 7, 42);
		head(&p, 30, 1);		/* 2^27 + 1 ns later */
		put(&p, 1, 4);
		head(&p, 0, 2); /* its length in a word of its own */
		put(&p, 12, 4);
		event(&p, 8, 43);
		head(&p, 29, 0); /* padding to the end */
		end = p.n;
		p.n = 8;
		put(&p, end - start, orders[i].long_size);
		seen = 0;
		assert_int_equal(tracebuf_page(&p.order, p.data, end, see,
		    NULL), 0);
		assert_int_equal(seen, 2);
		assert_int_equal(seen_time[0], 1000005);
		assert_int_equal(seen_id[0], 7);
		assert_int_equal(seen_pid[1], 43);
		assert_int_equal(seen_time[1], 1000008 + (1 << 27));
		/* More bytes said to be used than there are. */
		assert_int_equal(tracebuf_page(&p.order, p.data, end - 1, see,
		    NULL), -1);
	}
}

static void
lost(void **state)
{
	struct page p = { { false, 8 }, { 0 }, 0 };

	(void)state;
	put(&p, 0, 8);
	put(&p, 1u << 31 | 1u << 30, 8);
	put(&p, 77, 8);
	assert_int_equal(tracebuf_page(&p.order, p.data, p.n, see, NULL), 77);
	assert_int_equal(tracebuf_page(&p.order, p.data, 16, see, NULL), 1);
	assert_int_equal(tracebuf_page(&p.order, p.data, 15, see, NULL), -1);
}

static const char format[] =
    "name: f0_processCmd\nID: 1234\nformat:\n"
    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
    "\tfield:unsigned long __probe_ip;\toffset:8;\tsize:4;\tsigned:0;\n"
    "\tfield:s32 argc;\toffset:12;\tsize:4;\tsigned:1;\n"
    "\tfield:__data_loc char[] w0;\toffset:16;\tsize:4;\tsigned:1;\n\n"
    "print fmt: \"(%lx) argc=%d w0=\\\"%s\\\"\", REC->__probe_ip\n";

static void
formats(void **state)
{
	struct tracebuf_order o = { false, 4 };
	uint8_t data[] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0xff, 0xff,
		0xff, 0xff, 20, 0, 4, 0, 'U', 'D', 'P', 0 };
	struct tracebuf_event e = { 0, 0, 0, data, sizeof data };
	struct tracebuf_format f;
	const char *text;
	int64_t v;
	size_t n;

	(void)state;
	assert_int_equal(tracebuf_format(&f, format, sizeof format - 1), 0);
	assert_string_equal(f.name, "f0_processCmd");
	assert_int_equal(f.id, 1234);
	assert_int_equal(f.count, 5);
	assert_int_equal(tracebuf_number(&o, &e, tracebuf_field(&f, "argc"),
	    &v), 0);
	assert_int_equal(v, -1);
	text = tracebuf_text(&o, &e, tracebuf_field(&f, "w0"), &n);
	assert_non_null(text);
	assert_int_equal(n, 3);
	assert_memory_equal(text, "UDP", 3);
	assert_null(tracebuf_field(&f, "w1"));
	e.n = 22; /* the string's end is missing */
	assert_null(tracebuf_text(&o, &e, tracebuf_field(&f, "w0"), &n));
	e.n = 14;
	assert_int_equal(tracebuf_number(&o, &e, tracebuf_field(&f, "argc"),
	    &v), -1);
	assert_int_equal(tracebuf_format(&f, format, 10), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages),
		cmocka_unit_test(lost),
		cmocka_unit_test(formats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
