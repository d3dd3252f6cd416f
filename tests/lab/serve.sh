#!/usr/bin/env bash
# kagemusha serve: a device of one's own is answered and recorded; however it
# ends, the folder is whole and the lab is as it was before.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
for p in responder recorder; do
	[[ -x $BUILD/$p ]] || { skip serve.sh "no $p is built"; exit 0; }
done

# serve NAME ARG...: starts it into $TMP/NAME and waits until it serves.
serve() {
	local name=$1
	shift
	"$TOP/scripts/kagemusha" serve --lab "$LAB" --out "$TMP/$name" "$@" \
		>"$TMP/$name.out" 2>"$TMP/$name.err" &
	serve=$!
	at_exit "kill $serve 2>/dev/null"
	wait_for 60 grep -qs '"state":"ready"' "$TMP/$name/session.jsonl" ||
		diag "$name is not ready: $(<"$TMP/$name.err")"
}
dial() {
	lab exec --as-device timeout 20 bash -c \
		"exec 9<>/dev/tcp/203.0.113.7/4321 && echo hello >&9"
}
fact() { jq -c "$2" "$TMP/$1/run.json"; }
# told NAME: does the journal have what was dialled?
told() {
	jq -e -n 'first(inputs | select(.event_type == "data" and
		.dest_port == 4321 and .data.text == "hello\n"))' \
		"$TMP/$1/session.jsonl"
}

serve one
is 'serves' "$?" 0
check 'a device is answered' dial
check 'and what it said is in the journal' wait_for 20 told one
veth_gone() { [[ -z $(ip -n "kage-$LAB" -br link show type veth) ]]; }
wait_for 20 veth_gone
kill "$serve"
wait "$serve"
is 'SIGTERM ends it well' "$?" 0
is 'it prints the folder' "$(<"$TMP/one.out")" "$TMP/one"
is 'run.json is whole' "$(fact one '[.mode, .verdict, .exit_code,
	.containment.proved, ([.containment.checks[].when] | unique)]')" \
	'["serve","finished",0,true,["after","before"]]'
check 'every line of the folder is JSON' jq -e . "$TMP"/one/*.jsonl
is 'all of it belongs to its owner, and no socket is left' \
	"$(find "$TMP/one" -not -user root -o -type s)" ''
check 'the capture has the packets' test "$(jq .packets \
	"$TMP/one/recorder.json")" -gt 3
check 'its lab is gone' gone "$LAB"

# A lab that was up stays up; the time ends it.
lab up
serve two --time 1
wait "$serve"
is 'ends by itself' "$?:$(fact two .verdict)" '0:"finished"'
check 'a lab that was up stays' lab exec true
is 'silent in a pipe' "$(<"$TMP/two.err")" ''

# A program dies.
for victim in responder recorder; do
	serve "$victim"
	pid=$(ip netns pids "kage-$LAB" | while read -r p; do
		[[ $(<"/proc/$p/comm") != "$victim" ]] || echo "$p"
	done)
	kill -9 "$pid"
	wait "$serve"
	is "$victim killed: exit 1" "$?" 1
	is "$victim killed: says so" "$(fact "$victim" '[.verdict, .exit_code]')" \
		"[\"$victim died\",1]"
	is "$victim killed: nothing runs on" "$(ip netns pids "kage-$LAB")" ''
done

# serve itself is killed: its programs go with it, and a new one starts.
serve killed
kill -9 "$serve"
wait "$serve" 2>/dev/null
check 'killed: its programs end' wait_for 30 eval \
	'[[ -z $(ip netns pids "kage-$LAB") ]]'
serve again --time 1
wait "$serve"
is 'killed: another can begin' "$?" 0
lab down

# --- bad input ----------------------------------------------------------------
lab up --offline
message=$("$TOP/scripts/kagemusha" serve --lab "$LAB" --out "$TMP/bad" 2>&1 |
	head -n 1)
check 'an offline lab is refused' grep -q 'is up as offline' <<<"$message"
lab down
"$TOP/scripts/kagemusha" serve --nonsense >/dev/null 2>&1
is 'unknown option' "$?" 2
"$TOP/scripts/kagemusha" serve --time soon >/dev/null 2>&1
is 'no number' "$?" 2
"$TOP/scripts/kagemusha" serve --lab 'a lab' --out "$TMP/nolab" >/dev/null 2>&1
is 'no name for a lab, and no folder' "$? $([[ ! -e $TMP/nolab ]] && echo none)" '2 none'
"$TOP/scripts/kagemusha" serve --lab "$LAB" --out "$TMP/one" >/dev/null 2>&1
is 'a folder that holds a run' "$?" 1
lab up
ip netns add "kage-$LAB-out"
at_exit "ip netns del kage-$LAB-out"
ip -n "kage-$LAB" link add leak0 type veth peer name leak1 netns "kage-$LAB-out"
message=$("$TOP/scripts/kagemusha" serve --lab "$LAB" --out "$TMP/leak" 2>&1)
is 'a lab that leaks: exit 3' "$?" 3
check 'and says where' grep -q 'not contained: links: link leak0' <<<"$message"
is 'and no program was started' "$(ls "$TMP/leak")" run.json
