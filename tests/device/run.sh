#!/usr/bin/env bash
# A run on the i386 device: what is seen of a sample, how a run ends, and what
# is left when QEMU is killed.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/_device.bash"

# --- until its time is up ---------------------------------------------------
start --sample "$linebot" --time 4 --arg 'an argument' --name /var/run/.bot
check 'the sample starts' wait_for 30 event '.device.state == "sample"'
pid=$(qemu_pid)
is 'QEMU has no capability' "$(grep -hE '^Cap(Inh|Prm|Eff|Bnd|Amb)' \
	"/proc/$pid/status" | cut -f2 | sort -u)" 0000000000000000
is 'QEMU can get no rights, and lives under seccomp' \
	"$(awk '/^(NoNewPrivs|Seccomp):/ { print $2 }' "/proc/$pid/status" |
		tr '\n' ' ')" '1 2 '
is 'QEMU is nobody' "$(stat -c %U "/proc/$pid")" nobody
is 'QEMU holds no internet socket' "$(for fd in /proc/"$pid"/fd/*; do
	i=$(readlink "$fd" | sed -n 's/^socket:\[\(.*\)\]$/\1/p')
	[[ -z $i ]] || awk -v i="$i" '$10 == i' /proc/net/{tcp,udp,raw}{,6}
done 2>/dev/null)" ''
ended
is 'the run ends with 0' "$status" 0
check 'its reason is the time' event '.device.state == "ended" and
	.device.reason == "time"'
check 'every line is JSON' jq -e . "$run/device.jsonl"
check 'QEMU is gone' test ! -e "/proc/$pid"
check 'the clock was measured before' event '.device.state == "ready" and
	(.device.clock.error_ns | . >= 0 and . < 50000000)'
check 'and after' event '.device.state == "stopped" and .device.clock'
check 'the program and its arguments' event '.process.action == "exec" and
	.process.path == "/var/run/.bot" and
	.process.argv == ["/var/run/.bot", "an argument"]'
is 'the first exec is the sample: nothing of the launcher is told' \
	"$(jq -r 'select(.event_type == "process").process.action' \
		"$run/device.jsonl" | head -n 1)" exec
check 'a child, told before what it does' jq -en '
	[inputs | select(.pid or .process)] as $all |
	[$all[] | .process.child // empty] as $children |
	($children | length) > 0 and
	all($children[]; . as $c |
		([$all[] | .pid == $c] | index(true)) // 1e9 >
		([$all[] | .process.child == $c] | index(true)))' \
	"$run/device.jsonl"
check 'a socket call by its own name and number' event '
	.syscall.name == "connect" and .syscall.nr == 102 and
	.syscall.socket.proto == "UDP" and
	.syscall.socket.dest_ip == "8.8.8.8" and
	.syscall.socket.dest_port == 53'
check 'the bytes of a question' event '.syscall.name == "send" and
	.syscall.length > 20 and (.syscall.base64 // .syscall.text)'
check 'a function is entered' event '.function.name == "initConnection" and
	.function.action == "entry"'
is 'the counts agree with the calls' \
	"$(jq -n '[inputs | select(.stats)] | last.stats.syscalls.socket' \
		"$run/device.jsonl")" \
	"$(events '.syscall.name == "socket"' | wc -l)"
check 'stamps do not run before the sample starts' jq -en '
	[inputs] | (.[] | select(.device.state == "sample").timestamp) as $t |
	all(.[] | select(.syscall) | .timestamp; . >= $t)' "$run/device.jsonl"

# --- SIGTERM ----------------------------------------------------------------
start --sample "$linebot" --time 60
check 'a second run starts' wait_for 30 event '.syscall.name == "connect"'
kill -TERM "$device"
ended
is 'SIGTERM: exit 0' "$status" 0
check 'SIGTERM: the reason' event '.device.reason == "signal"'

# --- QEMU is killed ---------------------------------------------------------
start --sample "$linebot" --time 60
check 'a third run starts' wait_for 30 event '.syscall.name == "connect"'
kill -9 "$(qemu_pid)"
ended
is 'QEMU killed: exit 1' "$status" 1
check 'QEMU killed: the reason' event '.device.reason == "lost"'
check 'QEMU killed: what came before is there' event '.syscall.name == "connect"'
check 'QEMU killed: every line is JSON' jq -e . "$run/device.jsonl"

# --- the device is killed ---------------------------------------------------
start --sample "$linebot" --time 60
check 'a fourth run starts' wait_for 30 event '.syscall.name == "connect"'
pid=$(qemu_pid)
kill -9 "$device"
ended
check 'the device killed: QEMU goes with it' wait_for 5 test ! -e "/proc/$pid"

# --- a sample that leaves at once, and one that can't be executed -----------
start --sample "$TOP/build/nothing" --time 5
ended
is 'no such sample: exit 3' "$status" 3
start --sample "$BUILD/specimens/i386/quitter" --time 60
ended
is 'a sample that leaves: exit 0' "$status" 0
check 'a sample that leaves: the reason' event '.device.reason == "exit"'

# --- the link: finished, then the grace -------------------------------------
if command -v socat >/dev/null; then
	rm -f "$TMP/fifo"
	mkfifo "$TMP/fifo"
	socat -u "PIPE:$TMP/fifo" - 2>/dev/null |
		socat UNIX-LISTEN:"$TMP/link" - >"$TMP/linked" 2>/dev/null &
	at_exit "kill $! 2>/dev/null"
	exec 7<>"$TMP/fifo"
	check 'a responder listens' wait_for 5 test -S "$TMP/link"
	start --sample "$linebot" --time 60 --link "$TMP/link" --grace 0.2
	check 'a run with a link starts' wait_for 30 event '.syscall.name == "connect"'
	echo '{"event_type":"run","run":{"state":"finished","reason":"x"}}' >&7
	ended
	exec 7>&-
	check 'the reason is that it has finished' event '.device.reason == "finished"'
	is 'finished: exit 0' "$status" 0
	is 'the link carries the same lines' "$(wc -l <"$TMP/linked")" \
		"$(wc -l <"$run/device.jsonl")"
else
	skip 'the link to the responder' 'needs socat'
fi
