#!/usr/bin/env bash
# How much is traced: the levels, the kernel's own count of calls, which is
# complete at each of them, and forged return values.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/_device.bash"

# shown NAME: how many calls of that name the run shows.
shown() { events ".syscall.name == \"$1\"" | wc -l; }
# counted NAME: how many of them the kernel counted.
counted() {
	jq -n "[inputs | select(.stats)] | last.stats.kernel.$1 // 0" \
		"$run/device.jsonl"
}

start --sample "$linebot" --time 3 --level full
ended
is 'full: ends with 0' "$status" 0
is 'full: as many as the kernel counted' "$(shown brk)" "$(counted brk)"
check 'full: the socket calls, together' test "$(counted socketcall)" -eq \
	$(($(shown socket) + $(shown connect) + $(shown send) + $(shown recv) +
	$(shown getsockopt) + $(shown getsockname) + $(shown setsockopt)))

start --sample "$linebot" --time 3
ended
is 'observe: ends with 0' "$status" 0
check 'observe: it is the default' event '.device.level == "observe"'
is 'observe: no brk is shown' "$(shown brk)" 0
check 'observe: but counted' test "$(counted brk)" -gt 0
check 'observe: connect is shown' test "$(shown connect)" -gt 0
check 'observe: its forks are followed' event '.process.action == "fork"'

start --sample "$linebot" --time 3 --level flood
ended
is 'flood: ends with 0' "$status" 0
is 'flood: no send is shown' "$(shown send)" 0
check 'flood: connect is shown' test "$(shown connect)" -gt 0

start --sample "$linebot" --time 4 --rewrite connect=0,recv=1
ended
is 'forged: ends with 0' "$status" 0
check 'forged: connect says 0, and that it was forged' event '
	.syscall.name == "connect" and .syscall.ret == 0 and .syscall.injected'
check 'forged: and the event says so' event '.device.rewrite == "connect=0,recv=1"'
is 'forged: no command was ever handled' \
	"$(events '.function.name == "processCmd"' | wc -l)" 0

# Stepping down by itself: this needs a network that takes the packets.
. "$TOP/tests/lab/_lab.bash"
loadbot=$BUILD/specimens/i386/loadbot
# in_lab OPTION...: a run in the lab, to its end.
in_lab() {
	rm -rf "$run"
	mkdir "$run"
	nsenter --net="/run/netns/kage-$LAB" "$BUILD/device" --image "$image" \
		--run "$run" --tap tap0 --time 20 "$@" 2>"$run/device.log" &
	device=$!
	at_exit "kill -9 $device 2>/dev/null"
	ended
}
check 'a lab' lab up

in_lab --sample "$loadbot" --arg flood --arg 2
is 'a flood: ends with 0' "$status" 0
check 'a flood: the tracer steps down, and says why' event '
	.level.state == "down" and .level.from == "observe" and
	.level.to == "flood" and .level.rate > 0 and .level.reason == "packets"'
check 'a flood: not all of it is shown' \
	test "$(counted socketcall)" -gt "$(shown sendto)"
sent=$(sed -n 's/^flood \([0-9]*\) in .*/\1/p' "$run/console.log")
check 'a flood: the kernel has counted each call' \
	test "$(counted socketcall)" -ge "$sent"
check 'a flood: for the process, too' jq -en --argjson sent "$sent" '
	[inputs | select(.stats)] | last.stats.processes |
	any(.[]; .socketcall >= $sent)' "$run/device.jsonl"
check 'a flood: whose socket sent how much, as the kernel says' event "
	.socket.proto == \"UDP\" and .socket.dest_ip == \"198.18.0.9\" and
	.socket.src_port > 0 and .socket.sent == $sent"
check 'a flood: it is busy meanwhile' event '.unseen.ran > 0'
check 'afterwards: the tracer steps up' event '
	.level.state == "up" and .level.reason == "calm"'
check 'afterwards: a file is seen' event '.syscall.path == "/tmp/afterwards"'
check 'afterwards: a child is seen' event '.process.action == "fork"'
check 'afterwards: and its end' event '.process.status == 7'

in_lab --sample "$loadbot" --arg flood --arg 1 --level flood
sent=$(sed -n 's/^flood \([0-9]*\) in .*/\1/p' "$run/console.log")
is 'a flood at flood: packets never stop at the tracer' \
	"$(events .level | wc -l)" 0
check 'a flood at flood: the kernel has counted each' \
	test "$(counted socketcall)" -ge "${sent:-1000000}"

# Nobody answers here.
in_lab --sample "$loadbot" --arg connects --arg 1 --level flood --time 3
check 'a connection at flood: told with its process and ports' jq -en '
	[inputs] as $all | first($all[] | select(.device.pid).device.pid) as $pid |
	any($all[]; .pid == $pid and .socket.proto == "TCP" and
		.socket.dest_ip == "198.18.0.9" and .socket.dest_port == 7 and
		.socket.src_port > 0)' "$run/device.jsonl"

in_lab --sample "$loadbot" --arg mix --arg 3000 --level full
check 'full: steps down to observe where most calls are plain' event '
	.level.state == "down" and .level.from == "full" and
	.level.to == "observe"'

in_lab --sample "$loadbot" --arg flood --arg 1 --keep-level
is 'a level that is kept: ends with 0' "$status" 0
is 'a level that is kept: no step' "$(events .level | wc -l)" 0
is 'a level that is kept: each call is shown' "$(shown sendto)" \
	"$(sed -n 's/^flood \([0-9]*\) in .*/\1/p' "$run/console.log")"
