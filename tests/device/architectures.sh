#!/usr/bin/env bash
# The table of architectures: an ELF header names the row that runs it, and
# what can't run gets a reason. Headers are made here, byte by byte.
. "$(dirname "$0")/../tap.sh"

device=$TOP/scripts/kagemusha-device
export KAGEMUSHA_BUILD=$BUILD KAGEMUSHA_CACHE=$TMP/cache

# number VALUE BYTES ORDER: as escapes for printf.
number() {
	local i out='' byte
	for ((i = 0; i < $2; i++)); do
		printf -v byte '\\x%02x' $((($1 >> (8 * i)) & 255))
		if [[ $3 == le ]]; then out+=$byte; else out=$byte$out; fi
	done
	printf '%s' "$out"
}

# elf CLASS ORDER MACHINE FLAGS [TYPE]: prints an ELF header.
elf() {
	local class=$1 order=$2 word=4 n=16
	((class == 32)) || word=8
	# shellcheck disable=SC2059 # the escapes are the format
	printf "\x7fELF$(number $((class / 32)) 1 le)$(
		[[ $order == le ]]; number $((1 + $?)) 1 le)\x01\x00"
	head -c 8 /dev/zero
	# shellcheck disable=SC2059
	printf "$(number "${5:-2}" 2 "$order")$(number "$3" 2 "$order")$(
		number 1 4 "$order")"
	head -c $((3 * word)) /dev/zero
	# shellcheck disable=SC2059
	printf "$(number "$4" 4 "$order")"
	head -c 64 /dev/zero
}

# name class order machine flags
while read -r name class order machine flags; do
	elf "$class" "$order" "$machine" "$flags" >"$TMP/elf"
	is "$name: $class $order $machine $flags" \
		"$("$device" arch "$TMP/elf" 2>&1)" "$name"
done <<'E2'
i386 32 le 3 0
amd64 64 le 62 0
armhf 32 le 40 0x05000400
armel 32 le 40 0x05000200
armel 32 le 40 0x04000002
arm64 64 le 183 0
mipsel 32 le 8 0x1007
mips64el 64 le 8 0x80000007
mips 32 be 8 0x50001007
powerpc 32 be 20 0x8000
m68k 32 be 4 0
sparc64 64 be 43 0
E2

# What can't run: exit 1 and a reason.
refused() {
	local out
	out=$("$device" arch "$TMP/elf" 2>&1)
	is "$1: exit 1" $? 1
	if [[ $out == *"$2"* ]]; then ok "$1: the reason"; else
		not_ok "$1: the reason" "$out"
	fi
}
elf 32 le 42 0 >"$TMP/elf"
refused 'sh4' 'sh4 is not supported: QEMU'
elf 32 le 62 0 >"$TMP/elf"
refused 'x32' 'x32 is not supported: Debian'
elf 64 be 22 0 >"$TMP/elf"
refused 'an architecture of no row' 'no row of architectures runs ELF class 64'
elf 32 le 3 0 | head -c 40 >"$TMP/elf"
refused 'a header cut off' 'cut off'
elf 64 le 62 0 | head -c 40 >"$TMP/elf"
refused 'a header cut off before its flags' 'cut off'
is 'and od says nothing' "$("$device" arch "$TMP/elf" 2>&1 | wc -l)" 1
elf 32 le 3 0 1 >"$TMP/elf"
refused 'an object file' 'no program'
elf 32 le 3 0 4 >"$TMP/elf"
refused 'a core dump' 'no program'
printf '#!/bin/sh\n' >"$TMP/elf"
refused 'a script' 'a script'
printf 'MZ' >"$TMP/elf"
refused 'a Windows program' 'not an ELF'
: >"$TMP/elf"
refused 'an empty file' 'not an ELF'
printf '\x7fELF\x03\x01\x01' >"$TMP/elf"
refused 'an unknown class' 'class 03'
rm "$TMP/elf"
mkdir "$TMP/elf"
refused 'a directory' 'a directory'

# Every row is complete and names a kernel, a QEMU and a console.
bad=''
while read -r name elf gcc runs deb kernel qemu machine cpu mib console quirks more
do
	case $runs in
	no) [[ -n $deb ]] || bad+="$name says not why; " ;;
	native) [[ -n $quirks && -z $more && $mib -gt 0 &&
		$qemu == qemu-system-* && $console == tty* ]] ||
		bad+="$name is not complete; " ;;
	esac
	[[ $runs == no || $gcc == *-linux-gnu* ]] || bad+="$name has no gcc; "
	[[ $elf =~ ^(32|64)(le|be)/[0-9a-f]+(/[0-9a-f]+=[0-9a-f]+)?$ ]] ||
		bad+="$name: $elf; "
	[[ $runs == no || -f $TOP/vm/image/lock/$name ]] ||
		bad+="$name has no lock file; "
done < <(sed -e '/^#/d' -e '/^ *$/d' "$TOP/vm/image/architectures")
is 'each row is complete and has a lock file' "$bad" ''
bad=$(grep -hvE '^(#.*|[a-z0-9.+-]+ [^ ]+ [a-z0-9]+ [0-9a-f]{64})$' \
	"$TOP"/vm/image/lock/*)
is 'each line of a lock file is name, version, architecture, sum' "$bad" ''

"$device" list --json >"$TMP/list"
# shellcheck disable=SC2016 # jq's variable
check 'list --json is JSON with all rows' jq -e \
	--argjson n "$(sed -e '/^#/d' -e '/^ *$/d' \
		"$TOP/vm/image/architectures" | wc -l)" \
	'length == $n and all(.[]; .state | IN("ready","cold","missing","no"))' \
	"$TMP/list"

"$device" image vax >"$TMP/out" 2>"$TMP/err"
is 'an unknown architecture is a usage error' $? 2
check 'that names the known ones' grep -q 'i386 amd64' "$TMP/err"
"$device" build 2>/dev/null
is 'build needs a name' $? 2
"$device" nothing 2>/dev/null
is 'an unknown action is a usage error' $? 2
check '--help has an example' grep -q '^example: ' <("$device" --help)

# The specimens are real programs of each architecture.
for folder in "$BUILD"/specimens/*/; do
	[[ -e $folder/linebot ]] || continue
	folder=${folder%/}
	is "${folder##*/}'s linebot is ${folder##*/}'s" \
		"$("$device" arch "$folder/linebot")" "${folder##*/}"
done
