#!/usr/bin/env bash
# The dialogues beside this file, and that a dialogue can fail. They are played
# in the responder's own engine on a clock that jumps, so no second passes.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
cd "$TOP" || exit 1
chat=$BUILD/chat
[[ -x $chat ]] || { skip chat 'build/chat is not built'; exit 0; }
# Its folders, and no other test's.
export TMPDIR=$TMP/scratch
mkdir "$TMPDIR"

"$chat" tests/profiles/*.chat
is 'all dialogues together end with 0' $? 0

for f in lua-profiles/{families,services}/*.lua; do
	name=${f##*/} name=${name%.lua}
	good=0 bad=0 ways=''
	for d in tests/profiles/"$name"-*.chat; do
		case $d in
		*-good.chat | *-tls.chat | *-datagram.chat) ((good += 1)) ;;
		*) ((bad += 1)) ;;
		esac
	done
	check "$name has a good dialogue and three bad ones" \
		test "$good" -ge 1 -a "$bad" -ge 3
	! grep -q '^  datagram = ' "$f" || ways=datagram
	[[ -z $ways ]] || check "$name has a dialogue of datagrams" \
		test -e "tests/profiles/$name-$ways.chat"
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

cat >"$TMP/starttls.lua" <<'E2'
return { name = "starttls", kind = "service", stream = function(conn)
  local line = conn:recv_line()
  conn:send("220 go\r\n")
  assert(conn:start_tls())
  conn:note("inside", { sni = conn:sni(), first = line })
  conn:send("inside: " .. conn:recv_line() .. "\r\n")
end }
E2
printf '%s\n' "profile $TMP/starttls.lua" '> "STARTTLS\r\n"' '< "220 go\r\n"' \
	'tls mail.example' '> "hello\r\n"' '< "inside: hello\r\n"' \
	'event note note.kind=inside note.sni=mail.example note.first=STARTTLS' \
	'event tls tls.sni=mail.example' closed >"$TMP/d.chat"
check 'a profile that begins TLS itself' "$chat" "$TMP/d.chat"
fails 'TLS that the profile never begins' 'there should be TLS now' \
	"profile $TMP/loop.lua" connect 'tls'
fails 'TLS twice' 'there is TLS already' 'profile echo' tls tls
fails 'an answer that differs' 'it should answer "b", and it answered "a"' \
	'profile echo' 'datagram "a"' 'answer "b"'
fails 'an answer that never comes' 'no datagram came' \
	'profile discard' 'datagram "a"' 'answer "a"'
fails 'an answer where none should be' 'it should not answer' \
	'profile echo' 'datagram "a"' 'no-answer 1'
fails 'datagrams for a profile without' 'takes no datagrams' \
	'profile http' 'datagram "a"'
cat >"$TMP/only.lua" <<'E2'
return { name = "only", kind = "service", datagram = function(dgram)
  dgram:note("first", { ok = dgram:reply("one") })
  local _, err = dgram:reply("two")
  dgram:note("second", { err = err })
  if dgram.data == "raise\n" then error("no") end
end }
E2
printf '%s\n' "profile $TMP/only.lua" 'datagram "x"' 'answer "one"' 'no-answer 1' \
	'event note note.kind=first note.ok=true' \
	'event note note.kind=second note.err="answered already"' \
	'datagram "raise\n"' 'answer "one"' 'events 1 error' \
	'datagram "y"' 'answer "one"' >"$TMP/d.chat"
check 'one answer a datagram; a mistake ends that datagram only' "$chat" "$TMP/d.chat"
fails 'a connection to a profile of datagrams' 'takes no connections' \
	"profile $TMP/only.lua" '> "a"'
out=$(echo hello | "$chat" "$TMP/only.lua")
check 'pasted input to a profile of datagrams' grep -q '< *"one"' <<<"$out"

out=$(printf 'BUILD mips\n' | "$chat" --set only=UDP gafgyt)
check 'pasted input: what the profile would send, with times' \
	grep -qE '^ +[0-9]+\.[0-9]+ +< +"!\* UDP 198\.18\.0\.1 9999 5 32 64 10\\n"$' <<<"$out"
out=$(printf 'BUILD mips\n' | scripts/kagemusha-profile chat --set only=UDP gafgyt)
check 'the same through kagemusha profile chat' grep -q 'UDP 198' <<<"$out"
# A bot that answers, and one that hangs up: a profile of the test's own.
cat >"$TMP/ask.lua" <<'E2'
return { name = "ask", kind = "service", stream = function(conn)
  for n = 1, 3 do
    conn:send("number " .. n .. "?\n")
    conn:note("heard", { line = conn:recv_line() })
  end
  conn:command("UDP 8.8.8.8 9\n")
end, datagram = function(dgram) dgram:reply(dgram.data .. "!") end }
E2
out=$("$chat" --reply '"yes\r\n"' "$TMP/ask.lua" </dev/null)
is '--reply answers all that the profile says' \
	"$(grep -c 'note .*"line":"yes"' <<<"$out")" 3
check 'what is refused is shown' grep -q 'command  1 UDP refused: 8\.8\.8\.8 is' <<<"$out"
out=$("$chat" --reply '"yes\n"' --hangup 0.3 "$TMP/ask.lua" </dev/null)
is '--hangup hangs up' "$(grep -c 'note .*"line":"yes"' <<<"$out") \
$(grep -o '"reason":"[^"]*"' <<<"$out")" '1 "reason":"client closed"'
out=$(printf 'a\0b' | "$chat" --datagram "$TMP/ask.lua")
check '--datagram: the input is one' grep -qF '"a\x00b!"' <<<"$out"
"$chat" --datagram http </dev/null >/dev/null 2>&1
is '--datagram to a profile without: 1' $? 1
for wrong in reply=yes 'reply="a"b' hangup=soon time=-1 time=; do
	"$chat" "--$wrong" echo </dev/null >/dev/null 2>&1
	is "--$wrong: 2" $? 2
done

# Command lists in files, as editors of every kind leave them.
said() { # PROFILE OPTION...: what it sends, a line each
	local name=$1
	shift
	printf 'HI\n\1' | "$chat" --set window=0 --set quiet=0.1 "$@" "$name" |
		sed -n 's/^ *[0-9.]*  <  *//p'
}
printf '\xef\xbb\xbf# comment\r\nUDP {target} 5\r\nwho: WHO | ME\r\n\r\n  caf\xc3\xa9  \r\nlast' \
	>"$TMP/lines.txt"
is 'a file of commands' "$(said line --set "commands=@$TMP/lines.txt")" \
	'"UDP 198.18.0.1 5\n"
"WHO | ME\n"
"caf\xc3\xa9\n"
"last\n"'
printf '# comment\nudp: 01 {target:4} {port:2<}\r\nask: "h|i" 0a' >"$TMP/bytes.txt"
is 'a file of commands in hexadecimal' "$(said binary --set "commands=@$TMP/bytes.txt" |
	sed 's/base64 //' | while read -r line; do base64 -d <<<"$line" 2>/dev/null |
		od -An -tx1 || echo "$line"; done)" ' 01 c6 12 00 01 0f 27
"h|i\n"'
is 'a value that begins with @' "$(said line --set commands=DO --set prefix=@@)" '"@DO\n"'
"$chat" --set "commands=@$TMP/nowhere" line </dev/null >/dev/null 2>"$TMP/err"
is 'no such file: 2, and why' "$? $(grep -c 'nowhere: No such file' "$TMP/err")" '2 1'
"$chat" --set "commands=@$TMP" line </dev/null >/dev/null 2>"$TMP/err"
is 'a folder: 2' "$?" 2
printf 'a\0b' >"$TMP/nul.txt"
"$chat" --set "commands=@$TMP/nul.txt" line </dev/null >/dev/null 2>"$TMP/err"
is 'no text: 2' "$? $(grep -c 'is no text' "$TMP/err")" '2 1'
scripts/kagemusha-profile check --set "commands=@$TMP/bytes.txt" binary >"$TMP/out"
is 'check reads it, too' "$? $(grep -c fine "$TMP/out")" '0 1'

# Options that can't be are told before anything is played.
for wrong in hold=x repeat=0 quiet=-1 dport=99999 order=up window=inf 'only=,'; do
	"$chat" --set "$wrong" gafgyt </dev/null >/dev/null 2>"$TMP/err"
	is "$wrong: 1, and which" "$? $(grep -c "option ${wrong%=*}" "$TMP/err")" '1 1'
done

"$chat" >/dev/null 2>&1
is 'without a profile: 2' $? 2
"$chat" nowhere </dev/null >/dev/null 2>&1
is 'an unknown profile: 2' $? 2
"$chat" --frob >/dev/null 2>&1
is 'an unknown option: 2' $? 2
check '--help' "$chat" --help
# A person who ends it by Ctrl-C, at a terminal.
mkfifo "$TMP/keys"
exec 9<>"$TMP/keys"
script -qec "exec '$chat' lua-profiles/services/echo.lua" /dev/null <&9 \
	>"$TMP/typed" 2>&1 &
terminal=$!
wait_for 20 grep -q 'You are the bot' "$TMP/typed"
kill -INT "$(pgrep -P "$terminal")"
wait "$terminal"
is 'Ctrl-C ends it with 130' $? 130
exec 9>&-
is 'nothing is left behind' "$(ls -A "$TMPDIR")" ''
