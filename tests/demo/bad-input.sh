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
refuses 'no sample' 2 'which sample' "$KAGE" run
refuses 'an unknown option' 2 'unknown option' "$KAGE" run --frobnicate
refuses 'a time that is none' 2 'no number of seconds' "$KAGE" run "$TMP/text" --time soon
refuses 'an option without value' 2 'needs a value' "$KAGE" run "$TMP/text" --time
refuses 'a level that is none' 2 'full, observe, flood' "$KAGE" run "$TMP/text" --level loud
refuses 'a rewriting that is none' 2 'no list' "$KAGE" run "$TMP/text" --rewrite 'connect; reboot'
refuses 'a config that is not there' 2 'no file' "$KAGE" run "$TMP/text" --config "$TMP/none"
refuses 'a persona that is none' 2 'camera, router, server' \
	"$KAGE" run "$TMP/text" --persona toaster
refuses 'a loader that is none' 2 'nor a folder' "$KAGE" run "$TMP/text" --loader foo
refuses 'offline with a profile' 2 'leave --profile out' \
	"$KAGE" run "$TMP/text" --offline --profile gafgyt
if ((EUID == 0)); then
	cp -r "$TOP/scripts" "$TMP/scripts" && cp "$TOP/Makefile" "$TMP" && chmod -R a+rX "$TMP"
	refuses 'not root' 3 'needs root' setpriv --reuid 65534 --regid 65534 \
		--clear-groups "$TMP/scripts/kagemusha" run "$TMP/text"
else
	refuses 'not root' 3 'needs root' "$KAGE" run "$TMP/text"
fi

why=$(run_impossible)
[[ -z $why ]] || { skip 'bad samples' "$why"; exit 0; }
# Before any lab is made.
refuses 'a network that is none' 2 'like 192.0.2.0/24' \
	"$KAGE" run "$LINEBOT" --allow-target xyz --out "$TMP/never"
check 'and no folder is left' test ! -e "$TMP/never"
# make KIND FILE: one bad sample. An ELF header's byte order is its 6th byte,
# its machine the 19th, its type the 17th.
patch() { printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
make_bad() {
	case $1 in
	nothing) ;;
	folder) mkdir "$2" ;;
	pipe) mkfifo "$2" ;;
	device) ln -s /dev/zero "$2" ;;
	empty) : >"$2" ;;
	text) echo text >"$2" ;;
	script) printf '#!/bin/sh\nexit 0\n' >"$2" ;;
	magic) printf '\177ELF' >"$2" ;;
	header) head -c 40 "$LINEBOT" >"$2" ;;
	half) head -c 300000 "$LINEBOT" >"$2" ;;
	big) cp "$LINEBOT" "$2" && truncate -s 200M "$2" ;;
	order) cp "$LINEBOT" "$2" && patch "$2" 5 '\x02' ;;
	machine) cp "$LINEBOT" "$2" && patch "$2" 18 '\x16' ;;
	class) cp "$LINEBOT" "$2" && patch "$2" 4 '\x03' ;;
	object) cp "$LINEBOT" "$2" && patch "$2" 16 '\x01' ;;
	core) cp "$LINEBOT" "$2" && patch "$2" 16 '\x04' ;;
	esac
}
# Each is refused with 2 before a lab is made, and with a word that tells what
# to do about it; no folder is left.
while IFS='|' read -r kind pattern; do
	make_bad "$kind" "$TMP/bad-$kind"
	refuses "sample: $kind" 2 "$pattern" timeout 20 "$KAGE" run \
		"$TMP/bad-$kind" --out "$TMP/run-$kind"
	is "sample: $kind: no folder" "$(ls -d "$TMP/run-$kind" 2>/dev/null)" ''
	rm -rf "$TMP/bad-$kind"
done <<'E'
nothing|no such file
folder|a folder; name the sample
pipe|no ordinary file
device|no ordinary file
empty|empty
text|not an ELF
script|a script
magic|class
header|cut off
half|truncated
big|209715200 bytes; a sample may have
order|the wrong byte order
machine|no row of architectures
class|class 03
object|no program
core|no program
E
cp "$LINEBOT" "$TMP/closed" && chmod 000 "$TMP/closed"
refuses 'sample: unreadable' 2 'may not be read: check' setpriv --reuid 65534 \
	--regid 65534 --clear-groups "$TMP/scripts/kagemusha" run "$TMP/closed"
if "$KAGE" device image amd64 >/dev/null 2>&1; then
	refuses 'sample: of another architecture than --arch' 2 \
		'its ELF header says' \
		"$KAGE" run "$LINEBOT" --arch amd64 --out "$TMP/r3"
fi
refuses 'an unknown architecture' 2 'nosuch' \
	"$KAGE" run "$LINEBOT" --arch nosuch --out "$TMP/r4"
refuses 'an unknown profile' 2 "no profile 'nosuch'" \
	"$KAGE" run "$LINEBOT" --profile nosuch --out "$TMP/r5"
check 'and no folder of it is left' test ! -e "$TMP/r5"
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
