#!/usr/bin/env bash
# A flood, and a sample that turns against its machine, on each architecture
# with a guest of its own: the tracer steps down by itself and up again, what it
# no longer shows is counted, and what led to the end is told. ARCHS names
# others.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=_image.bash
. "$(dirname "$0")/_image.bash"
((EUID == 0)) || { skip floods.sh 'needs root'; exit 0; }
. "$TOP/tests/lab/_lab.bash"
check 'a lab' lab up

# flood OPTION...: for a second, in the lab; how many it sent is in $sent.
flood() {
	rm -rf "$run"
	mkdir "$run"
	timeout -k 5 80 nsenter --net="/run/netns/kage-$LAB" "$BUILD/device" \
		--image "$image" --run "$run" --tap tap0 --time 30 \
		--sample "$sample" --arg flood --arg 1 \
		"$@" >"$run/device.log" 2>&1 || diag "$(<"$run/device.log")"
	sent=$(sed -n 's/^flood \([0-9]*\) in .*/\1/p' "$run/console.log")
}

archs=$("$TOP/scripts/kagemusha-device" list --json |
	jq -r '.[] | select(.runs == "native") | .arch')
for arch in ${ARCHS:-$archs}; do
	need_specimen "$arch" loadbot || { skip "$arch" "$why"; continue; }
	run=$TMP/run
	flood
	check "$arch: something was sent" test "${sent:-0}" -gt 0
	check "$arch: it steps down by itself" event '
		.level.state == "down" and .level.from == "observe" and
		.level.reason == "packets"'
	check "$arch: and up again: what comes afterwards is seen" event '
		.syscall.path == "/tmp/afterwards"'
	check "$arch: whose socket sent how much" event ".socket.proto == \"UDP\" and
		.socket.dest_ip == \"198.18.0.9\" and .socket.sent == ${sent:-0}"
	check "$arch: the kernel has counted each call" jq -en \
		--argjson sent "${sent:-0}" '[inputs | select(.stats)] | last |
		.stats.kernel | (.sendto // .socketcall) >= $sent' \
		"$run/device.jsonl"
	flood --level flood
	check "$arch: at level flood no packet is shown" \
		jq -en '[inputs | .syscall.name // empty] | length > 0 and
		all(test("^send") | not)' "$run/device.jsonl"
	check "$arch: but counted" event ".socket.sent == ${sent:-0}"
	if [[ $arch == mips* ]]; then
		# There strace has a filter at this level alone.
		flood --level full
		check "$arch: it steps down from full" event '
			.level.state == "down" and .level.from == "full" and
			.level.reason == "packets"'
	fi
	for act in killall reboot; do
		rm -rf "$run"
		in_guest "$run" 20 --sample "$BUILD/specimens/$arch/hostile" \
			--arg "$act" || diag "$(<"$run/device.log")"
		check "$arch: $act is told" event "
			.syscall.name == \"${act%all}\" and
			(.syscall.args | test(\"^(-1|LINUX_REBOOT)\"))"
		is "$arch: and the run ends with it" "$(jq -r 'select(
			.device.state == "ended").device.reason' \
			"$run/device.jsonl")" exit
	done
	rm -rf "$run"
done
