#!/usr/bin/env bash
# Architectures without a guest of their own: a program of theirs runs in the
# amd64 guest through the image's emulator, and its system calls are seen.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=_image.bash
. "$(dirname "$0")/_image.bash"

for arch in mips powerpc m68k sparc64; do
	sample=$BUILD/specimens/$arch/linebot
	if [[ ! -x $sample ]]; then
		skip "$arch" "no compiler for $arch"
		continue
	fi
	if ! need_guest "$arch"; then
		skip "$arch" "$why"
		continue
	fi
	run=$TMP/$arch
	in_guest "$run" 6 --sample "$sample" ||
		not_ok "$arch: the run ends well" "$(cat "$run/device.log")"
	# Nobody answers here: what matters is that its own code asks.
	if jq -e -s 'map(select(.syscall.name == "connect" or
		.syscall.name == "sendto")) | length > 0' \
		"$run/device.jsonl" >/dev/null; then
		ok "$arch: linebot's own calls are seen"
	else
		not_ok "$arch: linebot's own calls are seen" \
			"$(tail -n 3 "$run/device.jsonl" "$run/console.log")"
	fi
	check "$arch: no more of the emulator's start than its end" jq -e -s \
		'map(select(.syscall.name == "rt_sigaction")) | length < 20' \
		"$run/device.jsonl"
	rm -rf "$run"
done
