#!/usr/bin/env bash
# kagemusha inspect: what our specimens say without being run, and files that
# are no specimens.
. "$(dirname "$0")/../tap.sh"
inspect=$TOP/scripts/kagemusha-inspect

for arch in i386 mips sparc64; do
	sample=$BUILD/specimens/$arch/linebot
	[[ -e $sample ]] || { skip "$arch" "linebot is not built for it"; continue; }
	"$inspect" --json "$sample" >"$TMP/out"
	is "$arch: its device" "$(jq -r .device "$TMP/out")" "$arch"
	is "$arch: functions worth a probe" "$(jq -r '[.functions[] | select(.why) | .name
		| select(. == "recvLine" or . == "processCmd")] | sort | join(" ")' "$TMP/out")" \
		"processCmd recvLine"
	is "$arch: none of the library's" \
		"$(jq -r '[.functions[].name | select(test("printf|malloc|memcpy"))] | length' \
			"$TMP/out")" 0
	is "$arch: its commands" "$(jq -r '[.commands[].word] | sort | join(" ")' "$TMP/out")" \
		"CLOSE CRASH DROP GETLOCALIP HOLD HTTP KILLATTK PING PONG RESOLVE STOP TCP UDP"
	is "$arch: its server's name" "$(jq -r '.strings.name | join(" ")' "$TMP/out")" \
		c2.linebot.example
	"$inspect" "$sample" >"$TMP/text"
	is "$arch: 100 columns" "$(awk 'length > 100' "$TMP/text" | wc -l)" 0
done

# Cut off: bytes of linebot | what lies beyond their end.
sample=$BUILD/specimens/i386/linebot
while IFS='|' read -r bytes what; do
	[[ -e $sample ]] || { skip "$bytes bytes" "linebot is not built for i386"; continue; }
	head -c "$bytes" "$sample" >"$TMP/part"
	"$inspect" "$TMP/part" >"$TMP/text" 2>&1
	is "$bytes bytes: cut off" "$? $(grep '^cut off' "$TMP/text" | tr -s ' ')" \
		"0 cut off its $what lie beyond its end, or so its header says"
	check "$bytes bytes: not called stripped" grep -q \
		"^functions  *none named: what names them may lie beyond" "$TMP/text"
	is "$bytes bytes: the same for programs" "$("$inspect" --json "$TMP/part" |
		jq -c '[.elf.beyond_end, .stripped]')" "[\"$what\",null]"
done <<'E'
100|program headers and section headers
20000|segments and section headers
-1|section headers
E
# Its header without section headers, and with some at 2^32 - 1.
if [[ -e $sample ]]; then
	cp "$sample" "$TMP/whole"
	head -c 4 /dev/zero | dd of="$TMP/whole" bs=1 seek=32 conv=notrunc status=none
	"$inspect" "$TMP/whole" >"$TMP/text"
	is "a stripped one is not cut off" "$(grep -c '^cut off' "$TMP/text") $(
		grep -c '^functions .*: the file is stripped' "$TMP/text")" '0 1'
	printf '\377\377\377\377' | dd of="$TMP/whole" bs=1 seek=32 conv=notrunc status=none
	check "an offset beyond all files" grep -q '^cut off  *its section headers' \
		<("$inspect" "$TMP/whole")
fi
sample=$BUILD/specimens/amd64/linebot
if [[ -e $sample ]]; then
	cp "$sample" "$TMP/whole"
	printf '\377\377\377\377\377\377\377\377' |
		dd of="$TMP/whole" bs=1 seek=40 conv=notrunc status=none
	check "one at 2^64 - 1" grep -q '^cut off  *its section headers' \
		<("$inspect" "$TMP/whole")
fi

# says NAME FILE PATTERN: ends with 1 and one line that says why.
says() {
	local out
	out=$("$inspect" "$2" 2>&1 >/dev/null)
	if [[ $? == 1 && $(wc -l <<<"$out") == 1 ]] && grep -q -- "$3" <<<"$out"; then
		ok "$1"
	else
		not_ok "$1" "$out"
	fi
}
printf '#!/bin/sh\nid\n' >"$TMP/script"
: >"$TMP/empty"
printf '\177ELF\1\1\1' >"$TMP/cut"
head -c 3000 /dev/zero >"$TMP/zeros"
says "a script" "$TMP/script" 'a script'
says "an empty file" "$TMP/empty" ': the file is empty$'
says "a cut header" "$TMP/cut" 'cut off'
says "zeros" "$TMP/zeros" 'not an ELF'
says "a folder" "$TMP" ": a folder; name the sample's file\$"
says "no such file" "$TMP/none" 'No such file'
printf '#!/bin/sh\n' >"$TMP/it's; touch x"
says "a name for the shell" "$TMP/it's; touch x" 'a script'
said=$("$inspect" 2>&1)
is "no argument: usage" "$? $said" '2 kagemusha inspect: which sample? try --help'
