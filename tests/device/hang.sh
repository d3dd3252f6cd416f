#!/usr/bin/env bash
# A device that stops answering, its processor at a stand: the run ends in
# time, says so, and keeps what was seen until then.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/_device.bash"

# hang OPTION...: a run whose QEMU is stopped once the sample is at work.
hang() {
	start --sample "$linebot" "$@"
	check "$name: the sample is at work" wait_for 60 event \
		'.syscall.name == "connect"'
	pid=$(qemu_pid)
	kill -STOP "$pid"
	begin=$SECONDS
	ended
	is "$name: exit 1" "$status" 1
	check "$name: in time" test $((SECONDS - begin)) -le "$most"
	check "$name: the end says it" event '.device.state == "stopped" and
		.device.silent'
	check "$name: QEMU is gone" test ! -e "/proc/$pid"
	check "$name: every line is JSON" jq -e . "$run/device.jsonl"
	echo '{"run":"hang"}' >"$run/run.json"
	"$TOP/scripts/kagemusha-report" --quiet "$run"
	check "$name: the report says what is missing" grep -q \
		'the device did not answer any more' "$run/report.txt"
}

# Long before its time is up.
name=silent most=40
hang --time 300 --silence 6
check 'silent: the reason' event '.device.state == "ended" and
	.device.reason == "lost" and (.device.detail | test("not answered"))'
# At the end of its time: asked to stop, it does not.
name=stopped most=60
hang --time 5
check 'stopped: the reason' event '.device.reason == "time"'
