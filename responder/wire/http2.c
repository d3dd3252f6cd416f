/*
 * HTTP/2, the server's side, over nghttp2's memory interface.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "base/log.h"
#include "base/xmalloc.h"
#include "wire/http2.h"

struct http2_stream {
	struct http2_request request;
	size_t fields_size; /* bytes of all names and values */
	bool whole, given;
	uint8_t *answer;
	size_t answer_length, answer_sent;
	struct http2_stream *next;
};

struct http2 {
	nghttp2_session *session;
	struct http2_stream *streams; /* the oldest first */
};

static struct http2_stream *
http2_find(struct http2 *h, int32_t id)
{
	struct http2_stream *s = h->streams;

	while (s != NULL && s->request.stream != id)
		s = s->next;
	return s;
}

static void
http2_stream_free(struct http2_stream *s)
{
	for (size_t i = 0; i < s->request.field_count; i++) {
		free(s->request.fields[i].name);
		free(s->request.fields[i].value);
	}
	free(s->request.fields);
	free(s->request.body);
	free(s->answer);
	free(s);
}

static int
http2_on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2 *h = arg;
	struct http2_stream *s, **end = &h->streams;

	(void)session;
	if (frame->hd.type != NGHTTP2_HEADERS ||
	    frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	s = xcalloc(1, sizeof *s);
	s->request.stream = frame->hd.stream_id;
	while (*end != NULL)
		end = &(*end)->next;
	*end = s;
	return 0;
}

/* Trailers end up among the fields; what is too much resets the stream. */
static int
http2_on_field(nghttp2_session *session, const nghttp2_frame *frame,
    const uint8_t *name, size_t name_length, const uint8_t *value,
    size_t value_length, uint8_t flags, void *arg)
{
	struct http2_stream *s = http2_find(arg, frame->hd.stream_id);
	struct http2_request *r;
	struct http2_field *f;

	(void)session;
	(void)flags;
	if (s == NULL)
		return 0;
	r = &s->request;
	s->fields_size += name_length + value_length;
	if (r->field_count == HTTP2_FIELDS_MAX ||
	    s->fields_size > HTTP2_HEADERS_MAX)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (r->fields == NULL)
		r->fields = xcalloc(HTTP2_FIELDS_MAX, sizeof *r->fields);
	f = &r->fields[r->field_count++];
	f->name = xmemdup0(name, name_length);
	f->value = xmemdup0(value, value_length);
	f->value_length = value_length;
	return 0;
}

static int
http2_on_data(nghttp2_session *session, uint8_t flags, int32_t id,
    const uint8_t *data, size_t n, void *arg)
{
	struct http2_stream *s = http2_find(arg, id);
	struct http2_request *r;

	(void)flags;
	if (s == NULL)
		return 0;
	r = &s->request;
	if (n > HTTP2_BODY_MAX - r->body_length) {
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id,
		    NGHTTP2_ENHANCE_YOUR_CALM);
		return 0;
	}
	r->body = xreallocarray(r->body, r->body_length + n, 1);
	memcpy(r->body + r->body_length, data, n);
	r->body_length += n;
	return 0;
}

static int
http2_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2_stream *s = http2_find(arg, frame->hd.stream_id);

	(void)session;
	if (s != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
	    (frame->hd.type == NGHTTP2_HEADERS ||
	    frame->hd.type == NGHTTP2_DATA))
		s->whole = true;
	return 0;
}

static int
http2_on_close(nghttp2_session *session, int32_t id, uint32_t error, void *arg)
{
	struct http2 *h = arg;

	(void)session;
	(void)error;
	for (struct http2_stream **p = &h->streams; *p != NULL;
	     p = &(*p)->next) {
		struct http2_stream *s = *p;

		if (s->request.stream != id)
			continue;
		*p = s->next;
		http2_stream_free(s);
		break;
	}
	return 0;
}

struct http2 *
http2_new(void)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_STREAMS_MAX },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP2_HEADERS_MAX },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_BODY_MAX },
	};
	struct http2 *h = xcalloc(1, sizeof *h);
	nghttp2_session_callbacks *calls;

	if (nghttp2_session_callbacks_new(&calls) != 0)
		fatal("no memory for HTTP/2");
	nghttp2_session_callbacks_set_on_begin_headers_callback(calls,
	    http2_on_begin);
	nghttp2_session_callbacks_set_on_header_callback(calls, http2_on_field);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls,
	    http2_on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(calls,
	    http2_on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(calls,
	    http2_on_close);
	if (nghttp2_session_server_new(&h->session, calls, h) != 0 ||
	    nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
	    sizeof settings / sizeof *settings) != 0)
		fatal("no memory for HTTP/2");
	nghttp2_session_callbacks_del(calls);
	return h;
}

void
http2_free(struct http2 *h)
{
	struct http2_stream *s;

	if (h == NULL)
		return;
	nghttp2_session_del(h->session);
	while ((s = h->streams) != NULL) {
		h->streams = s->next;
		http2_stream_free(s);
	}
	free(h);
}

int
http2_input(struct http2 *h, const void *bytes, size_t n, const char **why)
{
	ssize_t used = nghttp2_session_mem_recv(h->session, bytes, n);

	if (used < 0) {
		*why = nghttp2_strerror((int)used);
		nghttp2_session_terminate_session(h->session,
		    NGHTTP2_PROTOCOL_ERROR);
		return -1;
	}
	if (nghttp2_session_want_read(h->session) == 0 &&
	    nghttp2_session_want_write(h->session) == 0) {
		*why = "closed by GOAWAY";
		return -1;
	}
	return 0;
}

const struct http2_request *
http2_next(struct http2 *h)
{
	for (struct http2_stream *s = h->streams; s != NULL; s = s->next) {
		if (s->whole && !s->given) {
			s->given = true;
			return &s->request;
		}
	}
	return NULL;
}

static ssize_t
http2_read_answer(nghttp2_session *session, int32_t id, uint8_t *out,
    size_t size, uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct http2_stream *s = source->ptr;
	size_t n = s->answer_length - s->answer_sent;

	(void)session;
	(void)id;
	(void)arg;
	if (n > size)
		n = size;
	if (n != 0)
		memcpy(out, s->answer + s->answer_sent, n);
	s->answer_sent += n;
	if (s->answer_sent == s->answer_length)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static nghttp2_nv
http2_pair(const char *name, const char *value)
{
	union {
		const char *in;
		uint8_t *out;
	} n = { .in = name }, v = { .in = value };

	/* nghttp2 copies both and changes neither. */
	return (nghttp2_nv) { n.out, v.out, strlen(name), strlen(value),
		NGHTTP2_NV_FLAG_NONE };
}

int
http2_respond(struct http2 *h, int32_t stream, int status,
    const char *const *fields, size_t pairs, const void *body, size_t length)
{
	struct http2_stream *s = http2_find(h, stream);
	nghttp2_data_provider provider = { .source.ptr = s,
		.read_callback = http2_read_answer };
	nghttp2_nv nv[HTTP2_FIELDS_MAX];
	char code[12];

	if (s == NULL || !s->given || s->answer != NULL || status < 100 ||
	    status > 999 || pairs >= HTTP2_FIELDS_MAX)
		return -1;
	snprintf(code, sizeof code, "%d", status);
	nv[0] = http2_pair(":status", code);
	for (size_t i = 0; i < pairs; i++)
		nv[i + 1] = http2_pair(fields[2 * i], fields[2 * i + 1]);
	s->answer = (uint8_t *)xmemdup0(body, length);
	s->answer_length = length;
	return nghttp2_submit_response(h->session, stream, nv, pairs + 1,
	    length == 0 ? NULL : &provider) == 0 ? 0 : -1;
}

long
http2_output(struct http2 *h, const uint8_t **out)
{
	ssize_t n = nghttp2_session_mem_send(h->session, out);

	return n < 0 ? -1 : (long)n;
}
