#!/usr/bin/env bash
# Functions of a sample that is driven: the command handler with its words,
# every function of its own, and the words that it compares ours with.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/_device.bash"
. "$TOP/tests/lab/_lab.bash"
[[ -x $BUILD/responder ]] || { skip functions 'no responder'; exit 0; }

check 'a lab' lab up
rm -rf "$run"
mkdir "$run"
nsenter --net="/run/netns/kage-$LAB" "$BUILD/responder" --run "$run" --profile gafgyt \
	--device-socket "$TMP/link" 2>"$run/responder.log" &
at_exit "kill $! 2>/dev/null"
check 'a responder' wait_for 20 test -S "$TMP/link"
nsenter --net="/run/netns/kage-$LAB" "$BUILD/device" --image "$image" --run "$run" --sample "$linebot" \
	--tap tap0 --time 40 --functions --coverage processCmd --link "$TMP/link" \
	2>"$run/device.log" &
device=$!
at_exit "kill $device 2>/dev/null"
check 'the handler takes a second command' wait_for 60 event '
	.function.name == "processCmd" and .function.args[1] == "UDP"'
kill -TERM "$device"
ended
is 'the run ends with 0' "$status" 0

check 'the handler: how many words, and which' event '
	.function.name == "processCmd" and .function.action == "entry" and
	.function.args[0] == 1 and .function.args[1] == "GETLOCALIP" and
	(.function.args | length) == 2'
check 'what recvLine brought' event '.function.name == "recvLine" and
	.function.action == "return" and .function.text == "!* GETLOCALIP"'
check 'a function of its own that this command calls' event '
	.function.name == "replyLocalIp"'
is 'no function of the library' \
	"$(events '.function.name == "printf" or .function.name == "malloc"' |
		wc -l)" 0
check 'a word that it knows, and was not sent yet' event '
	.function.action == "compare" and
	.function.args == ["GETLOCALIP", "RESOLVE"]'
is 'a comparison has to do with what came' "$(jq -cn '[inputs.function |
	select(.)] as $all | [$all[].text // empty] | join("\n") as $came |
	[$all[] | select(.action == "compare" and (.args | any(. as $text |
	$came | contains($text)) | not)).args]' "$run/device.jsonl")" '[]'
check 'the answer was sent by the process that was asked' jq -en '
	[inputs] as $all |
	first($all[] | select(.function.name == "processCmd").pid) as $pid |
	any($all[]; .pid == $pid and .syscall.name == "send" and
		((.syscall.text // "") | startswith("My IP")))' "$run/device.jsonl"

# Blocks: of each stay in the handler, under the word that it was called with.
blocks_of() {
	jq -cn --arg word "$1" '[inputs] as $all |
		first($all[] | select(.function.name == "processCmd" and
			.function.action == "entry" and .function.args[1] == $word)) as $in |
		first($all[] | select(.coverage.state == "hits" and .pid == $in.pid and
			.timestamp >= $in.timestamp)).coverage.hits | map(.[0])' \
		"$run/device.jsonl"
}
check 'the blocks of the handler are described' event '
	.coverage.state == "blocks" and .coverage.function == "processCmd" and
	(.coverage.blocks | length) > 20 and .coverage.unknown_jumps == 0 and
	any(.coverage.blocks[].calls[]?; . == "replyLocalIp")'
ip=$(blocks_of GETLOCALIP) udp=$(blocks_of UDP)
calls() {
	jq -cn --argjson hits "$1" 'first(inputs |
		select(.coverage.state == "blocks")).coverage.blocks as $b |
		[$hits[] | $b[.].calls[]?] | unique' "$run/device.jsonl"
}
is 'two commands run different blocks' "$([[ $ip != "$udp" ]] && echo yes)" yes
is 'the blocks of GETLOCALIP' "$(calls "$ip")" '["replyLocalIp"]'
is 'the blocks of UDP' "$(calls "$udp")" '["atoi","labCount","labTarget","sendUdp"]'
check 'a function that is given a word of the command' event '
	.function.takes_received == true and .function.name == "labTarget" and
	any(.function.args[]; . == "198.18.0.1" or . == "198.18.0.2")'

# A stripped sample: by address; where the function ends is found by descent.
nm "$linebot" >"$TMP/names"
at=0x$(awk '$3 == "initConnection" { print $1 }' "$TMP/names")
next=0x$(sort "$TMP/names" | awk '$3 == "initConnection" { found = 1; next }
	found && $2 ~ /[tT]/ { print $1; exit }')
strip -o "$TMP/stripped" "$linebot"
start --sample "$TMP/stripped" --time 30 --coverage "$at"
check 'stripped: the blocks of a function run' wait_for 60 event \
	".coverage.state == \"hits\" and .coverage.entered and .coverage.function == \"$at\""
kill -TERM "$device"
ended
read -r from to < <(jq -r 'select(.coverage.state == "blocks").coverage |
	"\(.start) \(.end)"' "$run/device.jsonl")
is 'stripped: it begins where it was said to' $((from)) $((at))
is 'stripped: and ends before the next begins' \
	"$((to > from + 16 && to <= next))" 1
check 'stripped: its return is seen, too' event \
	".function.name == \"$at\" and .function.action == \"return\""
