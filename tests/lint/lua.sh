#!/usr/bin/env bash
# Lua files pass luacheck with the rules in .luacheckrc.
. "$(dirname "$0")/../tap.sh"
cd "$TOP" || exit 1

lua_files() {
	find lua-profiles scripts tests -name broken -prune -o \
		-type f -name '*.lua' -print 2>/dev/null
	grep -lE '^#!.*lua5\.4' scripts/kagemusha-* 2>/dev/null
}

mapfile -t files < <(lua_files | sort -u)
if ((${#files[@]} == 0)); then
	skip luacheck 'no Lua file yet'
elif command -v luacheck >/dev/null; then
	check "luacheck, ${#files[@]} files" luacheck -q --no-color "${files[@]}"
else
	skip luacheck 'luacheck is not installed (package lua-check)'
fi
