/*
 * Receiving. Each call looks for its own end in what has come; until it is
 * there the call waits, and looks again whenever it is woken.
 *
 * On the stack meanwhile: 1 the conn, 2 the delimiter or nil, 3 the most that
 * it may be.
 */
#include <event2/buffer.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "net/conn.h"
#include "script/conn_calls.h"
#include "script/engine.h"
#include "script/task.h"

#define RECEIVE_MAX (16 * 1024 * 1024)
#define RECEIVE_ANY 65536

/* What a look at the input found. */
struct receive_found {
	enum { RECEIVE_MORE, RECEIVE_ALL, RECEIVE_TOO_LONG } what;
	size_t show, take; /* bytes that it is, and that go with it */
	size_t want;	   /* bytes to hold until it may be there */
};

typedef void receive_look(lua_State *, struct stream *, struct evbuffer *,
    size_t max, struct receive_found *);

/* The end at pos (-1: not there yet) of a text of n bytes so far. */
static void
receive_end(struct receive_found *f, ev_ssize_t pos, size_t n, size_t max,
    size_t delimiter)
{
	f->show = pos < 0 ? n : (size_t)pos;
	f->take = f->show + delimiter;
	f->want = max + delimiter;
	if (f->show > max) {
		f->what = RECEIVE_TOO_LONG;
		f->show = f->take = max;
	} else if (pos >= 0)
		f->what = RECEIVE_ALL;
}

static void
receive_look_line(lua_State *L A_UNUSED, struct stream *s,
    struct evbuffer *in, size_t max, struct receive_found *f)
{
	struct evbuffer_ptr at, end = evbuffer_search(in, "\n", 1, NULL);
	char last;

	receive_end(f, end.pos, conn_length(s->conn), max, 1);
	if (f->what != RECEIVE_ALL || f->show == 0)
		return;
	evbuffer_ptr_set(in, &at, f->show - 1, EVBUFFER_PTR_SET);
	evbuffer_copyout_from(in, &at, &last, 1);
	f->show -= last == '\r';
}

static void
receive_look_until(lua_State *L, struct stream *s, struct evbuffer *in,
    size_t max, struct receive_found *f)
{
	size_t size, n = conn_length(s->conn);
	const char *delimiter = lua_tolstring(L, 2, &size);
	struct evbuffer_ptr at = evbuffer_search(in, delimiter, size, NULL);

	/* The last bytes may be the delimiter's begin. */
	receive_end(f, at.pos, n >= size ? n - (size - 1) : n, max, size);
}

static void
receive_look_bytes(lua_State *L A_UNUSED, struct stream *s,
    struct evbuffer *in A_UNUSED, size_t max, struct receive_found *f)
{
	f->want = f->show = f->take = max;
	if (conn_length(s->conn) >= max)
		f->what = RECEIVE_ALL;
}

static void
receive_look_any(lua_State *L A_UNUSED, struct stream *s,
    struct evbuffer *in A_UNUSED, size_t max, struct receive_found *f)
{
	size_t n = conn_length(s->conn);

	f->want = 1;
	f->show = f->take = n < max ? n : max;
	if (n > 0)
		f->what = RECEIVE_ALL;
}

enum receive { RECEIVE_LINE, RECEIVE_UNTIL, RECEIVE_BYTES, RECEIVE_SOME };

static receive_look *const receive_looks[] = {
	[RECEIVE_LINE] = receive_look_line,
	[RECEIVE_UNTIL] = receive_look_until,
	[RECEIVE_BYTES] = receive_look_bytes,
	[RECEIVE_SOME] = receive_look_any,
};

/*
 * Pushes the first `show` bytes of the input and takes `take` out of it. A
 * failure to push leaves them there. [-0, +1, m]
 */
static void
receive_push(lua_State *L, struct stream *s, size_t show, size_t take)
{
	const void *p = show == 0 ? "" :
	    (const void *)evbuffer_pullup(conn_input(s->conn),
	    (ev_ssize_t)show);

	if (p == NULL)
		luaL_error(L, "no memory");
	lua_pushlstring(L, p, show);
	conn_drain(s->conn, take);
}

/* nil, error, and what there is of the answer, which stays in the input. */
static int
receive_fail(lua_State *L, struct stream *s, const char *error)
{
	lua_pushnil(L);
	lua_pushstring(L, error);
	if (s == NULL || s->conn == NULL)
		lua_pushliteral(L, "");
	else
		receive_push(L, s, conn_length(s->conn), 0);
	return 3;
}

/* Looks, and waits if that is of use; which call it is says ctx. */
static int
receive_k(lua_State *L, int status A_UNUSED, lua_KContext ctx)
{
	struct stream *s = conn_handle(L);
	struct receive_found f = { .what = RECEIVE_MORE };

	if (s != NULL && s->conn != NULL && !conn_closing(s->conn))
		receive_looks[ctx](L, s, conn_input(s->conn),
		    (size_t)lua_tointeger(L, 3), &f);
	switch (f.what) {
	case RECEIVE_ALL:
		receive_push(L, s, f.show, f.take);
		return 1;
	case RECEIVE_TOO_LONG:
		/* What there is of it, and it is gone. */
		lua_pushnil(L);
		lua_pushliteral(L, "toolong");
		receive_push(L, s, f.show, f.take);
		return 3;
	case RECEIVE_MORE:
		break;
	}
	if (s == NULL || s->conn == NULL || conn_closing(s->conn) ||
	    conn_ended(s->conn) != NULL)
		return receive_fail(L, s, "closed");
	if (clock_mono() >= s->deadline)
		return receive_fail(L, s, "timeout");
	conn_want(s->conn, f.want);
	return task_wait(L, s->deadline, ctx, receive_k);
}

/* Begins a call whose size, if it is given, stands at this index. */
static int
receive_begin(lua_State *L, enum receive which, int index, size_t otherwise)
{
	lua_Integer n = luaL_optinteger(L, index, (lua_Integer)otherwise);

	luaL_argcheck(L, n > 0 && n <= RECEIVE_MAX, index,
	    "not a size from 1 to 16777216");
	lua_settop(L, index - 1);
	lua_settop(L, 2);
	lua_pushinteger(L, n);
	conn_begin(conn_handle(L));
	return receive_k(L, LUA_OK, which);
}

/*
 * conn:recv_line([max]) → a line without its end (LF, or CR LF). [-0, +1|3, e]
 */
int
conn_recv_line(lua_State *L)
{
	return receive_begin(L, RECEIVE_LINE, 2,
	    engine_limits(engine_of(L))->line);
}

/* conn:recv_until(delim [, max]) → what stands before it. [-0, +1|3, e] */
int
conn_recv_until(lua_State *L)
{
	luaL_checktype(L, 2, LUA_TSTRING);
	luaL_argcheck(L, lua_rawlen(L, 2) > 0, 2, "empty");
	return receive_begin(L, RECEIVE_UNTIL, 3,
	    engine_limits(engine_of(L))->line);
}

/* conn:recv_bytes(n) → exactly n bytes. [-0, +1|3, e] */
int
conn_recv_bytes(lua_State *L)
{
	luaL_checkinteger(L, 2);
	return receive_begin(L, RECEIVE_BYTES, 2, 1);
}

/* conn:recv_any([max]) → what there is, at least one byte. [-0, +1|3, e] */
int
conn_recv_any(lua_State *L)
{
	return receive_begin(L, RECEIVE_SOME, 2, RECEIVE_ANY);
}
