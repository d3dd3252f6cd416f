#!/usr/bin/env bash
# Labs are proved at the same time, each by a canary that watches the other's
# namespace as well: neither takes the other for a leak.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"

for l in "$LAB-a" "$LAB-b"; do
	labs+=("$l")
	"$TOP/scripts/kagemusha" lab up --lab "$l"
done
# prove NAME: verifies a lab many times; prints what failed.
prove() {
	local i
	for i in {1..12}; do
		"$TOP/scripts/kagemusha" lab verify --json --lab "$1" |
			jq -c '.checks[] | select(.result != "ok")'
	done
}
prove "$LAB-a" >"$TMP/a" 2>&1 & a=$!
prove "$LAB-b" >"$TMP/b" 2>&1
wait "$a"
is 'one lab' "$(<"$TMP/a")" ''
is 'and the other' "$(<"$TMP/b")" ''
