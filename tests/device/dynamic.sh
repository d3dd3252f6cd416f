#!/usr/bin/env bash
# Dynamic samples: the image has Debian's loaders, glibc's and musl's, and
# linebot does with them what it does without; others are asked for by name.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=_image.bash
. "$(dirname "$0")/_image.bash"

# dynamic COMPILER NAME: builds linebot against shared libraries, in $sample.
dynamic() {
	sample=$TMP/$2
	"$1" -std=c17 -D_GNU_SOURCE -g -O1 -fno-inline -o "$sample" \
		"$TOP"/tests/specimens/{linebot,common,actions}.c 2>"$TMP/cc"
}
WANT='UDP handled, TCP handled, HTTP handled, DROP handled, JUNK ignored, STD ignored, HOLD handled, CLOSE disconnected'
ledger() {
	jq -r '[.commands[] | select(.name |
		IN("UDP", "TCP", "HTTP", "DROP", "JUNK", "STD", "HOLD", "CLOSE")) |
		"\(.name) \(.verdict)"] | join(", ")' "$run/report.json"
}

while read -r arch libc gcc; do
	if ! command -v "$gcc" >/dev/null || ! dynamic "$gcc" "linebot-$libc"; then
		skip "$arch, $libc" "$gcc can't build it"
	elif ! need_guest "$arch"; then
		skip "$arch, $libc" "$why"
	elif [[ ! -e /dev/net/tun ]]; then
		skip "$arch, $libc" 'needs /dev/net/tun'
	else
		run=$TMP/run-$libc
		timeout -k 20 240 "$TOP/scripts/kagemusha" run "$sample" \
			--profile gafgyt --level full --time 120 --out "$run" --quiet \
			>/dev/null 2>"$TMP/err" || diag "$(tail -n 5 "$TMP/err")"
		is "$arch, $libc: the ledger is that of a static one" \
			"$(ledger)" "$WANT"
		rm -rf "$run"
	fi
done <<'E2'
i386 glibc i686-linux-gnu-gcc
amd64 musl musl-gcc
E2

# A loader that Debian has not: said before anything starts, and with a folder
# that has it, it runs.
if ! need_guest i386 || ! dynamic i686-linux-gnu-gcc linebot; then
	skip 'loaders of others' "${why:-no compiler}"
	exit 0
fi
sed -i 's|/lib/ld-linux\.so\.2|/lib/ld-uClibc.so0|' "$sample"
in_guest "$TMP/none" 3 --sample "$sample"
is 'uClibc: exit 3' $? 3
check 'uClibc: the loader is named' \
	grep -q "wants the loader /lib/ld-uClibc.so0, uClibc's" "$TMP/none/device.log"
check 'uClibc: and what to do' grep -q -- '--loader DIR' "$TMP/none/device.log"
in_guest "$TMP/missing" 3 --sample "$sample" --loader "$TMP/none"
is 'a folder without the loader: exit 3' $? 3
check 'a folder without the loader: it is named' \
	grep -q 'none/lib/ld-uClibc.so0: No such file' "$TMP/missing/device.log"
mkdir "$TMP/firmware"
cp -r "$image/loaders/glibc/lib" "$TMP/firmware/"
mv "$TMP/firmware/lib/ld-linux.so.2" "$TMP/firmware/lib/ld-2.so"
ln -s ld-2.so "$TMP/firmware/lib/ld-uClibc.so0"
ln -s nowhere "$TMP/firmware/lib/broken"
in_guest "$TMP/folder" 3 --sample "$sample" --loader "$TMP/firmware" ||
	diag "$(cat "$TMP/folder/device.log")"
check 'a folder with the loader: the sample runs' \
	grep -q '"name":"connect"' "$TMP/folder/device.jsonl"
in_guest "$TMP/forced" 3 --sample "$sample" --loader glibc ||
	diag "$(cat "$TMP/forced/device.log")"
check 'the loader of the image under another name: the sample runs' \
	grep -q '"name":"connect"' "$TMP/forced/device.jsonl"
truncate -s 40M "$TMP/firmware/lib/big"
in_guest "$TMP/big" 3 --sample "$sample" --loader "$TMP/firmware"
is 'a folder that is too big: exit 1' $? 1
check 'and which file is too much' grep -q 'leave in it what' "$TMP/big/device.log"
# A path that would leave the cell.
sed -i 's|/lib/ld-uClibc\.so0|/../ld-linux.so.22|' "$sample"
in_guest "$TMP/out" 3 --sample "$sample" --loader glibc
is 'a loader outside of the cell: exit 3' $? 3
