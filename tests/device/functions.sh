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
	--tap tap0 --time 40 --functions --link "$TMP/link" \
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
is 'a comparison has to do with what came' "$(events '
	.function.action == "compare" and
	(.function.args | any(. == "GETLOCALIP" or startswith("!*") or
	startswith("PING") or startswith("UDP")) | not)' | wc -l)" 0
check 'the answer was sent by the process that was asked' jq -en '
	[inputs] as $all |
	first($all[] | select(.function.name == "processCmd").pid) as $pid |
	any($all[]; .pid == $pid and .syscall.name == "send" and
		((.syscall.text // "") | startswith("My IP")))' "$run/device.jsonl"
