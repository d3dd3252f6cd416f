/*
 * Requests, by a table of what can be asked for. An answer has `re` (what was
 * asked) and `id` (as the request had it), and `error` if it could not be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "control.h"
#include "control_request.h"
#include "record/session.h"
#include "visit.h"
#include "visits.h"

struct request {
	const struct control_host *host;
	struct attacher *attacher;
	const json_t *json;
	struct jsonw *answer;
};

typedef void request_cb(struct request *);

static void
request_error(struct request *r, const char *why)
{
	jsonw_string(r->answer, "error", why);
}

static const char *
request_text(const struct request *r, const char *key)
{
	return json_string_value(json_object_get(r->json, key));
}

/* The visit whose session's number the request has; or NULL, and an error. */
static struct visit *
request_visit(struct request *r)
{
	const json_t *number = json_object_get(r->json, "session");
	struct visit *v;

	if (!json_is_integer(number)) {
		request_error(r, "session: a number is wanted");
		return NULL;
	}
	v = visits_find(r->host->visits, (uint64_t)json_integer_value(number));
	if (v == NULL)
		request_error(r, "no such session goes on");
	return v;
}

/* --- list -------------------------------------------------------------------- */

static void
request_list_one(void *arg, const struct visit *v)
{
	struct jsonw *w = arg;
	char text[ADDR_TEXT_SIZE];
	struct visit_info info;
	const struct session *s;
	int64_t now = clock_mono();

	visit_info(v, &info);
	s = info.session;
	jsonw_object(w, NULL);
	jsonw_uint(w, "session", s->id);
	jsonw_string(w, "state", info.state);
	if (s->profile != NULL)
		jsonw_string(w, "profile", s->profile);
	jsonw_string(w, "src_ip", addr_text(&s->src, text));
	jsonw_uint(w, "src_port", s->src.port);
	jsonw_string(w, "dest_ip", addr_text(&s->dest, text));
	jsonw_uint(w, "dest_port", s->dest.port);
	if (info.name != NULL)
		jsonw_string(w, "name", info.name);
	if (info.sni != NULL)
		jsonw_string(w, "sni", info.sni);
	jsonw_bool(w, "tls", info.tls);
	if (s->command != 0)
		jsonw_uint(w, "command", s->command);
	jsonw_uint(w, "bytes_toserver", s->bytes[SESSION_TO_SERVER]);
	jsonw_uint(w, "bytes_toclient", s->bytes[SESSION_TO_CLIENT]);
	jsonw_real(w, "age", (double)(now - s->opened) / 1e9);
	jsonw_real(w, "idle", (double)(now - s->active) / 1e9);
	jsonw_object_end(w);
}

static void
request_list(struct request *r)
{
	jsonw_array(r->answer, "sessions");
	visits_each(r->host->visits, request_list_one, r->answer);
	jsonw_array_end(r->answer);
}

/* --- watch ------------------------------------------------------------------- */

static void
request_watch(struct request *r)
{
	const json_t *session = json_object_get(r->json, "session");
	struct attacher_watch watch = { .journal = true };

	if (session != NULL && request_visit(r) == NULL)
		return;
	watch.session = (uint64_t)json_integer_value(session);
	watch.device = json_is_true(json_object_get(r->json, "device"));
	attacher_watch(r->attacher, &watch);
}

static void
request_unwatch(struct request *r)
{
	struct attacher_watch nothing = { 0 };

	attacher_watch(r->attacher, &nothing);
}

/* --- send -------------------------------------------------------------------- */

/* The value of a digit in base 64 (RFC 4648, section 4), or -1. */
static int
request_base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c != '\0' ? strchr(digits, c) : NULL;

	return p != NULL ? (int)(p - digits) : -1;
}

/* -1 if it is no base64. */
static int
request_base64(struct evbuffer *out, const char *text)
{
	uint32_t bits = 0;
	int have = 0, digit;

	for (; *text != '\0' && *text != '='; text++) {
		if ((digit = request_base64_digit(*text)) < 0)
			return -1;
		bits = bits << 6 | (uint32_t)digit;
		have += 6;
		if (have >= 8) {
			uint8_t byte = (uint8_t)(bits >> (have -= 8));

			evbuffer_add(out, &byte, 1);
		}
	}
	return text[strspn(text, "=")] == '\0' ? 0 : -1;
}

/* Pairs of digits, with blanks between them where one likes. -1 otherwise. */
static int
request_hex(struct evbuffer *out, const char *text)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	while (*(text += strspn(text, " \t")) != '\0') {
		char pair[3] = { text[0], text[1], '\0' };

		if (strspn(text, digits) < 2)
			return -1;
		uint8_t byte = (uint8_t)strtoul(pair, NULL, 16);

		evbuffer_add(out, &byte, 1);
		text += 2;
	}
	return 0;
}

/* The bytes of `text`, `base64` or `hex`. -1, and an error, without them. */
static int
request_bytes(struct request *r, struct evbuffer *out)
{
	const json_t *text = json_object_get(r->json, "text");
	const char *base64 = request_text(r, "base64");
	const char *hex = request_text(r, "hex");

	if (json_is_string(text)) {
		evbuffer_add(out, json_string_value(text),
		    json_string_length(text));
	} else if (base64 != NULL && request_base64(out, base64) < 0) {
		request_error(r, "base64: that is none");
		return -1;
	} else if (hex != NULL && request_hex(out, hex) < 0) {
		request_error(r, "hex: pairs of digits are wanted");
		return -1;
	}
	if (evbuffer_get_length(out) == 0) {
		request_error(r, "text, base64 or hex: bytes are wanted");
		return -1;
	}
	return 0;
}

static void
request_send(struct request *r)
{
	struct visit *v = request_visit(r);
	const json_t *seconds = json_object_get(r->json, "seconds");
	struct evbuffer *bytes = evbuffer_new();
	char why[STREAM_WHY_SIZE];

	if (bytes == NULL)
		fatal("no memory for a command");
	if (v != NULL && request_bytes(r, bytes) == 0) {
		struct command c = {
			.bytes = evbuffer_pullup(bytes, -1),
			.length = evbuffer_get_length(bytes),
			.name = request_text(r, "name"),
			.target = request_text(r, "target"),
			.words = request_text(r, "words"),
			.by = "attach",
			.seconds = json_is_number(seconds) ?
			    json_number_value(seconds) : -1,
		};
		uint64_t id;

		c.words_length = c.words != NULL ? strlen(c.words) : 0;
		if ((id = visit_send(v, &c, why)) > 0)
			jsonw_uint(r->answer, "command", id);
		else
			request_error(r, why);
	}
	evbuffer_free(bytes);
}

/* --- the others -------------------------------------------------------------- */

static void
request_close(struct request *r)
{
	struct visit *v = request_visit(r);

	if (v != NULL)
		visit_close(v);
}

static void
request_hold(struct request *r)
{
	attacher_hold(r->attacher, true);
}

static void
request_go(struct request *r)
{
	attacher_hold(r->attacher, false);
}

static const struct {
	const char *what;
	request_cb *cb;
} request_kinds[] = {
	{ "list", request_list },
	{ "watch", request_watch },
	{ "unwatch", request_unwatch },
	{ "send", request_send },
	{ "close", request_close },
	{ "hold", request_hold },
	{ "go", request_go },
};

static request_cb *
request_find(const char *what)
{
	for (size_t i = 0; i < sizeof request_kinds / sizeof *request_kinds;
	    i++) {
		if (strcmp(request_kinds[i].what, what) == 0)
			return request_kinds[i].cb;
	}
	return NULL;
}

/* `re` and `id`, as the request has them. */
static void
request_head(const struct request *r, const char *what)
{
	const json_t *id = json_object_get(r->json, "id");
	char *text;

	jsonw_string(r->answer, "re", what);
	if (id == NULL)
		return;
	text = json_dumps(id, JSON_COMPACT | JSON_ENCODE_ANY);
	if (text != NULL)
		jsonw_raw(r->answer, "id", text, strlen(text));
	free(text);
}

void
control_request(const struct control_host *host, struct attacher *attacher,
    const char *line, size_t n, struct jsonw *answer)
{
	json_error_t wrong;
	json_t *json = json_loadb(line, n, 0, &wrong);
	struct request r = { host, attacher, json, answer };
	const char *what = request_text(&r, "do");
	request_cb *cb = what != NULL ? request_find(what) : NULL;

	jsonw_reset(answer);
	jsonw_object(answer, NULL);
	request_head(&r, cb != NULL ? what : "?");
	if (json == NULL)
		request_error(&r, wrong.text);
	else if (cb == NULL)
		request_error(&r, "do: one of list, watch, unwatch, send, "
		    "close, hold, go is wanted");
	else
		cb(&r);
	jsonw_object_end(answer);
	jsonw_line_end(answer);
	json_decref(json);
}
