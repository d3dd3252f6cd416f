#!/usr/bin/env bash
# lua-profiles/README.md is true: its profile passes check and its dialogue,
# every step of the tutorial works as printed, and the table of calls has all
# that profiles can call, and nothing else.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
readme=$TOP/lua-profiles/README.md
profile=$TOP/scripts/kagemusha-profile

# block N LANGUAGE: the n-th fenced block of a language.
block() {
	awk -v want="\`\`\`$2" -v n="$1" '
		$0 == want && !inside { inside = 1; seen++; next }
		/^```/ { if (!inside) skip = !skip; inside = 0; next }
		inside && seen == n' "$readme"
}
block 1 lua >"$TMP/tutor.lua"
check "the tutorial's profile passes check" "$profile" check "$TMP/tutor.lua"
awk '/^profile tutor.lua/ { on = 1 } /^```/ { on = 0 } on' "$readme" |
	sed "s|^profile tutor.lua|profile $TMP/tutor.lua|" >"$TMP/tutor.chat"
check "the tutorial's dialogue has steps" test "$(wc -l <"$TMP/tutor.chat")" -gt 8
if [[ -x $BUILD/chat ]]; then
	check "the tutorial's dialogue is played" "$BUILD/chat" \
		--profiles "$TOP/lua-profiles" "$TMP/tutor.chat"
	out=$(echo 'knock mips' | "$BUILD/chat" --profiles "$TOP/lua-profiles" \
		"$TMP/tutor.lua")
	check 'chat shows what it would send' grep -q 'do ring;198.18.0.1' <<<"$out"
else
	skip "the tutorial's dialogue is played" 'build/chat is not built'
fi

# The command of step 1 that looks into the file.
command=$(grep -oE "strings -n 3 build/specimens[^\`]*" "$readme")
if [[ -x $BUILD/specimens/i386/tutorbot ]] && command -v strings >/dev/null; then
	found=$(bash -c "${command/build\//$BUILD/}")
	for word in 'did ' 'alive?' 'yes' 'do ' enter; do
		check "strings shows '$word'" grep -qxF "$word" <<<"$found"
	done
else
	skip 'strings shows the words' 'no specimen for i386, or no strings'
fi

# What the engine has, from its own tables, against README and `check`.
cat >"$TMP/api.lua" <<'L'
package.path = arg[1] .. "/scripts/profile/?.lua"
local api = require "api"
for name in pairs(api.conn) do print("conn:" .. name) end
for name in pairs(api.http2) do print("h:" .. name) end
for _, table in ipairs { "responder", "lab", "device", "dns", "http2" } do
  for name in pairs(api.tables[table]) do print(table .. "." .. name) end
end
L
lua5.4 "$TMP/api.lua" "$TOP" | sort >"$TMP/calls"
missing=''
while IFS= read -r call; do
	name=${call#*[:.]}
	grep -qE "\`[^\`]*[:.]$name\b" "$readme" || missing+=" $call"
done <"$TMP/calls"
is 'README.md names every call' "$missing" ''
# engine ARRAY PREFIX: names in a luaL_Reg table of the engine.
engine() {
	sed -n "/luaL_Reg $1\[\]/,/^};/p" "$TOP"/responder/script/*.c |
		grep -o '{ "[a-z_]*"' | tr -d '{ "' | sed "s/^/$2/"
}
{
	engine conn_methods conn:
	engine responder_functions responder.
	engine lab_functions lab.
	engine device_functions device.
	engine dns_functions dns.
	engine http2_functions http2.
	engine http2_methods h:
} | sort >"$TMP/engine"
check 'the engine has calls' test "$(wc -l <"$TMP/engine")" -gt 20
is 'check and README know what the engine has' \
	"$(comm -23 "$TMP/engine" "$TMP/calls")" ''
