#!/usr/bin/env bash
# Architectures without a guest of their own: a program of theirs runs in the
# amd64 guest through the image's emulator, and its system calls and functions
# are seen, in each process that it makes.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=_image.bash
. "$(dirname "$0")/_image.bash"

for arch in mips powerpc m68k sparc64; do
	need_specimen "$arch" linebot || { skip "$arch" "$why"; continue; }
	run=$TMP/$arch
	in_guest "$run" 30 --sample "$sample" ||
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
	# Its keeper is the first process; a child that it made is the bot.
	check "$arch: a function of a child, and its return, by the emulator" \
		jq -e -s 'map(select(.process.action == "fork").process.child) as $made |
		map(select(.function.name == "initConnection" and
			(.pid | IN($made[])))) |
		any(.function.action == "entry") and any(.function.action == "return" and
			.function.ret == -1)' "$run/device.jsonl"
	is "$arch: the emulator alone tells of them" "$(jq -c 'select(.device.probes).device.probes |
		[.emulated, .thumb, (.functions | index("processCmd") != null)]' \
		"$run/device.jsonl")" '[true,0,true]'
	is "$arch: what the emulator is made of is not the sample's" \
		"$(jq -c 'select(.syscall) | select(.syscall.args | contains("/lib/emulator"))' \
			"$run/device.jsonl")" ''
	rm -rf "$run"
done
