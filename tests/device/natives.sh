#!/usr/bin/env bash
# Each architecture with a guest of its own: the guest is restored, its timers
# run on (those of MIPS did not always), and the calls of a program are seen.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=_image.bash
. "$(dirname "$0")/_image.bash"

# took: milliseconds from the sample's start to the end of the run.
took() {
	jq -r 'select(.event_type == "device") |
		select(.device.state == "sample" or .device.state == "ended") |
		.timestamp' "$run/device.jsonl" | sed 's/+.*//' |
		while read -r t; do date -d "$t" +%s%N; done |
		awk 'NR == 1 { a = $1 } END { printf "%d", ($1 - a) / 1e6 }'
}

archs=$("$TOP/scripts/kagemusha-device" list --json |
	jq -r '.[] | select(.runs == "native") | .arch')
for arch in ${ARCHS:-$archs}; do
	if ! need_guest "$arch"; then
		skip "$arch" "$why"
		continue
	fi
	busybox_of "$arch"
	run=$TMP/$arch
	in_guest "$run" 30 --level full --sample "$TMP/busybox" --arg sh --arg -c \
		--arg 'sleep 1; sleep 1; echo woke; uname -rv' ||
		diag "$(cat "$run/device.log")"
	ms=$(took)
	if ((ms >= 1900 && ms < 15000)); then
		ok "$arch: two seconds of sleep are two seconds"
	else
		not_ok "$arch: two seconds of sleep are two seconds" "$ms ms"
	fi
	is "$arch: the guest was restored, not booted" \
		"$(grep -c booting "$run/device.log")" 0
	# What runs while it is saved may be saved half.
	check "$arch: the machine stood still when it was saved" \
		env LC_ALL=C grep -aqP 'globalstate[^g]{0,24}paused' \
		"$("$TOP/scripts/kagemusha-device" image "$arch")/snapshot"
	is "$arch: the sample sleeps and wakes" \
		"$(grep -c woke "$run/console.log")" 1
	is "$arch: uname tells of the persona's kernel" \
		"$(tr -d '\r' <"$run/console.log" | tail -n 1)" \
		'3.10.14 #1 SMP Tue Mar 12 11:20:21 CST 2019'
	is "$arch: the run ends when the sample does" \
		"$(jq -r 'select(.device.state == "ended") | .device.reason' \
			"$run/device.jsonl")" exit
	check "$arch: execve and nanosleep are seen with their arguments" \
		jq -e -s 'map(.syscall | select(.)) |
		(map(select(.name == "execve")) | .[0].args |
			contains("busybox")) and
		any(.name | test("nanosleep"))' "$run/device.jsonl"
	check "$arch: the kernel counts them too, from the sample's start" \
		jq -en '[inputs | select(.stats.kernel)] | last.stats.kernel |
			(to_entries | any(.key | test("nanosleep"))) and
			.setns == null' "$run/device.jsonl"
	rm -rf "$run"
	# A line that two devices share is lost for good if it isn't.
	if [[ $arch == mips* ]]; then
		# Edge/level control of the i8259s: lines 10 and 11 are PCI's.
		is "$arch: PCI's interrupts are level-triggered" \
			"$("$BUILD/device" --image "$image" --shell 2>&1 \
				<<<'od -An -tx1 -j1232 -N2 /dev/port; exit' |
				tr -d '\r' | grep -x ' *00 0c')" ' 00 0c'
	fi
done
