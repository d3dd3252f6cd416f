#!/usr/bin/env bash
# A report comes out of whatever a killed run left behind: missing and cut
# files, lines that are no JSON, wrong types. Never a Lua error.
. "$(dirname "$0")/../tap.sh"
report=$TOP/scripts/kagemusha-report
runs=$TOP/tests/report/runs

# copy NAME: a fresh copy of a fixture, its path in $run.
copy() {
	run=$TMP/$1
	rm -rf "$run"
	cp -r "$runs/$1" "$run"
}

# tells NAME PATTERN: the report of $run comes out and says PATTERN.
tells() {
	local out status
	out=$("$report" "$run" 2>&1)
	status=$?
	if ((status == 0)) && grep -qE -- "$2" <<<"$out" &&
		jq -e . "$run/report.json" >/dev/null; then
		ok "$1"
	else
		not_ok "$1" "status $status, no '$2' in:"$'\n'"$out"
	fi
}

copy linebot
tells "whole run" '^ +1 .* handled +2 packets to udp 198.18.0.1:9999'
check "report.txt is written" test -s "$run/report.txt"
is "the summary in report.json" \
	"$(jq -r '[.commands[].verdict] | join(" ")' "$run/report.json")" \
	"handled ignored"
is "the socketcall sum and its parts" \
	"$(jq -rc '[.system_calls.rows[] | select(.name == "socketcall" or .within)
		| "\(.name) \(.driven)"] | join(",")' "$run/report.json")" \
	"socketcall 11,recv 5,sendto 2,socket 2,connect 1,send 1"

copy linebot
truncate -s -20 "$run/device.jsonl"
tells "cut last line" 'device.jsonl: the last line was cut off'

for file in device.jsonl session.jsonl flows.jsonl run.json; do
	copy linebot
	rm "$run/$file"
	tells "without $file" "$file is missing"
	copy linebot
	: >"$run/$file"
	check "empty $file" "$report" --quiet "$run"
done

# Each file cut at several places.
cuts=0
for file in device.jsonl session.jsonl flows.jsonl run.json; do
	size=$(stat -c %s "$runs/linebot/$file")
	for part in 1 3 7 10 13 17 19; do
		copy linebot
		truncate -s $((size * part / 20)) "$run/$file"
		out=$("$report" --quiet "$run" 2>&1) || {
			not_ok "cut $file at $part/20" "$out"
			cuts=-100
		}
		((cuts += 1)) || :
	done
done
is "cut anywhere" "$cuts" 28

copy linebot
sed -i '5s/^/garbage/; 7s/.*/[1,2]/; 9s/.*/"text"/' "$run/device.jsonl"
tells "lines that are no events" 'device.jsonl: [0-9]+ lines? could not be read'

# Every value of the wrong type, in turn.
copy linebot
wrong=0
for value in 'null' '"x"' '-1' '{}' '[]' 'true' '1e300'; do
	for file in device session flows; do
		jq -c --argjson v "$value" 'to_entries | map(
			if (.key == "event_type" or .key == "timestamp") then .
			elif (.value | type) == "object" then .value |= map_values($v)
			else .value = $v end) | from_entries' \
			"$runs/linebot/$file.jsonl" >"$run/$file.jsonl"
		out=$("$report" --quiet "$run" 2>&1) || {
			not_ok "wrong type $value in $file.jsonl" "$out"
			wrong=-100
		}
		((wrong += 1)) || :
		cp "$runs/linebot/$file.jsonl" "$run/$file.jsonl"
	done
done
is "values of wrong types" "$wrong" 21

mkdir "$TMP/empty"
"$report" "$TMP/empty" >/dev/null 2>"$TMP/err"
is "no run: exit code" $? 1
check "no run: one line that says so" grep -q 'no run lies here' "$TMP/err"
"$report" >/dev/null 2>&1
is "no argument: usage" $? 2
"$report" --frob x >/dev/null 2>&1
is "unknown option: usage" $? 2
check "help has an example" grep -q '^example: ' <("$report" --help)

copy linebot
"$report" --no-files "$run" >/dev/null
check "--no-files writes nothing" test ! -e "$run/report.txt"
"$report" --quiet --beside "$runs/linebot-offline" "$run"
is "beside: both columns" "$(jq -c '.system_calls.rows[]
	| select(.name == "connect") | [.offline, .driven]' "$run/report.json")" '[3,1]'
