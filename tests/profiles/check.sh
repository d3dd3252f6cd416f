#!/usr/bin/env bash
# kagemusha profile list, check, new: our profiles are fine, and each seeded
# mistake under broken/ is found, with its line. The first line of a broken
# profile says what is wanted: "-- wants LINE: TEXT".
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
profile=$TOP/scripts/kagemusha-profile

check 'our own profiles are fine' "$profile" check \
	"$TOP"/lua-profiles/{families,services}/*.lua

count=0
all=$("$profile" check "$TOP"/tests/profiles/broken/*.lua)
is 'check ends with 1 when it finds something' $? 1
for f in "$TOP"/tests/profiles/broken/*.lua; do
	wanted=$(head -n 1 "$f")
	wanted=${wanted#-- wants }
	out=$(grep -F "$f:" <<<"$all")
	if grep -qF -- "${wanted#*: }" <<<"$(grep -F "$f:${wanted%%:*}: " <<<"$out")"; then
		ok "found: ${f##*/}"
		((count += 1))
	else
		not_ok "found: ${f##*/}" "wanted: $wanted; got: $out"
	fi
done
cat >"$TMP/fine.lua" <<'E2'
return { name = "fine", kind = "service", ports = { tcp = { 9 }, udp = { 9 } },
  stream = function(c)
    c:settle()
    c:send(5)
    return c:command("UDP " .. lab.target(6) .. " " .. lab.target() .. " 9\n")
  end,
  datagram = function(d) d:reply(d.data) end }
E2
is 'what the engine takes is fine' "$("$profile" check "$TMP/fine.lua")" "$TMP/fine.lua: fine"
KAGE_BUILD=$TMP "$profile" check "$TMP/fine.lua" >/dev/null 2>"$TMP/err"
is 'check without the engine: 3, and what to do' "$? $(grep -c 'run make' "$TMP/err")" '3 1'
check "at least 25 seeded mistakes are found: $count" test "$count" -ge 25

for kind in '' --service; do
	# shellcheck disable=SC2086
	"$profile" new $kind mine >"$TMP/mine.lua"
	check "a new profile is fine ($kind)" "$profile" check "$TMP/mine.lua"
done

out=$("$profile" list)
is 'list ends with 0' $? 0
for name in gafgyt mirai tsunami httpbot shell line binary http; do
	check "list has $name" grep -q "^$name " <<<"$out"
done
"$profile" list --json >"$TMP/list.json"
is 'list --json is JSON, a line a profile' \
	"$(jq -r 'select(.name == "gafgyt") | .kind' "$TMP/list.json" 2>&1)" family
mkdir -p "$TMP/p/families" "$TMP/p/lib"
echo 'return 5' >"$TMP/p/families/bad.lua"
KAGEMUSHA_PROFILES=$TMP/p "$profile" list >/dev/null 2>"$TMP/err"
is 'list: a broken profile is told and costs status 1' \
	"$? $(grep -c bad.lua "$TMP/err")" '1 1'

"$profile" >/dev/null 2>&1
is 'no action: 2' $? 2
"$profile" frob >/dev/null 2>&1
is 'an unknown action: 2' $? 2
"$profile" check >/dev/null 2>&1
is 'check without a file: 2' $? 2
"$profile" check nowhere >/dev/null 2>&1
is 'check of an unknown name: 2' $? 2
"$profile" new 'A B' >/dev/null 2>&1
is 'new with a bad name: 2' $? 2
check '--help' "$profile" --help
