/*
 * Lines of strace's output.
 */
#include <string.h>

#include "strace.h"

/* Deeper nesting than this is not from strace. */
#define STRACE_DEPTH 32

bool
text_is(struct text t, const char *word)
{
	return t.n == strlen(word) && memcmp(t.at, word, t.n) == 0;
}

int64_t
text_find(struct text t, const char *word)
{
	size_t k = strlen(word);

	for (size_t i = 0; k <= t.n && i <= t.n - k; i++)
		if (memcmp(t.at + i, word, k) == 0)
			return (int64_t)i;
	return -1;
}

static bool
text_starts(struct text t, const char *word)
{
	size_t k = strlen(word);

	return t.n >= k && memcmp(t.at, word, k) == 0;
}

static void
text_drop(struct text *t, size_t n)
{
	t->at += n;
	t->n -= n;
}

static void
text_blanks(struct text *t)
{
	while (t->n > 0 && *t->at == ' ')
		text_drop(t, 1);
}

/* Reads decimal digits; 0 or -1 if there are none or too many. */
static int
text_number(struct text *t, int64_t *value)
{
	size_t i = 0;

	*value = 0;
	while (i < t->n && i < 18 && t->at[i] >= '0' && t->at[i] <= '9')
		*value = *value * 10 + (t->at[i++] - '0');
	if (i == 0)
		return -1;
	text_drop(t, i);
	return 0;
}

/* "1795376657.215847" to nanoseconds; 0 or -1. */
static int
text_seconds(struct text *t, int64_t *ns)
{
	int64_t whole, scale = 100000000;

	if (text_number(t, &whole) == -1 || whole > 9000000000 || t->n == 0 ||
	    *t->at != '.')
		return -1;
	text_drop(t, 1);
	*ns = whole * 1000000000;
	for (; t->n > 0 && *t->at >= '0' && *t->at <= '9'; scale /= 10) {
		*ns += (*t->at - '0') * scale;
		text_drop(t, 1);
	}
	return 0;
}

/* Length of a quoted string with its quotes; n if it does not end. */
static size_t
strace_quoted(const char *p, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (p[i] == '\\')
			i++;
		else if (p[i] == '"')
			return i + 1;
	}
	return n;
}

/*
 * Length of what -yy says behind a descriptor: "<TCP:[a:1->b:2]>", "</a/path>",
 * "</dev/null<char 1:3>>". An arrow's head does not end it, and paths have
 * theirs escaped.
 */
static size_t
strace_annotation(const char *p, size_t n)
{
	bool path = n > 1 && p[1] == '/';
	size_t depth = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\\')
			i++;
		else if (p[i] == '"' && !path)
			i += strace_quoted(p + i, n - i) - 1;
		else if (p[i] == '<')
			depth++;
		else if (p[i] == '>' && (path || p[i - 1] != '-') &&
		    --depth == 0)
			return i + 1;
	}
	return n;
}

size_t
strace_skip(const char *p, size_t n)
{
	size_t depth = 0, i = 0;

	while (i < n) {
		char c = p[i];

		if (c == '\\') {
			i += 2;
		} else if (c == '"') {
			i += strace_quoted(p + i, n - i);
		} else if (c == '<' && i > 0 && i + 1 < n && p[i + 1] != '<' &&
		    ((p[i - 1] >= '0' && p[i - 1] <= '9') ||
			p[i - 1] == 'D')) {
			i += strace_annotation(p + i, n - i);
		} else if (c == '(' || c == '[' || c == '{') {
			if (++depth > STRACE_DEPTH)
				return n;
			i++;
		} else if (c == ')' || c == ']' || c == '}') {
			if (depth == 0)
				return i;
			depth--;
			i++;
		} else if (c == ',' && depth == 0) {
			return i;
		} else {
			i++;
		}
	}
	return n;
}

size_t
strace_split(struct text args, struct text *out, size_t max)
{
	size_t count = 0;

	text_blanks(&args);
	while (args.n > 0) {
		size_t k = strace_skip(args.at, args.n);

		if (count < max)
			out[count] = (struct text) { args.at, k };
		count++;
		if (k >= args.n || args.at[k] != ',')
			break;
		text_drop(&args, k + 1);
		text_blanks(&args);
	}
	return count;
}

/* Takes " <0.000080>" off the end; -1 if it isn't there. */
static double
strace_duration(struct text *t)
{
	struct text d;
	size_t i = t->n;
	int64_t ns;

	if (i < 4 || t->at[i - 1] != '>')
		return -1;
	while (i > 0 && t->at[i - 1] != '<')
		i--;
	d = (struct text) { t->at + i, t->n - i };
	if (i < 2 || t->at[i - 2] != ' ' || text_seconds(&d, &ns) == -1 ||
	    d.n != 1)
		return -1;
	t->n = i - 2;
	return (double)ns / 1e9;
}

/* Reads a return value: decimal, hexadecimal, or "-1 ENAME (…)". */
static void
strace_value(struct strace_line *l)
{
	struct text t = l->ret;
	bool minus = false;

	if (text_starts(t, "0x")) {
		uint64_t v = 0;
		size_t i = 2;

		for (; i < t.n && i < 18; i++) {
			const char *hex = "0123456789abcdef";
			const char *d = memchr(hex, t.at[i], 16);

			if (d == NULL)
				break;
			v = v << 4 | (uint64_t)(d - hex);
		}
		l->value = (int64_t)v;
		l->has_value = i > 2;
		return;
	}
	if (t.n > 0 && *t.at == '-') {
		minus = true;
		text_drop(&t, 1);
	}
	l->has_value = text_number(&t, &l->value) == 0;
	if (minus)
		l->value = -l->value;
	if (!l->has_value && text_starts(t, "?"))
		text_drop(&t, 1);
	if ((minus || !l->has_value) && text_starts(t, " E")) {
		size_t i = 1;

		while (i < t.n && t.at[i] >= '0' && t.at[i] <= '_')
			i++;
		l->error = (struct text) { t.at + 1, i - 1 };
	}
}

/* name(args) = ret <duration>, or its beginning. */
static void
strace_call(struct strace_line *l, struct text t)
{
	static const char cut[] = " <unfinished ...>";
	size_t i = 0, k = sizeof cut - 1;

	while (i < t.n && ((t.at[i] >= 'a' && t.at[i] <= 'z') ||
	    (t.at[i] >= '0' && t.at[i] <= '9') || t.at[i] == '_'))
		i++;
	if (i == 0 || i == t.n || t.at[i] != '(')
		return;
	l->name = (struct text) { t.at, i };
	text_drop(&t, i + 1);
	if (t.n >= k && memcmp(t.at + t.n - k, cut, k) == 0) {
		l->kind = STRACE_UNFINISHED;
		l->args = (struct text) { t.at, t.n - k };
		return;
	}
	/* To the bracket that closes the call. */
	l->args.at = t.at;
	for (i = 0; i < t.n && t.at[i] != ')'; i += i < t.n)
		if ((i += strace_skip(t.at + i, t.n - i)) < t.n &&
		    t.at[i] == ')')
			break;
	if (i >= t.n)
		return;
	l->args.n = i;
	/* A process that ended in the middle of a call leaves this behind. */
	if (l->args.n >= k && memcmp(l->args.at + l->args.n - k, cut, k) == 0)
		l->args.n -= k;
	text_drop(&t, i + 1);
	text_blanks(&t);
	if (!text_starts(t, "= "))
		return;
	text_drop(&t, 2);
	l->duration = strace_duration(&t);
	l->ret = t;
	l->kind = STRACE_CALL;
	strace_value(l);
}

/* "<... name resumed>rest" */
static void
strace_resumed(struct strace_line *l, struct text t)
{
	int64_t end = text_find(t, " resumed>");

	text_drop(&t, 5);
	if (end < 5)
		return;
	l->name = (struct text) { t.at, (size_t)end - 5 };
	text_drop(&t, (size_t)end - 5 + strlen(" resumed>"));
	l->args = t;
	l->kind = STRACE_RESUMED;
}

/* "+++ exited with 3 +++", "+++ killed by SIGSEGV (core dumped) +++" */
static void
strace_end(struct strace_line *l, struct text t)
{
	if (text_starts(t, "+++ exited with ")) {
		text_drop(&t, strlen("+++ exited with "));
		if (text_number(&t, &l->value) == -1)
			return;
		l->kind = STRACE_EXITED;
		l->has_value = true;
	} else if (text_starts(t, "+++ killed by ")) {
		size_t i = 0;

		text_drop(&t, strlen("+++ killed by "));
		while (i < t.n && t.at[i] != ' ')
			i++;
		l->name = (struct text) { t.at, i };
		l->kind = STRACE_KILLED;
	}
}

/* "--- SIGCHLD {si_signo=SIGCHLD, …} ---" */
static void
strace_signal(struct strace_line *l, struct text t)
{
	size_t i = 0;

	text_drop(&t, 4);
	while (i < t.n && t.at[i] != ' ')
		i++;
	if (!text_starts(t, "SIG"))
		return;
	l->name = (struct text) { t.at, i };
	text_drop(&t, i);
	text_blanks(&t);
	if (t.n >= 4 && memcmp(t.at + t.n - 4, " ---", 4) == 0)
		t.n -= 4;
	l->args = t;
	l->kind = STRACE_SIGNAL;
}

void
strace_parse(struct strace_line *l, const char *line, size_t n)
{
	struct text t = { line, n };

	memset(l, 0, sizeof *l);
	l->nr = -1;
	l->duration = -1;
	if (text_number(&t, &l->pid) == -1)
		return;
	text_blanks(&t);
	if (text_seconds(&t, &l->time) == -1)
		return;
	text_blanks(&t);
	if (t.n > 0 && *t.at == '[') {
		const char *end = memchr(t.at, ']', t.n);
		struct text number = t;

		if (end == NULL)
			return;
		text_drop(&number, 1);
		text_blanks(&number);
		if (text_number(&number, &l->nr) == -1)
			l->nr = -1;
		text_drop(&t, (size_t)(end - t.at) + 1);
		text_blanks(&t);
	}
	if (text_starts(t, "<... "))
		strace_resumed(l, t);
	else if (text_starts(t, "+++ "))
		strace_end(l, t);
	else if (text_starts(t, "--- "))
		strace_signal(l, t);
	else
		strace_call(l, t);
}
