#!/usr/bin/env bash
# Every specimen is what the device and the probes expect, and does nothing
# outside the lab.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

SPECIMENS=$BUILD/specimens
[[ -d $SPECIMENS ]] || SPECIMENS=$BUILD/../specimens
arch=$(own_arch) ||
	{ skip specimens 'none is built that this machine runs'; exit 0; }
folder=$SPECIMENS/$arch

# The machine that tests is no lab, unless it has the lab's address by chance.
if grep -q 'inet 10\.13\.37\.' <<<"$(ip -4 addr 2>/dev/null)"; then
	skip 'outside the lab' 'this machine has an address of 10.13.37.0/24'
	exit 0
fi

for program in "$folder"/*; do
	name=${program##*/}
	out=$("$program" 2>&1)
	is "$name ends with 2 outside the lab" $? 2
	is "$name says why" "$out" \
		"$name: not in the lab (no address of 10.13.37.0/24): nothing done"
	head=$(readelf -hl "$program" 2>/dev/null)
	if [[ $head == *'EXEC (Executable'* && $head != *INTERP* ]]; then
		ok "$name is static and not PIE"
	else
		not_ok "$name is static and not PIE"
	fi
done

symbols=$(nm "$folder/linebot" 2>/dev/null)
for f in initConnection recvLine processCmd sendUdp holdTarget; do
	check "linebot has the function $f" grep -q " T $f\$" <<<"$symbols"
done

out=$(env -u MAKEFLAGS -u MFLAGS make -s -C "$TOP" specimens B="$TMP/b" SPECIMEN_TOOLS=nowhere:nowhere-gcc 2>&1)
is 'a missing compiler is one line, no error' "$?: $out" \
	'0:   SKIP    specimens without a compiler: nowhere:nowhere-gcc'
