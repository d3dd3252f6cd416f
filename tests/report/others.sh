#!/usr/bin/env bash
# kagemusha diff and kagemusha export over fixtures.
. "$(dirname "$0")/../tap.sh"
runs=$TOP/tests/report/runs
diff=$TOP/scripts/kagemusha-diff
export=$TOP/scripts/kagemusha-export

out=$("$diff" "$runs/linebot" "$runs/linebot")
check "a run differs in nothing from itself" \
	grep -q '^Commands: 2 the same, 0 changed, 0 only in the first, 0 only' <<<"$out"
is "no line of difference" "$(grep -cE '^([~+-] ["(]|    [+-])' <<<"$out")" 0

# The same run, but the second command makes a file and the first's packets
# go elsewhere.
cp -r "$runs/linebot" "$TMP/other"
sed -i 's/htons(9999)/htons(7)/' "$TMP/other/device.jsonl"
sed -i 's/"dest_port":9999/"dest_port":7/' "$TMP/other/flows.jsonl"
last=$(grep -n '"JUNK"' "$TMP/other/device.jsonl" | tail -n 1 | cut -d: -f1)
stamp=$(sed -n "${last}p" "$TMP/other/device.jsonl" | jq -c .timestamp)
sed -i "${last}a {\"timestamp\":$stamp,\"event_type\":\"syscall\",\"pid\":7,\"syscall\":{\"name\":\"creat\",\"args\":\"\\\\\"/tmp/x\\\\\", 0600\",\"ret\":5,\"path\":\"/tmp/x\"}}" \
	"$TMP/other/device.jsonl"
"$diff" --json "$runs/linebot" "$TMP/other" >"$TMP/diff"
is "where the packets went" \
	"$(jq -rc '.changed[0] | .gone + .new | join(",")' "$TMP/diff")" \
	"sent to udp 198.18.0.1:9999,sent to udp 198.18.0.1:7"
is "a verdict that changed" "$(jq -rc '.changed[1].verdicts | join(" ")' "$TMP/diff")" \
	"ignored handled"
is "a call that is new" "$(jq -rc '.calls[] | [.name, .first, .second] | join(" ")' \
	"$TMP/diff")" "creat 0 1"
"$diff" "$runs/linebot" "$TMP/nothing" >/dev/null 2>&1
is "diff without a run: 1" $? 1
# Too few arguments: a word about it first, and 2.
while IFS='|' read -r command given said; do
	# shellcheck disable=SC2086 # none or one
	"$TOP/scripts/kagemusha-$command" $given >"$TMP/out" 2>"$TMP/err"
	is "$command ${given:+of one run}: usage" "$? $(cat "$TMP/out" "$TMP/err")" \
		"2 kagemusha $command: $said"$'\n'"try: kagemusha $command --help"
done <<E
report||which run?
diff||which two runs?
diff|$runs/linebot|which two runs?
export||which run?
E

is "csv: a line a command and the head" "$("$export" "$runs/linebot" | wc -l)" 3
is "csv: same number of fields" "$("$export" "$runs/linebot" |
	sed 's/"[^"]*"//g' | awk -F, '{print NF}' | sort -u)" 19
jq -c 'if .command_info then .command_info.name = "=cmd|x" else . end' \
	"$runs/linebot/session.jsonl" >"$TMP/other/session.jsonl"
check "csv: no formula" grep -q ",'=cmd" <("$export" "$TMP/other")
check "markdown: the ledger" grep -q '^| 2 | .* | ignored |' \
	<("$export" --format markdown "$runs/linebot")
"$export" --format eve "$runs/linebot" >"$TMP/eve"
is "eve: every event" "$(wc -l <"$TMP/eve")" "$(cat "$runs"/linebot/*.jsonl | wc -l)"
is "eve: in order" "$(jq -r .timestamp "$TMP/eve" | sort -c 2>&1)" ""
"$export" --format indicators --out "$TMP/ioc" "$runs/linebot"
check "indicators: the command server" \
	grep -q '^endpoint,c2.linebot.example:23,command server' "$TMP/ioc"
"$export" --format xml "$runs/linebot" >/dev/null 2>&1
is "unknown format: usage" $? 2
