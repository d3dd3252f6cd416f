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

start --sample "$linebot" --time 3
ended
is 'full: ends with 0' "$status" 0
is 'full: as many as the kernel counted' "$(shown brk)" "$(counted brk)"
check 'full: the socket calls, together' test "$(counted socketcall)" -eq \
	$(($(shown socket) + $(shown connect) + $(shown send) + $(shown recv) +
	$(shown getsockopt) + $(shown getsockname) + $(shown setsockopt)))

start --sample "$linebot" --time 3 --level observe
ended
is 'observe: ends with 0' "$status" 0
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
