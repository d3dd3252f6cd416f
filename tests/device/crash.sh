#!/usr/bin/env bash
# A sample that crashes on a command: the core is kept, and the event and the
# report say why, where, with which registers and by which way: in a guest of
# its own, and under an emulator. ARCHS names other architectures.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=_image.bash
. "$(dirname "$0")/_image.bash"
. "$(dirname "$0")/../demo/_run.bash"

why=$(run_impossible)
[[ -z $why ]] || { skip crash "$why"; exit 0; }

# The program's counter and the stack's top, by architecture.
pc() {
	case $1 in
	i386) echo eip esp ;;
	amd64) echo rip rsp ;;
	powerpc) echo nip r1 ;;
	*) echo pc sp ;;
	esac
}

for arch in ${ARCHS:-i386 mips powerpc m68k sparc64}; do
	need_specimen "$arch" linebot || { skip "$arch" "$why"; continue; }
	run=$TMP/$arch
	timeout 120 "$KAGE" run "$sample" --profile gafgyt --set only=DROP,CRASH \
		--set window=0.5 --time 60 --out "$run" --lab "crash$$" --quiet \
		>"$TMP/out" 2>&1 || not_ok "$arch: the run" "$(cat "$TMP/out")"
	crash() { jq -rc "select(.crash).crash | $1" "$run/device.jsonl"; }
	is "$arch: signal and address" "$(crash '[.signal, .address, .code]')" \
		'["SIGSEGV",0,1]'
	read -r pc sp < <(pc "$arch")
	# shellcheck disable=SC2016 # jq's variables
	check "$arch: registers by name" jq -en --arg pc "$pc" --arg sp "$sp" '
		first(inputs | select(.crash).crash) | .registers[$pc] != null and
		(.registers[$sp] | test("^0x[0-9a-f]+$"))' "$run/device.jsonl"
	is "$arch: the innermost frame" "$(crash '.backtrace[0] |
		[.function, .how]')" '["crash","registers"]'
	is "$arch: and who called it" "$(crash '[.backtrace[1:4][].function]')" \
		'["processCmd","serve","bot"]'
	core=$run/files/$(crash .sha256)
	is "$arch: the core is kept" "$(stat -c %s "$core" 2>&1)" "$(crash .size)"
	check "$arch: it is a core of this architecture" test \
		"$(readelf -h "$core" 2>/dev/null | sed -n 's/^ *Machine: *//p')" = \
		"$(readelf -h "$sample" | sed -n 's/^ *Machine: *//p')"
	is "$arch: nothing of the kernel's pattern is seen by the sample" \
		"$(grep -c 'core_pattern' "$run/device.jsonl")" 0
	is "$arch: the ledger's verdict" "$(jq -r '.commands[] |
		select(.name == "CRASH").verdict' "$run/report.json")" crashed
	check "$arch: and its words" grep -qE \
		'SIGSEGV at 0x0 in crash\+0x[0-9a-f]+, from' "$run/report.txt"
	check "$arch: in the page, too" grep -qE \
		'SIGSEGV at 0x0 in crash\+0x[0-9a-f]+, from processCmd' \
		"$run/report.html"
	if [[ $arch == i386 ]] && command -v gdb >/dev/null; then
		check 'gdb finds the same place in the core' grep -q \
			"^#0 .*$(crash '.pc' | xargs printf '%08x').* in crash " <(gdb -batch \
			-nx -ex bt "$sample" -c "$core" 2>/dev/null)
	fi
	rm -rf "$run"
done
