/*
 * One line of the protocol, one line on the screen:
 *
 *	23:16:43.690 #1 < "BUILD I386\n"	the sample said it
 *	23:16:44.102 #1 > [3] "!* UDP …"	we said it; it is command 3
 *	23:16:44.102 #1 * command 3 UDP		anything else
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/show.h"

/* Bytes of one text on the screen. */
#define SHOW_MAX 400
/* And of the details of events that have no form of their own. */
#define SHOW_DETAILS 200

static const char *
show_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text != NULL ? text : "";
}

static long long
show_number(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

/*
 * Bytes, with control characters escaped (U+0080 and on, too), and what is in
 * `more`.
 */
static void
show_escaped(const char *text, size_t n, const char *more)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		unsigned char next = i + 1 < n ? (unsigned char)text[i + 1] : 0;

		if (c == '\n')
			fputs("\\n", stdout);
		else if (c == '\r')
			fputs("\\r", stdout);
		else if (c == '\t')
			fputs("\\t", stdout);
		else if (c != '\0' && strchr(more, c) != NULL)
			printf("\\%c", c);
		else if (c < ' ' || c == 0x7f)
			printf("\\x%02x", c);
		else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
			printf("\\x%02x\\x%02x", c, next);
			i++;
		} else
			putchar(c);
	}
}

/* The place at which a text is cut: no letter is cut in two. */
static size_t
show_cut(const char *text, size_t n, size_t max)
{
	if (n <= max)
		return n;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

void
show_quoted(const char *text, size_t n)
{
	size_t shown = show_cut(text, n, SHOW_MAX);

	putchar('"');
	show_escaped(text, shown, "\"\\");
	putchar('"');
	if (shown < n)
		printf(" and %zu bytes more", n - shown);
}

/* A name, or what was quoted by others. */
static void
show_plain(const char *text)
{
	show_escaped(text, show_cut(text, strlen(text), SHOW_DETAILS), "");
}

/* The bytes that an object carries as text or base64. */
static void
show_bytes(const json_t *o)
{
	const json_t *text = json_object_get(o, "text");

	if (json_is_string(text)) {
		show_quoted(json_string_value(text), json_string_length(text));
		return;
	}
	printf("%lld bytes, base64 ", show_number(o, "length"));
	show_plain(show_text(o, "base64"));
}

/* Details that have no form of their own. */
static void
show_details(const json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT | JSON_ENCODE_ANY);

	if (text != NULL)
		show_plain(text);
	free(text);
}

/* --- events of a session ------------------------------------------------------ */

static void
show_data(const json_t *event, const json_t *o)
{
	printf("%c ", strcmp(show_text(o, "direction"), "to_server") == 0 ?
	    '<' : '>');
	if (json_object_get(event, "command") != NULL)
		printf("[%lld] ", show_number(event, "command"));
	show_bytes(o);
}

static void
show_open(const json_t *event, const json_t *o)
{
	(void)o;
	printf("+ ");
	show_plain(show_text(event, "src_ip"));
	printf(":%lld to ", show_number(event, "src_port"));
	show_plain(show_text(event, "dest_ip"));
	printf(":%lld ", show_number(event, "dest_port"));
	show_plain(show_text(event, "name"));
}

static void
show_close(const json_t *event, const json_t *o)
{
	(void)event;
	printf("- ");
	show_plain(show_text(o, "reason"));
}

static void
show_command(const json_t *event, const json_t *o)
{
	const char *refused = show_text(o, "refused");

	printf("* command %lld%s", show_number(event, "command"),
	    *show_text(o, "name") != '\0' ? " " : "");
	show_plain(show_text(o, "name"));
	if (*show_text(o, "by") != '\0')
		printf(" by ");
	show_plain(show_text(o, "by"));
	if (*refused != '\0') {
		printf(" refused: ");
		show_plain(refused);
		putchar(' ');
		show_bytes(o);
	}
}

static void
show_note(const json_t *event, const json_t *o)
{
	(void)event;
	printf("* ");
	show_plain(show_text(o, "kind"));
	putchar(' ');
	show_details(o);
}

static void
show_error(const json_t *event, const json_t *o)
{
	(void)event;
	printf("! ");
	show_plain(show_text(o, "message"));
}

/* --- events of the device -------------------------------------------------------- */

static void
show_process(const json_t *event, const json_t *o)
{
	printf("pid %lld ", show_number(event, "pid"));
	show_plain(show_text(o, "action"));
	for (size_t i = 0; i < 4; i++) {
		static const char *const keys[] = { "path", "child", "status",
			"signal" };
		const json_t *value = json_object_get(o, keys[i]);

		if (value != NULL) {
			putchar(' ');
			show_details(value);
		}
	}
}

static void
show_syscall(const json_t *event, const json_t *o)
{
	const json_t *args = json_object_get(o, "args");

	printf("pid %lld ", show_number(event, "pid"));
	show_plain(show_text(o, "name"));
	putchar('(');
	if (json_is_string(args))
		show_plain(json_string_value(args));
	else if (args != NULL)
		show_details(args);
	putchar(')');
	if (json_object_get(o, "ret") != NULL) {
		printf(" = ");
		show_details(json_object_get(o, "ret"));
	}
	if (*show_text(o, "errno") != '\0')
		putchar(' ');
	show_plain(show_text(o, "errno"));
}

static void
show_function(const json_t *event, const json_t *o)
{
	printf("pid %lld ", show_number(event, "pid"));
	show_plain(show_text(o, "action"));
	putchar(' ');
	show_plain(show_text(o, "name"));
	if (json_object_get(o, "args") != NULL)
		show_details(json_object_get(o, "args"));
}

/* Of our own: what became of the connection. */
static void
show_attach(const json_t *event, const json_t *o)
{
	const char *state = show_text(o, "state");

	(void)event;
	if (strcmp(state, "missed") == 0) {
		printf("! %lld events missed: they came too fast",
		    show_number(o, "events"));
	} else if (strcmp(state, "hello") == 0) {
		printf("attached to ");
		show_plain(show_text(o, "run"));
	} else if (strcmp(state, "end") == 0) {
		printf("the run has ended");
	} else {
		printf("! ");
		show_plain(state);
	}
}

static const struct {
	const char *type, *key;
	void (*show)(const json_t *, const json_t *);
} show_events[] = {
	{ "attach", "attach", show_attach },
	{ "close", "close", show_close },
	{ "command", "command_info", show_command },
	{ "data", "data", show_data },
	{ "error", "error", show_error },
	{ "function", "function", show_function },
	{ "note", "note", show_note },
	{ "open", NULL, show_open },
	{ "process", "process", show_process },
	{ "syscall", "syscall", show_syscall },
};

static void
show_event(const json_t *event, const char *type)
{
	const char *stamp = show_text(event, "timestamp");

	if (strlen(stamp) > 23)
		printf("%.12s ", stamp + 11);
	if (json_object_get(event, "session") != NULL)
		printf("#%lld ", show_number(event, "session"));
	for (size_t i = 0; i < sizeof show_events / sizeof *show_events; i++) {
		if (strcmp(show_events[i].type, type) == 0) {
			show_events[i].show(event, show_events[i].key == NULL ?
			    NULL : json_object_get(event, show_events[i].key));
			putchar('\n');
			return;
		}
	}
	printf("* ");
	show_plain(type);
	putchar(' ');
	show_details(json_object_get(event, type));
	putchar('\n');
}

/* --- answers ------------------------------------------------------------------ */

static void
show_session(const json_t *s)
{
	char to[128];

	snprintf(to, sizeof to, "%s:%lld", show_text(s, "dest_ip"),
	    show_number(s, "dest_port"));
	printf("#%-4lld %-10s %-10s %-24s %8lld < > %-8lld ",
	    show_number(s, "session"), show_text(s, "state"),
	    show_text(s, "profile"), to, show_number(s, "bytes_toserver"),
	    show_number(s, "bytes_toclient"));
	show_plain(show_text(s, "name"));
	printf("%s\n", json_is_true(json_object_get(s, "tls")) ? " TLS" : "");
}

static bool
show_answer(const json_t *answer, const char *re)
{
	const char *error = show_text(answer, "error");
	const json_t *sessions = json_object_get(answer, "sessions"), *s;
	size_t i;

	if (*error != '\0') {
		printf("! ");
		show_plain(error);
		putchar('\n');
		return false;
	}
	json_array_foreach (sessions, i, s)
		show_session(s);
	if (strcmp(re, "list") == 0 && json_array_size(sessions) == 0)
		puts("no session goes on");
	if (strcmp(re, "send") == 0)
		printf("sent as command %lld\n",
		    show_number(answer, "command"));
	if (strcmp(re, "hold") == 0)
		puts("profiles send no commands until you say go, or leave");
	return true;
}

bool
show_line(const json_t *line)
{
	const char *re = show_text(line, "re");

	if (*re != '\0')
		return show_answer(line, re);
	show_event(line, show_text(line, "event_type"));
	return true;
}
