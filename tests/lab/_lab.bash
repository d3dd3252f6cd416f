# shellcheck shell=bash
# Sourced by the lab tests: names for labs of this test alone, all of them
# removed when it ends. Without root, or what a lab needs, the test is skipped.
((EUID == 0)) || { skip "${0##*/}" 'needs root'; exit 0; }
for p in ip nft nsenter busybox jq; do
	command -v "$p" >/dev/null || { skip "${0##*/}" "needs $p"; exit 0; }
done
[[ -c /dev/net/tun ]] || { skip "${0##*/}" 'needs /dev/net/tun'; exit 0; }
unshare --net true 2>/dev/null ||
	{ skip "${0##*/}" 'no network namespaces here'; exit 0; }

LAB=t$$
labs=("$LAB")
# lab ACTION...: kagemusha lab, on this test's lab.
lab() { "$TOP/scripts/kagemusha" lab "$1" --lab "$LAB" "${@:2}"; }
# gone NAME: nothing of that lab is left.
gone() { [[ ! -e /run/netns/kage-$1 && ! -e /run/kagemusha/$1 ]]; }
remove_labs() {
	local l
	for l in "${labs[@]}"; do
		"$TOP/scripts/kagemusha" lab down --lab "$l" >/dev/null 2>&1
	done
}
at_exit remove_labs
# serve_lab OPTION...: kagemusha serve in this test's lab, ready, with its run's
# folder at $TMP/run, its journal $journal and its pid $serve; else the test ends.
serve_lab() {
	journal=$TMP/run/session.jsonl
	"$TOP/scripts/kagemusha" serve --lab "$LAB" --out "$TMP/run" "$@" \
		>"$TMP/out" 2>"$TMP/err" &
	serve=$!
	at_exit 'kill "$serve" 2>/dev/null; wait "$serve" 2>/dev/null'
	wait_for 60 grep -qs '"state":"ready"' "$journal" || {
		not_ok "serve is ready" "$(cat "$TMP/err")"
		exit 0
	}
}
