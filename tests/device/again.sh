#!/usr/bin/env bash
# What was recorded drives the bot again: `kagemusha profile from-pcap` makes a
# profile of a run's capture, `profile check` finds it fine, and a run with it
# sends the same bytes, with the same ledger.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=../demo/_run.bash
. "$TOP/tests/demo/_run.bash"
why=$(run_impossible)
[[ -z $why ]] || { skip again.sh "$why"; exit 0; }
command -v tshark >/dev/null || { skip again.sh 'needs tshark'; exit 0; }

# run_of OUT SPECIMEN OPTION...
run_of() {
	timeout -k 20 240 "$KAGE" run "$BUILD/specimens/i386/$2" --time 120 \
		--out "$1" --lab "again$$" --quiet "${@:3}" >/dev/null 2>"$TMP/err" ||
		diag "$(tail -n 5 "$TMP/err")"
}
ledger() {
	jq -r '.commands[] | "\(.verdict) \(.data | tojson)"' \
		"$1/report.json"
}
# again SPECIMEN OPTION...
again() {
	local name=$1 first=$TMP/$1 second=$TMP/$1-again
	run_of "$first" "$@"
	check "$name: a profile is made of the capture" \
		"$KAGE" profile from-pcap --name again "$first/traffic.pcapng"
	"$KAGE" profile from-pcap --name again "$first/traffic.pcapng" >"$TMP/again.lua"
	check "$name: it passes check" "$KAGE" profile check "$TMP/again.lua"
	run_of "$second" "$name" --profile "$TMP/again.lua"
	check "$name: there is something to compare" \
		test "$(ledger "$first" | wc -l)" -ge 7
	is "$name: the same commands, with the same ledger" \
		"$(ledger "$second")" "$(ledger "$first")"
	is "$name: the profile made no mistake" \
		"$(jq -c 'select(.event_type == "error")' "$second/session.jsonl")" ''
}
again linebot --profile gafgyt --set only=GETLOCALIP,UDP,DROP,HOLD,JUNK,CLOSE,CRASH
again binbot --profile binary --set "commands=$(sed -n 's/^commands //p' \
	"$(dirname "$0")/ledgers/binbot" | paste -sd'|')"
