#!/usr/bin/env bash
# The dialogues beside this file, and that a dialogue can fail. They are played
# in the responder's own engine on a clock that jumps, so no second passes.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
cd "$TOP" || exit 1
chat=$BUILD/chat
[[ -x $chat ]] || { skip chat 'build/chat is not built'; exit 0; }

"$chat" tests/profiles/*.chat
is 'all dialogues together end with 0' $? 0

for f in lua-profiles/{families,services}/*.lua; do
	name=${f##*/} name=${name%.lua}
	set -- tests/profiles/"$name"-*.chat
	check "$name has a good dialogue and three bad ones" \
		test -e "tests/profiles/$name-good.chat" -a $# -ge 4
done

# fails NAME WANT LINE...: the dialogue fails, with a message that has WANT.
fails() {
	local name=$1 want=$2 out status
	shift 2
	printf '%s\n' "$@" >"$TMP/d.chat"
	out=$("$chat" "$TMP/d.chat" 2>&1)
	status=$?
	if ((status == 1)) && grep -qF -- "$want" <<<"$out"; then ok "$name"; else
		not_ok "$name" "status $status, wanted '$want': $out"
	fi
}
fails 'other bytes than wanted' \
	'd.chat:3: <: it should say "hullo", and it said "hello"' \
	'profile echo' '> "hello"' '< "hullo"'
fails 'bytes that never come' 'd.chat:3: <*: somewhere it should say "bye"' \
	'profile echo' '> "hello"' '<* "bye"'
fails 'bytes where none should be' 'd.chat:3: quiet: it should say nothing' \
	'profile echo' '> "hello"' 'quiet 5'
fails 'an event that is not there' 'd.chat:3: event: 0 such events' \
	'profile echo' '> "hello"' 'event note note.kind=x'
fails 'an event that should not be there' 'd.chat:3: no-event: 1 such events' \
	'profile echo' 'connect' 'no-event open'
fails 'a wrong count' 'd.chat:3: events: 1 such events' \
	'profile echo' 'connect' 'events 2 open'
fails 'a session that goes on' 'd.chat:3: closed: the session should have' \
	'profile discard' '> "hello"' 'closed'
fails 'a wrong score' 'd.chat:2: match: match should give 0 to 5, and gives 90' \
	'profile http' 'match 0 5 "GET / HTTP/1.0\r\n"'
fails 'an unknown step' 'd.chat:2: no such step: frob' 'profile echo' 'frob'
fails 'a broken text' 'd.chat:2: >: a "text" or hex 00 01 is wanted' \
	'profile echo' '> "hello'
fails 'an unknown profile' "no profile 'nowhere'" 'profile nowhere' '> "a"'
fails 'a wrong setting' 'a setting is wrong' 'profile echo' 'set memory=soon'
echo 'return {' >"$TMP/bad.lua"
fails 'a profile that is broken' 'bad.lua:' "profile $TMP/bad.lua" '> "a"'

# Profiles that misbehave end their own session, and say where.
cat >"$TMP/loop.lua" <<'E2'
return { name = "loop", kind = "service", stream = function(conn)
  conn:recv_line()
  while true do end
end }
E2
printf '%s\n' "profile $TMP/loop.lua" '> "go\n"' closed 'events 1 error' \
	>"$TMP/d.chat"
check 'an endless loop ends its session' "$chat" "$TMP/d.chat"
cat >"$TMP/late.lua" <<'E2'
return { name = "late", kind = "service", stream = function(conn)
  conn:close()
  assert(conn:send("late") == nil)
  assert(conn:command("late") == nil)
  assert(conn:recv_line() == nil)
end }
E2
printf '%s\n' "profile $TMP/late.lua" connect closed 'no-event error' \
	>"$TMP/d.chat"
check 'sending to a closed conn is an answer, no error' "$chat" "$TMP/d.chat"

out=$(printf 'BUILD mips\n' | "$chat" --set only=UDP gafgyt)
check 'pasted input: what the profile would send, with times' \
	grep -qE '^ +[0-9]+\.[0-9]+ +< +"!\* UDP 198\.18\.0\.1 9999 4\\n"$' <<<"$out"
out=$(printf 'BUILD mips\n' | scripts/kagemusha-profile chat --set only=UDP gafgyt)
check 'the same through kagemusha profile chat' grep -q 'UDP 198' <<<"$out"
"$chat" >/dev/null 2>&1
is 'without a profile: 2' $? 2
"$chat" nowhere </dev/null >/dev/null 2>&1
is 'an unknown profile: 2' $? 2
"$chat" --frob >/dev/null 2>&1
is 'an unknown option: 2' $? 2
check '--help' "$chat" --help
leftover=$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'kage-chat.*' -newer "$TMP/loop.lua")
is 'nothing is left behind' "$leftover" ''
