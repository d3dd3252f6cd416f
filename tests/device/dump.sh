#!/usr/bin/env bash
# --dump-after: a bot that has its words in plain only while a command needs
# them is dumped at that moment, and the report shows the words.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../demo/_run.bash"

why=$(run_impossible)
[[ -z $why ]] || { skip dump "$why"; exit 0; }
sample=$BUILD/specimens/i386/hidebot
[[ -x $sample ]] || { skip dump 'no specimen for i386'; exit 0; }

run=$TMP/run
check 'a run that dumps after one command' timeout 120 "$KAGE" run "$sample" \
	--profile "$TOP/tests/device/profiles/hidebot.lua" --dump-after 'TAB*' \
	--set window=1 --set quiet=0.5 --time 60 --out "$run" --lab "dump$$" --quiet

# memory FILTER TEXT: how many dumped mappings that pass hold the text.
memory() {
	jq -r "select(.memory and ($1)).memory.sha256" "$run/device.jsonl" |
		sed "s|^|$run/files/|" | xargs -r grep -laF "$2" | wc -l
}
check 'the words are no text in the program' bash -c \
	"! grep -qaF 'listening tun0' '$sample'"
check 'after TABLE they are in memory' test \
	"$(memory '.command == 1' 'listening tun0')" -ge 1
is 'at the end, after WIPE, they are not' \
	"$(memory '.command == null' 'listening tun0')" 0
check 'the event lists the word, and where it lay' jq -en 'first(inputs |
	select(.command == 1 and .memory.mapping == "[heap]") | .memory |
	select(any(.strings[]?; .text == "listening tun0" and
	.address > 0) and (.start <= .strings[0].address)))' "$run/device.jsonl"
is 'one dump, and only of that command' "$(jq -c 'select(.device.state ==
	"dumped").command' "$run/device.jsonl")" 1
check 'the list of mappings is a file' grep -qF '[heap]' "$run/files/$(jq -r \
	'select(.maps and .command == 1).maps.sha256' "$run/device.jsonl" |
	head -n 1)"
check 'the next command waited for the dump' jq -en '
	first(inputs | select(.device.state == "dumped").timestamp) as $done |
	first(inputs | select((.syscall.text // "") == "W" and
		.syscall.name == "recv").timestamp) > $done' "$run/device.jsonl"
is 'the report shows the word, and after which command' \
	"$(jq -r '.decoded[] | select(.text == "listening tun0") |
		"\(.mapping) \(.command)"' "$run/report.json")" '[heap] 1'
check 'as text, too' grep -q '"listening tun0" .*after #1' "$run/report.txt"
is 'run.json has the option' "$(jq -c .parameters.dump_after "$run/run.json")" \
	'["TAB*"]'
is 'offline there is nothing to dump after' "$("$KAGE" run "$sample" --offline \
	--dump-after 1 2>&1 | grep -c 'leave --dump-after out')" 1
