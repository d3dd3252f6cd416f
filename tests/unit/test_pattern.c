/*
 * Our find, match, gmatch and gsub beside Lua's own: the same answers for
 * cases that the manual speaks of, and for thousands of made-up ones.
 */
#include <setjmp.h>
#include <string.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <lauxlib.h>
#include <lualib.h>

#include "script/engine.h"
#include "script/pattern.h"

/* Lua's own library is `stock`, ours `string`. */
static const char compare[] =
    "local function all(lib, what, ...)\n"
    "  if what ~= 'gmatch' then return table.pack(pcall(lib[what], ...)) end\n"
    "  local out, n = {}, 0\n"
    "  local ok, err = pcall(function(...)\n"
    "    for a, b in lib.gmatch(...) do\n"
    "      n = n + 1\n"
    "      out[#out + 1] = a; out[#out + 1] = tostring(b)\n"
    "      if n > 50 then error('endless') end\n"
    "    end\n"
    "  end, ...)\n"
    "  return table.pack(ok, not ok and err or table.unpack(out))\n"
    "end\n"
    "local function show(t)\n"
    "  local out = {}\n"
    "  for i = 1, t.n do out[i] = stock.format('%q', tostring(t[i])) end\n"
    "  return table.concat(out, ' ')\n"
    "end\n"
    "compared = 0\n"
    "function same(what, ...)\n"
    "  local want, got = all(stock, what, ...), all(string, what, ...)\n"
    /* Ours tells of a mistake in a pattern that Lua's may not come to. */
    "  if not got[1] and (not want[1] or stock.find(got[2],\n"
    "    'malformed') or stock.find(got[2], 'capture') or\n"
    "    stock.find(got[2], 'missing')) then return end\n"
    "  compared = compared + 1\n"
    "  if show(want) ~= show(got) then\n"
    "    error(what .. ' ' .. show(table.pack(...)) .. '\\n lua: ' ..\n"
    "      show(want) .. '\\nours: ' .. show(got))\n"
    "  end\n"
    "end\n";

static const char cases[] =
    "for _, c in ipairs{\n"
    "  {'find', 'hello', 'l'}, {'find', 'hello', 'l+', -2}, {'find', 'a', ''},\n"
    "  {'find', 'a', '', 2}, {'find', 'a', '', 3}, {'find', '', ''},\n"
    "  {'find', 'a.b', '.', 2, true}, {'find', 'a\\0b', '\\0'},\n"
    "  {'find', 'a\\0b', '%z'}, {'find', 'abc', 'b', -1}, {'find', 'abc', 'a', -9},\n"
    "  {'find', 'abc', '^b', 2}, {'find', 'a$b', '$b'}, {'find', 'ab', 'b$'},\n"
    "  {'match', 'key = value', '^(%w+)%s*=%s*(%w+)$'},\n"
    "  {'match', '  x  ', '^%s*(.-)%s*$'}, {'match', 'THE (quick) fox', '%((%a+)%)'},\n"
    "  {'match', 'f(a(b)c)d', '%b()'}, {'match', 'THE (quick)', '%f[%a]%a+'},\n"
    "  {'match', 'abcabc', '(abc)%1'}, {'match', 'abc', '()b()'},\n"
    "  {'match', 'x]y', '[]]'}, {'match', 'x-y', '[a%-]'}, {'match', 'x^', '[x^]*'},\n"
    "  {'match', 'a-z', '[a-]+'}, {'match', '2024-01', '(%d+)-(%d+)'},\n"
    "  {'match', 'abc', '((a)(b))'}, {'match', 'aaa', 'a-b'}, {'match', 'aaab', '^a-b'},\n"
    "  {'match', 'x', '(()x)'}, {'match', '\\xff\\xfe', '[\\x80-\\xff]+'},\n"
    "  {'gmatch', 'one two  three', '%a+'}, {'gmatch', 'k=v, a=b', '(%w+)=(%w+)'},\n"
    "  {'gmatch', 'abc', ''}, {'gmatch', 'abc', 'x*'}, {'gmatch', '^a^a', '^a'},\n"
    "  {'gmatch', 'abcd', '()', 3},\n"
    "  {'gsub', 'hello world', 'o', '0'}, {'gsub', 'hello', '', '-'},\n"
    "  {'gsub', 'abc', '%w', '%0%0'}, {'gsub', 'abc', '%w', '%%'},\n"
    "  {'gsub', 'hello world', '(%w+) (%w+)', '%2 %1'},\n"
    "  {'gsub', 'abc def', '%w*', 'x'}, {'gsub', 'aaa', '^a', 'b'},\n"
    "  {'gsub', 'aaa', 'a', 'b', 2}, {'gsub', 'aaa', 'a', 'b', 0},\n"
    "  {'gsub', '$name $x', '%$(%w+)', {name = 'lua'}},\n"
    "  {'gsub', 'abc', 'b', function() return false end},\n"
    "  {'gsub', 'abc', '()', function(i) return i end},\n"
    "  {'gsub', 'abc', '()b', '%1'}, {'gsub', 'abc', 'b', '%1'},\n"
    "  {'gsub', 'abc', 'b', '%2'}, {'gsub', 'abc', 'b', '%x'}, {'gsub', 'abc', 'b', '%'},\n"
    "  {'gsub', 'abc', 'b', function() return {} end}, {'gsub', 'abc', 'b', true},\n"
    "  {'rep', 'ab', 3}, {'rep', 'ab', 3, '-'}, {'rep', 'x', 5}, {'rep', '', 3, '-'},\n"
    "  {'rep', 'x', 0}, {'rep', 'x', -1}, {'rep', '', 9}, {'rep', 'x', 1, ','},\n"
    "  {'rep', 'x', 2, ''}, {'rep', '', 1, ','}, {'rep', 7, 2}, {'rep', 'x', 1 << 62},\n"
    "  {'gsub', 12, 1, 2}, {'find', 'x', '%'}, {'find', 'x', '[a'}, {'find', 'x', '(x'},\n"
    "  {'find', 'x', 'x)'}, {'find', 'x', '%1'}, {'find', 'x', '%b'}, {'find', 'x', '%fx'},\n"
    "  {'find', 'x', '[%'}, {'find', 'x', '[]'}, {'find', 'xx', '(x%1)'},\n"
    "  {'match', 'x', ('(x?)'):rep(33)},\n"
    "} do same(table.unpack(c, 1, 5)) end\n"
    "for c = 0, 255 do\n"
    "  for k in ('acdglpsuwxzACDGLPSUWX.'):gmatch('.') do\n"
    "    same('find', stock.char(c), k == '.' and k or '%' .. k)\n"
    "    same('find', stock.char(c), '[^%' .. k .. ']')\n"
    "  end\n"
    "end\n";

static const char made_up[] =
    "local atoms = {'a', 'b', '.', '%a', '%d', '[ab]', '[^a]', '[%w_]', '(', ')',\n"
    "  '(', ')', '()', '%1', '%2', '%b()', '%f[%a]', '$', '^', '-', ']', '%%',\n"
    "  '[a-c]', '[]]', '[^]]', '%s', '%(', '%S', '[%a-]'}\n"
    "local often = {'', '', '', '*', '+', '-', '?'}\n"
    "local letters = {'a', 'b', 'c', '1', '(', ')', ' ', '_', '\\0', '-', ']', '^'}\n"
    "local function some(list, most)\n"
    "  local out = {}\n"
    "  for i = 1, math.random(0, most) do\n"
    "    out[i] = list[math.random(#list)]\n"
    "    if list == atoms then out[i] = out[i] .. often[math.random(#often)] end\n"
    "  end\n"
    "  return table.concat(out)\n"
    "end\n"
    "math.randomseed(20261122)\n"
    "for _ = 1, 30000 do\n"
    "  local s, p = some(letters, 12), some(atoms, 6)\n"
    "  same('find', s, p, math.random(-3, 5))\n"
    "  same('match', s, p)\n"
    "  same('gmatch', s, p)\n"
    "  same('gsub', s, p, '<%0>')\n"
    "  same('gsub', s, p, function(a, b) return b or a end, math.random(0, 4))\n"
    "end\n";

static struct event_base *base;
static struct engine *engine;

static void
run(const char *text)
{
	lua_State *L = engine_lua(engine);

	if (luaL_dostring(L, text))
		fail_msg("%s", lua_tostring(L, -1));
}

static lua_Integer
compared(void)
{
	lua_State *L = engine_lua(engine);
	lua_Integer n;

	lua_getglobal(L, "compared");
	n = lua_tointeger(L, -1);
	lua_pop(L, 1);
	return n;
}

static void
as_the_manual_says(void **state)
{
	(void)state;
	run(cases);
	assert_true(compared() > 10000);
}

static void
as_lua_does(void **state)
{
	lua_Integer before = compared();

	(void)state;
	run(made_up);
	assert_true(compared() - before > 50000);
}

static void
steps_run_out(void **state)
{
	static const char *const bad[] = { "a*a*a*a*a*a*b", "a-a-a-a-a-a-b",
		"(a*)(a*)(a*)%1%2%3b", "a?a?a?a?a?a?a?a?a*a*a*b", ".-.-.-.-b" };
	static struct {
		max_align_t align;
		char bytes[8192];
	} room;
	struct pattern *p = (void *)&room;
	char subject[1001];

	(void)state;
	memset(subject, 'a', sizeof subject);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint64_t steps = 100000;
		size_t at = 0, n = strlen(bad[i]);

		assert_true(pattern_size(n) <= sizeof room);
		assert_null(pattern_compile(p, bad[i], n, true));
		assert_true(pattern_search(p, subject, 1000, &at, &steps) ==
		    PATTERN_SPENT);
		assert_int_equal(steps, 0);
	}
}

static int
setup(void **state)
{
	static const struct engine_limits limits = { 1 << 20, 64 << 20,
		1000000, 4096, 5 };
	static const struct engine_host host;

	(void)state;
	base = event_base_new();
	engine = engine_new(base, "lua-profiles", &limits, &host);
	luaL_requiref(engine_lua(engine), "stock", luaopen_string, 1);
	lua_pop(engine_lua(engine), 1);
	run(compare);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	engine_free(engine);
	event_base_free(base);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_manual_says),
		cmocka_unit_test(as_lua_does),
		cmocka_unit_test(steps_run_out),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
