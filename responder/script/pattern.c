/*
 * The matcher. Captures are opened and closed by the pattern's text alone,
 * never by what is matched, so their numbers are known when it is compiled.
 */
#include <stdlib.h>
#include <string.h>

#include "script/pattern.h"

enum pattern_op {
	PATTERN_ONE,	  /* one byte of the set */
	PATTERN_GREEDY,	  /* * and +: as many as there are, then fewer */
	PATTERN_LAZY,	  /* -: none, then more */
	PATTERN_MAYBE,	  /* ? */
	PATTERN_OPEN,	  /* ( */
	PATTERN_CLOSE,	  /* ) */
	PATTERN_POSITION, /* () */
	PATTERN_BACK,	  /* %1 */
	PATTERN_BALANCE,  /* %bxy */
	PATTERN_FRONTIER, /* %f[set] */
	PATTERN_END,	  /* $ */
	PATTERN_DONE,
};

struct pattern_node {
	uint8_t op;
	uint8_t first, second; /* a capture; least; the bytes of %b */
	/* The open choice: where it stands, how far back it may go, and the
	 * one to fall back on after it. */
	size_t at, least;
	struct pattern_node *before;
	uint64_t set[4];
};

struct pattern {
	bool anchored;
	uint8_t captures;
	struct pattern_capture capture[PATTERN_CAPTURES];
	size_t count;
	struct pattern_node nodes[];
};

/* --- compiling ----------------------------------------------------------- */

/* What is being compiled, and how far. */
struct pattern_text {
	const uint8_t *p;
	size_t n, at;
	const char *error;
};

static void
pattern_add(struct pattern_node *node, uint8_t c)
{
	node->set[c >> 6] |= UINT64_C(1) << (c & 63);
}

static bool
pattern_has(const struct pattern_node *node, uint8_t c)
{
	return node->set[c >> 6] >> (c & 63) & 1;
}

static void
pattern_add_range(struct pattern_node *node, unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to; c++)
		pattern_add(node, (uint8_t)c);
}

/* The letters after %, and the ASCII ranges that they stand for. */
static const struct {
	char letter;
	uint8_t ranges[8]; /* from, to, …; from 0 behind the first ends */
} pattern_classes[] = {
	{ 'a', { 'A', 'Z', 'a', 'z' } },
	{ 'c', { 0, 0x1f, 0x7f, 0x7f } },
	{ 'd', { '0', '9' } },
	{ 'g', { 0x21, 0x7e } },
	{ 'l', { 'a', 'z' } },
	{ 'p', { 0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e } },
	{ 's', { '\t', '\r', ' ', ' ' } },
	{ 'u', { 'A', 'Z' } },
	{ 'w', { '0', '9', 'A', 'Z', 'a', 'z' } },
	{ 'x', { '0', '9', 'A', 'F', 'a', 'f' } },
	{ 'z', { 0, 0 } },
};

/* What %c stands for: a class, its complement, or the byte itself. */
static void
pattern_add_class(struct pattern_node *node, uint8_t c)
{
	struct pattern_node class = { 0 };
	bool upper = c >= 'A' && c <= 'Z';

	for (size_t i = 0; i < sizeof pattern_classes /
	    sizeof *pattern_classes; i++) {
		const uint8_t *r = pattern_classes[i].ranges;

		if (pattern_classes[i].letter != (upper ? c + 32 : c))
			continue;
		for (size_t k = 0; k < 8 && (k == 0 || r[k] != 0); k += 2)
			pattern_add_range(&class, r[k], r[k + 1]);
		for (size_t k = 0; k < 4; k++)
			node->set[k] |= upper ? ~class.set[k] : class.set[k];
		return;
	}
	pattern_add(node, c);
}

/* [set]; t stands behind the bracket. */
static void
pattern_set(struct pattern_text *t, struct pattern_node *node)
{
	bool negated = t->at < t->n && t->p[t->at] == '^';
	size_t i = t->at += negated, end = i;

	/* The first character is never the end. */
	do {
		end += end < t->n && t->p[end] == '%' ? 2 : 1;
	} while (end < t->n && t->p[end] != ']');
	if (end >= t->n) {
		t->error = "malformed pattern (missing ']')";
		return;
	}
	while (i < end) {
		if (t->p[i] == '%') {
			pattern_add_class(node, t->p[i + 1]);
			i += 2;
		} else if (i + 2 < end && t->p[i + 1] == '-') {
			pattern_add_range(node, t->p[i], t->p[i + 2]);
			i += 3;
		} else
			pattern_add(node, t->p[i++]);
	}
	for (size_t k = 0; negated && k < 4; k++)
		node->set[k] = ~node->set[k];
	t->at = end + 1;
}

/* One byte's class and how often it may come. */
static void
pattern_single(struct pattern_text *t, struct pattern_node *node)
{
	uint8_t c = t->p[t->at++];

	node->op = PATTERN_ONE;
	if (c == '[')
		pattern_set(t, node);
	else if (c == '.')
		pattern_add_range(node, 0, 255);
	else if (c == '%' && t->at == t->n)
		t->error = "malformed pattern (ends with '%')";
	else if (c == '%')
		pattern_add_class(node, t->p[t->at++]);
	else
		pattern_add(node, c);
	if (t->error != NULL || t->at == t->n)
		return;
	switch (t->p[t->at]) {
	case '+':
		node->first = 1;
		/* FALLTHROUGH */
	case '*':
		node->op = PATTERN_GREEDY;
		break;
	case '-':
		node->op = PATTERN_LAZY;
		break;
	case '?':
		node->op = PATTERN_MAYBE;
		break;
	default:
		return;
	}
	t->at++;
}

/* Captures that are open, the latest last. */
struct pattern_open {
	uint8_t numbers[PATTERN_CAPTURES];
	size_t count;
};

/* ( ) and () */
static void
pattern_paren(struct pattern *p, struct pattern_text *t,
    struct pattern_open *open, struct pattern_node *node)
{
	if (t->p[t->at++] == ')') {
		if (open->count == 0) {
			t->error = "invalid pattern capture";
			return;
		}
		node->op = PATTERN_CLOSE;
		node->first = open->numbers[--open->count];
		return;
	}
	if (p->captures == PATTERN_CAPTURES) {
		t->error = "too many captures";
		return;
	}
	node->first = p->captures++;
	p->capture[node->first].position = t->at < t->n &&
	    t->p[t->at] == ')';
	if (p->capture[node->first].position) {
		node->op = PATTERN_POSITION;
		t->at++;
		return;
	}
	node->op = PATTERN_OPEN;
	open->numbers[open->count++] = node->first;
}

/* %1 to %9: a capture that is closed by now. */
static void
pattern_back(const struct pattern *p, struct pattern_text *t,
    const struct pattern_open *open, struct pattern_node *node)
{
	unsigned number = t->p[t->at + 1] - '0';
	bool valid = number >= 1 && number <= p->captures;

	for (size_t i = 0; i < open->count; i++)
		valid = valid && open->numbers[i] != number - 1;
	if (!valid) {
		t->error = "invalid capture index in pattern";
		return;
	}
	node->op = PATTERN_BACK;
	node->first = (uint8_t)(number - 1);
	t->at += 2;
}

/* The next node, whatever it is. */
static void
pattern_node(struct pattern *p, struct pattern_text *t,
    struct pattern_open *open, struct pattern_node *node)
{
	uint8_t c = t->p[t->at];
	uint8_t next = t->at + 1 < t->n ? t->p[t->at + 1] : 0;

	if (c == '(' || c == ')') {
		pattern_paren(p, t, open, node);
	} else if (c == '$' && t->at + 1 == t->n) {
		node->op = PATTERN_END;
		t->at++;
	} else if (c == '%' && next >= '0' && next <= '9') {
		pattern_back(p, t, open, node);
	} else if (c == '%' && next == 'b') {
		if (t->n - t->at < 4) {
			t->error = "malformed pattern "
				   "(missing arguments to '%b')";
			return;
		}
		node->op = PATTERN_BALANCE;
		node->first = t->p[t->at + 2];
		node->second = t->p[t->at + 3];
		t->at += 4;
	} else if (c == '%' && next == 'f') {
		t->at += 3;
		if (t->at > t->n || t->p[t->at - 1] != '[') {
			t->error = "missing '[' after '%f' in pattern";
			return;
		}
		pattern_set(t, node);
		node->op = PATTERN_FRONTIER;
	} else
		pattern_single(t, node);
}

bool
pattern_special(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] != '\0' && strchr("^$*+?.([%-", text[i]) != NULL)
			return true;
	}
	return false;
}

size_t
pattern_size(size_t n)
{
	return sizeof(struct pattern) + (n + 1) * sizeof(struct pattern_node);
}

const char *
pattern_compile(struct pattern *p, const char *text, size_t n, bool anchor)
{
	struct pattern_text t = { .p = (const uint8_t *)text, .n = n };
	struct pattern_open open = { .count = 0 };

	memset(p, 0, sizeof *p);
	p->anchored = anchor && n > 0 && text[0] == '^';
	t.at = p->anchored;
	while (t.at < n && t.error == NULL) {
		struct pattern_node *node = &p->nodes[p->count++];

		memset(node, 0, sizeof *node);
		pattern_node(p, &t, &open, node);
	}
	memset(&p->nodes[p->count], 0, sizeof *p->nodes);
	p->nodes[p->count].op = PATTERN_DONE;
	if (t.error == NULL && open.count > 0)
		t.error = "unfinished capture";
	return t.error;
}

/* --- matching ------------------------------------------------------------ */

/* The end of a text in balance (%bxy) that begins here, or PATTERN_NONE. */
static size_t
pattern_balance(const struct pattern_node *node, const uint8_t *s,
    size_t length, size_t at)
{
	size_t depth = 1;

	if (at == length || s[at] != node->first)
		return PATTERN_NONE;
	while (++at < length) {
		if (s[at] == node->second) {
			if (--depth == 0)
				return at + 1;
		} else if (s[at] == node->first)
			depth++;
	}
	return PATTERN_NONE;
}

/* Does the capture's text come again here? */
static bool
pattern_again(const struct pattern_capture *c, const uint8_t *s, size_t length,
    size_t at)
{
	return !c->position && length - at >= c->end - c->start &&
	    memcmp(s + c->start, s + at, c->end - c->start) == 0;
}

/* What a node cost that began here, and ended at `at` if it fits. */
static size_t
pattern_cost(const struct pattern *p, const struct pattern_node *node,
    size_t begin, size_t at, size_t length)
{
	const struct pattern_capture *c = &p->capture[node->first %
	    PATTERN_CAPTURES];

	if (node->op == PATTERN_BACK && !c->position)
		return 1 + (c->end - c->start) / 8;
	if (at != PATTERN_NONE)
		return 1 + at - begin;
	return 1 + (node->op == PATTERN_BALANCE ? length - begin : 0);
}

/* Takes steps; false when there are not enough. */
static bool
pattern_take(uint64_t *steps, size_t n)
{
	if (n >= *steps) {
		*steps = 0;
		return false;
	}
	*steps -= n;
	return true;
}

/* A node that offers no choice: its end, or PATTERN_NONE. */
static size_t
pattern_step(struct pattern *p, const struct pattern_node *node,
    const uint8_t *s, size_t length, size_t at)
{
	struct pattern_capture *c = &p->capture[node->first %
	    PATTERN_CAPTURES];
	bool fits = true;

	switch (node->op) {
	case PATTERN_OPEN:
	case PATTERN_POSITION:
		c->start = at;
		break;
	case PATTERN_CLOSE:
		c->end = at;
		break;
	case PATTERN_BACK:
		if (!pattern_again(c, s, length, at))
			return PATTERN_NONE;
		return at + (c->end - c->start);
	case PATTERN_BALANCE:
		return pattern_balance(node, s, length, at);
	case PATTERN_FRONTIER:
		fits = !pattern_has(node, at > 0 ? s[at - 1] : 0) &&
		    pattern_has(node, at < length ? s[at] : 0);
		break;
	default: /* PATTERN_END */
		fits = at == length;
		break;
	}
	return fits ? at : PATTERN_NONE;
}

/*
 * Makes the latest choice anew: returns the node to go on from and sets at;
 * NULL if no choice is left.
 */
static struct pattern_node *
pattern_retry(struct pattern_node **choice, const uint8_t *s, size_t length,
    size_t *at)
{
	struct pattern_node *c;

	for (; (c = *choice) != NULL; *choice = c->before) {
		if (c->op == PATTERN_LAZY) {
			if (c->at == length || !pattern_has(c, s[c->at]))
				continue;
			*at = ++c->at;
			return c + 1;
		}
		/* PATTERN_MAYBE has its only other choice here, too. */
		*at = --c->at;
		if (c->at == c->least)
			*choice = c->before;
		return c + 1;
	}
	return NULL;
}

/* Matches from here on. */
static size_t
pattern_match(struct pattern *p, const uint8_t *s, size_t length, size_t at,
    uint64_t *steps)
{
	struct pattern_node *node = p->nodes, *choice = NULL;
	size_t begin, most;

	while (node->op != PATTERN_DONE) {
		bool fits = true;

		begin = at;
		switch (node->op) {
		case PATTERN_ONE:
			if ((fits = at < length && pattern_has(node, s[at])))
				at++;
			break;
		case PATTERN_GREEDY:
		case PATTERN_MAYBE:
			most = node->op == PATTERN_MAYBE && length - at > 1 ?
			    at + 1 : length;
			while (at < most && pattern_has(node, s[at]))
				at++;
			node->least = begin + node->first;
			fits = at >= node->least;
			break;
		case PATTERN_LAZY:
			break;
		default:
			at = pattern_step(p, node, s, length, at);
			fits = at != PATTERN_NONE;
			break;
		}
		if (!pattern_take(steps, pattern_cost(p, node, begin, at,
		    length)))
			return PATTERN_SPENT;
		if (!fits) {
			node = pattern_retry(&choice, s, length, &at);
			if (node == NULL)
				return PATTERN_NONE;
			continue;
		}
		if (node->op == PATTERN_LAZY || ((node->op ==
		    PATTERN_GREEDY || node->op == PATTERN_MAYBE) &&
		    at > node->least)) {
			node->at = at;
			node->before = choice;
			choice = node;
		}
		node++;
	}
	return at;
}

size_t
pattern_search(struct pattern *p, const char *subject, size_t length,
    size_t *at, uint64_t *steps)
{
	const uint8_t *s = (const uint8_t *)subject;
	const struct pattern_node *first = p->nodes;
	bool certain = first->op == PATTERN_ONE ||
	    (first->op == PATTERN_GREEDY && first->first == 1);

	for (;; (*at)++) {
		size_t end, begin = *at;

		/* What can't begin here needs no match to find out. */
		while (certain && !p->anchored && *at < length &&
		    !pattern_has(first, s[*at]))
			(*at)++;
		if (*at > begin && !pattern_take(steps, *at - begin))
			return PATTERN_SPENT;
		end = pattern_match(p, s, length, *at, steps);
		if (end != PATTERN_NONE || p->anchored || *at == length)
			return end;
	}
}

bool
pattern_anchored(const struct pattern *p)
{
	return p->anchored;
}

size_t
pattern_captures(const struct pattern *p)
{
	return p->captures;
}

struct pattern_capture
pattern_capture(const struct pattern *p, size_t i)
{
	return p->capture[i];
}
