#!/usr/bin/env bash
# A process that calls itself something else than what it runs: written over
# its argv, by prctl, and in a child; the report says it.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/_image.bash"

# told PID: what the process with this one's number called itself, in turn.
told() {
	jq -r --argjson pid "$1" 'select(.pid == $pid and
		.process.action == "title").process | "\(.argv | join(" ")) \(.name)"' \
		"$run/device.jsonl" | paste -sd';'
}
# Longer than what is looked at, all together.
words=()
for i in {1..20}; do words+=(--arg "$(printf '%0100d' "$i")"); done

for arch in ${ARCHS:-i386 arm64}; do
	need_specimen "$arch" titlebot || { skip "$arch" "$why"; continue; }
	run=$TMP/$arch
	in_guest "$run" 60 --sample "$sample" --arg one --arg two ||
		diag "$(cat "$run/device.log")"
	parent=$(jq -n 'first(inputs | select(.process.action == "exec")).pid' \
		"$run/device.jsonl")
	child=$(jq -n 'first(inputs | select(.process.action == "fork")).process.child' \
		"$run/device.jsonl")
	is "$arch: argv and name, written over" "$(told "$parent" | sed 's/.*;//')" \
		'[kworker/0:1] kworker/0:1'
	is "$arch: and of the child once more" "$(told "$child" | sed 's/.*;//')" \
		'-sh kworker/0:1'
	is "$arch: none of another process" "$(jq -rn --argjson a "$parent" \
		--argjson b "$child" '[inputs | select(.process.action == "title").pid |
		select(. != $a and . != $b)] | length' "$run/device.jsonl")" 0

	busybox_of "$arch"
	run=$TMP/$arch.long
	in_guest "$run" 60 --sample "$TMP/busybox" --arg sh --arg -c \
		--arg 'sleep 1; exit 0' "${words[@]}" ||
		diag "$(cat "$run/device.log")"
	check "$arch: a long command line is cut, and says so" jq -en '[inputs |
		select(.process.action == "title").process][0] | .truncated and
		.argv[2] == "-c" and (.argv | length < 20)' "$run/device.jsonl"
	"$TOP/scripts/kagemusha" report "$run" >"$TMP/report" 2>&1
	check "$arch: and is no other than what ran" \
		test "$(grep -c 'calls itself.*busybox' "$TMP/report")" -eq 0
done
