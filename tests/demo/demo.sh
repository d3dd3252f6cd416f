#!/usr/bin/env bash
# The main job: make demo's script, and what its two runs must show.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/_run.bash"

why=$(run_impossible)
[[ -z $why ]] || { skip 'make demo' "$why"; exit 0; }

export KAGEMUSHA_CAPTURES=$TMP/captures
if "$TOP/scripts/demo" >"$TMP/out" 2>"$TMP/err"; then
	ok 'the demo ends with 0'
else
	not_ok 'the demo ends with 0' "$(tail -n 20 "$TMP/out" "$TMP/err")"
	exit 1
fi
offline=$(echo "$TMP"/captures/*-offline)
driven=$(find "$TMP/captures" -mindepth 1 -maxdepth 1 ! -name '*-offline')

check 'captures/README.md describes every key of both runs' \
	lua5.4 "$TOP/tests/report/_documented.lua" "$driven" "$offline"
is 'the driven run finished' "$(jq -r .verdict "$driven/run.json")" finished
is 'containment was proved, before and after' \
	"$(jq -r '.containment | "\(.proved) \([.checks[].when] | unique | join(" "))"' "$driven/run.json")" \
	'true after before'

report=$driven/report.json
count() { jq "[.commands[] | select($1)] | length" "$report"; }
check 'at least 6 commands were handled' test "$(count '.verdict == "handled"')" -ge 6
check 'at least 2 commands were ignored' test "$(count '.verdict == "ignored"')" -ge 2
is 'no command was left unread' "$(count '.verdict == "unread"')" 0

# What linebot's source says each command does; the ledger must say the same.
row() { jq -c "[.commands[] | select(.name == \"$1\")][0]" "$report"; }
while read -r name filter; do
	check "$name: its own behaviour ($filter)" jq -e "$filter" <<<"$(row "$name")"
done <<'E2'
UDP .verdict == "handled" and ([.flows[] | select(.proto == "udp")] | length) == 1
TCP .verdict == "handled" and ([.flows[] | select(.proto == "tcp")] | length) >= 1
HTTP .verdict == "handled" and ([.flows[] | select(.proto == "tcp" and .dest_port == 80)] | length) == 1
RESOLVE .verdict == "handled" and (.dns | length) >= 1
DROP .verdict == "handled" and (.files | length) >= 1
HOLD .verdict == "handled" and (.processes | length) >= 1
E2

is 'offline: no command reached the sample' \
	"$(jq -s '[.[] | select(.event_type == "function" and .function.name == "processCmd")] | length' "$offline/device.jsonl")" 0
is 'offline: every TCP connect failed' "$(jq -s '[.[] | select(.event_type == "syscall"
	and .syscall.name == "connect" and .syscall.ret == 0
	and .syscall.socket.proto == "TCP")] | length' "$offline/device.jsonl")" 0
check 'offline: the sample tried again and again' test "$(jq -s '[.[]
	| select(.event_type == "syscall" and .syscall.name == "connect")] | length' \
	"$offline/device.jsonl")" -ge 3
check 'driven: the handler is entered within 5 s' \
	jq -e '.handler.at > 0 and .handler.at < 5' "$report"
for run in "$offline" "$driven"; do
	check "${run##*/}: jq reads every line" lines_read "$run"
	check "${run##*/}: the report's files are there" test -s "$run/run.json"
	if command -v tshark >/dev/null; then
		check "${run##*/}: tshark reads every packet" capture_reads "$run"
	else
		skip "${run##*/}: tshark reads every packet" 'needs tshark'
	fi
done
# The study's second experiment: forged success stands between the two.
forged=$TMP/captures/forged
if "$KAGE" run "$LINEBOT" --offline --time 8 --rewrite connect=0,recv=1 --no-report \
	--out "$forged" >/dev/null 2>"$TMP/err"; then
	ok 'a run with forged return values'
	"$KAGE" report --quiet "$driven" --beside "$offline" --beside "$forged"
	# connect() succeeds there, and yet no command is ever read.
	check 'forged: connect succeeds' jq -es '[.[] | select(.event_type == "syscall"
		and .syscall.name == "connect" and .syscall.ret == 0)] | length > 0' \
		"$forged/device.jsonl"
	is 'forged: the handler is never entered' "$(jq -s '[.[] | select(.event_type == "function"
		and .function.name == "processCmd")] | length' "$forged/device.jsonl")" 0
	check 'the report has the three side by side' \
		grep -Eq '^name +offline +forged +driven' "$driven/report.txt"
else
	not_ok 'a run with forged return values' "$(cat "$TMP/err")"
fi
for run in "$TMP"/captures/*; do
	is "${run##*/}: nothing is left" "$(leftovers "$(jq -r .parameters.lab "$run/run.json")")" ''
done
