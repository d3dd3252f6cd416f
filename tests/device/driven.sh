#!/usr/bin/env bash
# One source, one ledger: linebot, built for each architecture, is driven in a
# lab and does the same on all of them, in a guest of its own or under an
# emulator. ARCHS names some instead of all.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=_image.bash
. "$(dirname "$0")/_image.bash"

if [[ ! -e /dev/net/tun ]]; then
	skip driven 'needs /dev/net/tun'
	exit 0
fi
WANT='UDP handled, TCP handled, HTTP handled, DROP handled, JUNK ignored, STD ignored, HOLD handled, CLOSE disconnected'
drive() {
	timeout -k 20 240 "$TOP/scripts/kagemusha" run "$sample" \
		--profile gafgyt --time 120 --out "$run" --quiet \
		>/dev/null 2>"$TMP/err" || diag "$(tail -n 5 "$TMP/err")"
}
ledger() {
	jq -r '[.commands[] | select(.name |
		IN("UDP", "TCP", "HTTP", "DROP", "JUNK", "STD", "HOLD", "CLOSE")) |
		"\(.name) \(.verdict)"] | join(", ")' "$run/report.json"
}
archs=$("$TOP/scripts/kagemusha-device" list --json |
	jq -r '.[] | select(.runs != "no") | .arch')
for arch in ${ARCHS:-$archs}; do
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
	drive
	# QEMU's MIPS guests now and then stand still for 21 s on a busy machine
	# (natives.sh): one more try, and a word about it.
	if [[ $arch == mips*el && $(ledger) != "$WANT" ]]; then
		diag "$arch: a second try after: $(ledger)"
		rm -rf "$run"
		drive
	fi
	is "$arch: the run finished" "$(jq -r .verdict "$run/run.json")" finished
	is "$arch: the ledger" "$(ledger)" "$WANT"
	rm -rf "$run"
done
