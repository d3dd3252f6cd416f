#!/usr/bin/env bash
# kagemusha attach: watching a run, sending commands by hand, for persons and
# for programs.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/_responder.sh"

cat >"$TMP/slow.lua" <<'L'
local scenario = require "scenario"
local family = scenario.family {
  name = "slow", ports = { tcp = { 23 } }, hello = { patterns = { "^HELLO" } },
  match = function(first) return first:find("^HELLO") and 90 or 0 end,
  options = { window = 0, quiet = 0.3, max = 5 },
  commands = { { name = "one", send = "ONE\n" }, { name = "two", send = "TWO\n" } },
}
return family
L
# Silence lasts, so that a busy machine does not decide who plays.
start_responder --profile "$TMP/slow.lua" --set silence=60 \
	--listen 127.0.0.1:0@198.18.0.2:23 \
	--listen 127.0.0.1:0@198.18.0.3:9
read -r port dead < <(grep -oE 'tcp=[^ ]*' <<<"$READY" | sed 's/.*://' | tr '\n' ' ')
kage_attach() { timeout "${LIMIT:-20}" "$TOP/scripts/kagemusha" attach "$@"; }
is "only its owner may" "$(stat -c %a "$RUN/attach.sock")" 600

# A program: coproc speaks the protocol.
coproc A { LIMIT=300 kage_attach --json "$RUN" 2>"$TMP/a.err"; }
# shellcheck disable=SC2153 # coproc sets it
a_pid=$A_PID
# Its own descriptors are closed as soon as it has ended.
exec {a_out}<&"${A[0]}" {a_in}>&"${A[1]}"
line='' lines=0
# await FILTER: reads lines until jq says that one fits; it stays in line.
await() {
	while read -r -t 10 -u "$a_out" line; do
		((lines += 1))
		! jq -e "$1" <<<"$line" >/dev/null 2>&1 || return 0
	done
	line="nothing that is $1, after $lines lines"
	return 1
}
ask() { printf '%s\n' "$1" >&"$a_in"; }
await '.attach.state == "hello"'
is "hello comes first" "$lines $(jq -c '.attach | [.version, .run, .line_max]' <<<"$line")" \
	"1 [1,\"${RUN##*/}\",65536]"
ask '{"do":"watch"}'
await '.re == "watch"'
ask '{"do":"hold","id":[1]}'
await '.re == "hold"'
is "an answer has the request's id" "$(jq -c .id <<<"$line")" '[1]'
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'HELLO\n' >&3
await '.event_type == "data" and .data.text == "HELLO\n"'
ok "what is watched comes: $(jq -r .session <<<"$line")"
session=$(jq .session <<<"$line")
await '.note.kind == "detect"'
ask '{"do":"list","id":"l"}'
await '.re == "list"'
is "the list" "$(jq -c '[.id, (.sessions[0] | [.session, .state, .profile, .dest_ip, .dest_port, .bytes_toserver])]' \
	<<<"$line")" "[\"l\",[$session,\"played\",\"slow\",\"198.18.0.2\",23,6]]"
ask "{\"do\":\"send\",\"session\":$session,\"text\":\"!* MINE 198.18.0.1\\n\",\"seconds\":3}"
await '.event_type == "command"'
is "a command of its own" "$(jq -c '[.command, .command_info]' <<<"$line")" \
	'[1,{"name":"MINE","offset":0,"length":19,"text":"!* MINE 198.18.0.1\n","by":"attach","seconds":3}]'
await '.event_type == "data" and .command == 1'
is "its bytes bear its number" "$(jq -c .data.text <<<"$line")" '"!* MINE 198.18.0.1\n"'
await '.re == "send"'
is "the answer has its number" "$(jq .command <<<"$line")" 1
is "the sample reads it" "$(timeout 20 head -n 1 <&3)" '!* MINE 198.18.0.1'
ask "{\"do\":\"send\",\"session\":$session,\"text\":\"UDP 8.8.8.8\"}"
await '.re == "send"'
is "a foreign target is refused" "$(jq -r .error <<<"$line")" \
	'refused: 8.8.8.8 is outside the lab (--allow-target would allow it)'
ask "{\"do\":\"send\",\"session\":$session,\"base64\":\"AP8=\",\"words\":\"2001:db8::1\"}"
await '.re == "send"'
is "also one in words for bytes" "$(jq -r .error <<<"$line" | cut -d' ' -f 1,2)" \
	'refused: 2001:db8::1'
ask "{\"do\":\"send\",\"session\":$session,\"hex\":\"00 fF0a\"}"
await '.event_type == "data" and .command == 4'
is "bytes" "$(jq -c .data.base64 <<<"$line")" '"AP8K"'
timeout 20 head -n 1 <&3 >/dev/null
# Held back, the profile has said nothing of its own in all that time.
is "profiles hold back" "$(events 'select(.event_type=="command" and (.command_info.by | not))' | wc -l)" 0
ask '{"do":"go"}'
await '.event_type == "command" and .command_info.name == "one"'
is "and go on" "$(timeout 20 head -n 1 <&3)" ONE
await '.event_type == "settle"'
is "what settles is the profile's" "$(jq .command <<<"$line")" 5

# Mistakes.
wrong() {
	ask "$1"
	await 'has("error")' || :
	is "mistake: $1" "$(jq -r .error <<<"$line" | cut -c1-"${#2}")" "$2"
}
wrong 'nonsense' "'[' or '{' expected"
wrong '{"do":"dance"}' 'do: one of list, watch'
wrong '{"do":"send"}' 'session: a number'
wrong '{"do":"send","session":99,"text":"x"}' 'no such session'
wrong "{\"do\":\"send\",\"session\":$session}" 'text, base64 or hex'
wrong "{\"do\":\"send\",\"session\":$session,\"hex\":\"0\"}" 'hex: pairs'
wrong "{\"do\":\"send\",\"session\":$session,\"base64\":\"a-b\"}" 'base64: that is none'
wrong '{"do":"watch","session":"x"}' 'session: a number'
wrong '{"do":"watch","session":99}' 'no such session'
wrong "[$session]" 'do: one of'

# Several at once; a line without end, and one who never reads.
(printf '%70000s' '' | kage_attach --json "$RUN") >"$TMP/long" 2>/dev/null
is "a line too long ends it" "$(tail -n 1 "$TMP/long" | jq -c .attach)" \
	'{"state":"line too long","line_max":65536}'
ask '{"do":"list"}'
check "and nobody else" await '.re == "list"'

# Without a name it is the only run that goes on; a killed one doesn't.
mkdir -p "$TMP/captures/killed"
echo '{"ended":null}' >"$TMP/captures/killed/run.json"
nc -lU "$TMP/captures/killed/attach.sock" &
killed=$!
wait_for 10 test -S "$TMP/captures/killed/attach.sock"
kill -KILL "$killed"
wait "$killed" 2>/dev/null
only() {
	KAGEMUSHA_CAPTURES=$TMP/captures kage_attach "$@" 2>&1 </dev/null
}
is "only a killed run: none goes on" "$(only; echo $?)" \
	"kagemusha attach: no run goes on under $TMP/captures: name its folder"$'\n1'
is "also by a part of its name" "$(only kill; echo $?)" "kagemusha attach: \
no run like 'kill' goes on under $TMP/captures: name its folder"$'\n1'
ln -s "$RUN" "$TMP/captures/living"
only >"$TMP/only"
is "one lives beside it: that one" "$? $(<"$TMP/only")" \
	"0 attached to ${RUN##*/}"
ln -s "$RUN" "$TMP/captures/other"
is "two live: which one?" "$(only)" \
	'kagemusha attach: several runs go on; which one? living other'

# By hand, in a pipe.
printf 'list\nuse %s\nsend by hand\nhex 41 42\neol crlf\nsend x\nclose\n' "$session" |
	kage_attach "$RUN" >"$TMP/hand"
is "a pipe ends with 0" "$?" 0
is "what a person sees" "$(grep -cE "^#$session +played +slow|^sent as command|> \[[0-9]+\] \"(by hand\\\\n|AB|x\\\\r\\\\n)\"" \
	"$TMP/hand")" 7
await '.event_type == "close"'
is "closed by hand" "$(jq -r .close.reason <<<"$line")" 'closed by hand'
exec 3>&-
printf 'use %s\nsend x\n' "$session" | kage_attach "$RUN" >"$TMP/hand"
is "what can't be done ends with 1" "$? $(tail -n 1 "$TMP/hand")" \
	'1 ! no such session goes on'
printf 'dance\nsend\n' | kage_attach "$RUN" >"$TMP/hand"
is "words without meaning" "$? $(grep -c '^!' "$TMP/hand")" '1 2'

# A peer that nobody plays can be driven by hand.
exec 3<>"/dev/tcp/127.0.0.1/$dead"
await '.event_type == "open" and .dest_port == 9'
session=$(jq .session <<<"$line")
ask "{\"do\":\"send\",\"session\":$session,\"text\":\"early\"}"
await '.re == "send"'
is "not before it is known who plays" "$(jq -r .error <<<"$line")" \
	'not yet: its first bytes decide who plays'
printf '\1\2\3' >&3
await '.note.kind == "detect"'
ask "{\"do\":\"send\",\"session\":$session,\"text\":\"hi\\n\"}"
await '.re == "send"'
is "nobody's session" "$(timeout 20 head -n 1 <&3)" hi
printf '\33[2Jdraw\302\233' >&3
exec 3>&-
await '.event_type == "close"'

# A terminal: what comes goes above the line that is typed.
if command -v script >/dev/null; then
	mkfifo "$TMP/keys"
	TERM=xterm timeout 20 script -qefc \
		"'$TOP/scripts/kagemusha' attach '$RUN'" "$TMP/screen" \
		<"$TMP/keys" >/dev/null 2>&1 &
	exec 4>"$TMP/keys"
	screen() { grep -qF -- "$1" <<<"$(tr -d "\r" <"$TMP/screen")"; }
	check "terminal: a prompt" wait_for 10 screen 'attach> '
	check "terminal: the list" wait_for 10 screen 'no session goes on'
	printf 'watch all\n' >&4
	check "terminal: typed" wait_for 10 screen 'watch all'
	printf 'lis' >&4
	check "terminal: half a word" wait_for 10 screen 'attach> lis'
	exec 3<>"/dev/tcp/127.0.0.1/$dead"
	printf '\33[2J"\302\233' >&3
	check "terminal: escapes are shown, not drawn" \
		wait_for 10 screen '< "\x1b[2J\"\xc2\x9b"'
	again() { grep -q "attach> lis\$" <<<"$(tr -d "\r" <"$TMP/screen" | sed '1,/< "/d')"; }
	check "terminal: the half word stands below it" wait_for 10 again
	printf 't\n' >&4
	check "terminal: and is still a word" wait_for 10 screen "#$((session + 1))"
	exec 3>&- 4>&-
else
	skip "a terminal" "script is not installed"
fi

# A slow reader misses events, and is told; nobody waits for it. The kernel and
# we hold 1.2 MB for it.
ask "{\"do\":\"unwatch\"}"
await '.re == "unwatch"'
mkfifo "$TMP/slow"
timeout 60 nc -U "$RUN/attach.sock" >"$TMP/slow" < <(echo '{"do":"watch"}') &
slow=$!
exec 5<"$TMP/slow"
read -r -u 5 _
read -r -u 5 _
exec 3<>"/dev/tcp/127.0.0.1/$dead"
head -c 4000000 /dev/zero >&3
has '.data.offset + .data.length == 4000000'
check "a slow reader is told what it missed" grep -qm 1 '"state":"missed","events":[1-9]' <&5
exec 3>&- 5>&-
kill "$slow" 2>/dev/null

# The end.
ask '{"do":"watch"}'
await '.re == "watch"'
stop_responder
check "the end is told" await '.attach.state == "end"'
wait "$a_pid" 2>/dev/null
is "and no failure" "$?" 0
# One that was root and is nobody now can't remove its socket.
kage_attach "$RUN" 2>"$TMP/err" </dev/null
is "nobody listens: 1" "$? $(grep -cE 'nobody (listens|is there any more)' "$TMP/err")" '1 1'
rm -f "$RUN/attach.sock"
kage_attach "$RUN" 2>"$TMP/err" </dev/null
is "no socket: 1" "$? $(grep -c 'nobody listens' "$TMP/err")" '1 1'
echo '{"ended":"2026-11-22T20:00:00.000000+0000"}' >"$RUN/run.json"
kage_attach "$RUN" 2>"$TMP/err" </dev/null
is "a run that has ended: 1, and what to do" "$? $(grep -c 'ended at 2026-11-22T20:00:00.000000+0000: see kagemusha report' "$TMP/err")" '1 1'
kage_attach "$TMP/none" 2>/dev/null </dev/null
is "no folder: 1" "$?" 1
kage_attach --nonsense 2>/dev/null </dev/null
is "usage: 2" "$?" 2
