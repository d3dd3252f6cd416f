#!/usr/bin/env bash
# Wrong arguments and samples: the exit code, and one line that says what to do.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/_run.bash"

# refuses NAME STATUS PATTERN COMMAND...: how a command refuses.
refuses() {
	local name=$1 want=$2 pattern=$3 out status=0
	shift 3
	out=$("$@" 2>&1 >/dev/null </dev/null) || status=$?
	if ((status == want)) && [[ $out =~ $pattern ]]; then
		ok "$name"
	else
		not_ok "$name" "status $status (want $want): $out"
	fi
}

echo text >"$TMP/text"
: >"$TMP/empty"
head -c 20 /bin/true >"$TMP/cut"
refuses 'no sample' 2 'which sample' "$KAGE" run
refuses 'an unknown option' 2 'unknown option' "$KAGE" run --frobnicate
refuses 'a time that is none' 2 'no number of seconds' "$KAGE" run "$TMP/text" --time soon
refuses 'an option without value' 2 'needs a value' "$KAGE" run "$TMP/text" --time
refuses 'a level that is none' 2 'full, observe, flood' "$KAGE" run "$TMP/text" --level loud
refuses 'a rewriting that is none' 2 'no list' "$KAGE" run "$TMP/text" --rewrite 'connect; reboot'
refuses 'a config that is not there' 2 'no file' "$KAGE" run "$TMP/text" --config "$TMP/none"
refuses 'offline with a profile' 2 'leave --profile out' \
	"$KAGE" run "$TMP/text" --offline --profile gafgyt
refuses 'a sample that is not there' 1 'no such file' "$KAGE" run "$TMP/none"
refuses 'a folder' 1 'a folder' "$KAGE" run "$TMP"
if ((EUID == 0)); then
	cp -r "$TOP/scripts" "$TMP/scripts" && cp "$TOP/Makefile" "$TMP" && chmod -R a+rX "$TMP"
	refuses 'not root' 3 'needs root' setpriv --reuid 65534 --regid 65534 \
		--clear-groups "$TMP/scripts/kagemusha" run "$TMP/text"
else
	refuses 'not root' 3 'needs root' "$KAGE" run "$TMP/text"
fi

why=$(run_impossible)
[[ -z $why ]] || { skip 'bad samples' "$why"; exit 0; }
refuses 'no ELF' 1 'ELF' "$KAGE" run "$TMP/text" --out "$TMP/r1"
refuses 'an empty file' 1 'ELF' "$KAGE" run "$TMP/empty" --out "$TMP/r2"
refuses 'a cut file' 1 'ELF|truncated' "$KAGE" run "$TMP/cut" --out "$TMP/r3"
refuses 'an unknown architecture' 2 'nosuch' \
	"$KAGE" run "$LINEBOT" --arch nosuch --out "$TMP/r4"
refuses 'an unknown profile' 1 'nosuch' \
	"$KAGE" run "$LINEBOT" --profile nosuch --out "$TMP/r5"
mkdir "$TMP/r6" && echo '{}' >"$TMP/r6/run.json"
refuses 'a folder with a run in it' 1 'holds a run already' \
	"$KAGE" run "$LINEBOT" --out "$TMP/r6"

lab=exists$$
"$KAGE" lab up --lab "$lab" >/dev/null
at_exit "$KAGE lab down --lab $lab >/dev/null 2>&1"
refuses 'a lab that exists' 3 'kagemusha lab down' \
	"$KAGE" run "$LINEBOT" --lab "$lab" --out "$TMP/r7"
check 'that lab is still up' "$KAGE" lab verify --lab "$lab"

out=$TMP/r8
status=0
"$KAGE" run "${LINEBOT%/*}/quitter" --out "$out" --profile gafgyt --time 20 \
	>/dev/null 2>"$TMP/err" || status=$?
is 'a sample that exits at once: exit 0' "$status" 0
is 'a sample that exits at once: verdict' "$(jq -r .verdict "$out/run.json")" exit
check 'a sample that exits at once: a report' test -s "$out/report.txt"
