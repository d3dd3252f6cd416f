#!/usr/bin/env bash
# One source, one ledger: linebot, built for each architecture, is driven in a
# lab through its family's whole list and does the same on all of them, in a
# guest of its own or under an emulator (ledgers/linebot). What happens inside
# it is seen, too: the handler's arguments, its basic blocks, and the words that
# it compares ours with. ARCHS names some instead of all.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=_image.bash
. "$(dirname "$0")/_image.bash"

if [[ ! -e /dev/net/tun ]]; then
	skip driven 'needs /dev/net/tun'
	exit 0
fi
WANT=$(grep -vE '^(#|family )' "$(dirname "$0")/ledgers/linebot")
drive() {
	timeout -k 20 240 "$TOP/scripts/kagemusha" run "$sample" "$@" \
		--profile gafgyt --time 120 --coverage processCmd --out "$run" --quiet \
		>/dev/null 2>"$TMP/err" || diag "$(tail -n 5 "$TMP/err")"
}
ledger() {
	jq -r '.commands[] | "\(.verdict) \(.name)"' "$run/report.json"
}
# inside ARCH: what was seen in linebot's own code, by its report.
inside() {
	is "$1: the handler's arguments" "$(jq -c '[.commands[] |
		select(.name == "UDP").functions[] | select(.name == "processCmd")][0].args |
		.[0] == (length - 1), .[1:4]' "$run/report.json" | tr '\n' ' ')" \
		'true ["UDP","198.18.0.1","9999"] '
	is "$1: recvLine leads to processCmd" "$(jq -r \
		'"\(.handler.led_by) \(.handler.name)"' "$run/report.json")" \
		'recvLine processCmd'
	is "$1: a function of its own is given what came" "$(jq -r '[.commands[] |
		select(.name == "UDP").functions[] | select(.takes_received).name |
		select(. == "labTarget")][0]' "$run/report.json")" labTarget
	is "$1: the words that linebot knows" "$(jq -r '[.words[].word.text] | sort |
		unique | join(" ")' "$run/report.json")" \
		'CLOSE CRASH DROP GETLOCALIP HOLD HTTP KILLATTK PING RESOLVE STOP TCP UDP'
	is "$1: which of them JUNK is" "$(jq -c '[.commands[] |
		select(.name == "JUNK").compared[] | select(.same)]' \
		"$run/report.json")" '[]'
	# The block that calls the function which does it is run by one alone.
	is "$1: blocks that differ between two commands" "$(jq -c '[.commands[] |
		select(.name == "UDP" or .name == "TCP").coverage[0].only |
		[.[].calls[] | select(startswith("send"))]]' "$run/report.json")" \
		'[["sendUdp"],["sendTcp"]]'
}
table=$("$TOP/scripts/kagemusha-device" list --json)
archs=$(jq -r '.[] | select(.runs != "no") | .arch' <<<"$table")
for arch in ${ARCHS:-$archs}; do
	need_specimen "$arch" linebot || { skip "$arch" "$why"; continue; }
	run=$TMP/$arch
	drive
	is "$arch: the run finished" "$(jq -r .verdict "$run/run.json")" finished
	is "$arch: the ledger" "$(ledger)" "$WANT"
	is "$arch: the version of the QEMU that ran" \
		"QEMU emulator version $(jq -r .versions.qemu "$run/run.json")" \
		"$("$(sed -n 's/^qemu=//p' "$image/machine")" --version | head -n 1)"
	inside "$arch"
	rm -rf "$run"
	[[ $arch == i386 ]] || continue
	drive --level full
	is "$arch: the same with every system call" "$(ledger)" "$WANT"
	rm -rf "$run"
done
