#!/usr/bin/env bash
# --skip-sleep: a sample that sleeps for an hour goes on after a second and
# finds that the hour has passed by the wall clock, the only one that is moved;
# the events' times are the host's all the same, and say by how much it was.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/_device.bash"

sleepbot=$BUILD/specimens/i386/sleepbot
[[ -x $sleepbot ]] || { skip sleep 'the specimen is not built'; exit 0; }

for level in observe full; do
	begin=$(date +%s)
	start --sample "$sleepbot" --skip-sleep 0.5 --time 60 --level "$level"
	ended
	is "$level: ends with 0" "$status" 0
	is "$level: four hours have passed, and no more was cut short" \
		"$(tr -d '\r' <"$run/console.log" | grep : | tr '\n' ' ')" \
		'sleep: an hour select: an hour poll: an hour clock_nanosleep: an hour monotonic: hasty short: short '
	check "$level: the run is over in time" event '.device.state == "ended" and
		.device.reason == "exit"'
	is "$level: each skip is told" "$(jq -n '[inputs |
		select(.device.state == "skipped").device | select(.wanted > 3599
		and .waited == 0.5 and .moved > 3598)] | length' \
		"$run/device.jsonl")" 4
	is "$level: and all together" "$(jq -n '[inputs |
		select(.device.state == "skipped").device.moved_all] | last |
		. > 14396 and . < 14400' "$run/device.jsonl")" true
	# shellcheck disable=SC2016 # jq's variables
	check "$level: no event lies outside the run, in its host's time" jq -en \
		--argjson first "$begin" --argjson last "$(date +%s)" '
		[inputs | .timestamp[:19] + "Z" | fromdate] |
		min >= $first - 1 and max <= $last + 1' "$run/device.jsonl"
	check "$level: the calls after a skip come after it, within a second" \
		jq -en '[inputs] | def at: (.timestamp[:19] + "Z" | fromdate) +
		(.timestamp[19:26] | tonumber);
		([.[] | select(.device.state == "skipped") | at] | last) as $skip |
		([.[] | select(.syscall.name == "connect") | at] | first) as $call |
		$call >= $skip and $call - $skip < 10' "$run/device.jsonl"
	check "$level: the clocks agree after the run as before" jq -en '
		[inputs | .device.clock.offset_ns // empty] | length == 2 and
		(.[0] - .[1] | fabs) < 50e6' "$run/device.jsonl"
done

start --sample "$sleepbot" --time 3
ended
check 'without it the sample sleeps on' event '.device.reason == "time"'
is 'and nothing is skipped' "$(events '.device.state == "skipped"' | wc -l)" 0
