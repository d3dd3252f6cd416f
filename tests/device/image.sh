#!/usr/bin/env bash
# The image of i386: byte-identical when made twice, safe when two builds run
# at once, gone when interrupted, and clear about what is missing.
. "$(dirname "$0")/../tap.sh"

device=$TOP/scripts/kagemusha-device
export KAGEMUSHA_BUILD=$BUILD
# One cache for the packages of all cases; it stays for the next run.
packages=${KAGEMUSHA_CACHE:-/var/cache/kagemusha}/packages

if [[ ! -x $BUILD/guest/i386/labinit ]]; then
	skip image 'guest/i386/labinit is not built'
	exit 0
fi
for program in bsdtar modinfo dpkg-deb apt-get; do
	command -v "$program" >/dev/null && continue
	skip image "$program is not installed"
	exit 0
done

# cache NAME: an empty cache with the packages that are on this machine.
cache() {
	export KAGEMUSHA_CACHE=$TMP/$1
	mkdir -p "$KAGEMUSHA_CACHE"
	[[ ! -d $packages ]] || cp -r "$packages" "$KAGEMUSHA_CACHE/"
}

cache one
umask 022
if ! "$device" build --no-snapshot i386 >"$TMP/out" 2>"$TMP/err"; then
	if grep -q "can't be fetched" "$TMP/err"; then
		skip image 'no Debian mirror can be reached'
	else
		not_ok 'build i386' "$(cat "$TMP/err")"
	fi
	exit 0
fi
one=$(cat "$TMP/out")
ok 'build i386'
is 'a build in a pipe is quiet' "$(grep -v 'package lists\|taking what' "$TMP/err")" ''
# What was fetched serves the next cases, and the next run of this test.
packages=$KAGEMUSHA_CACHE/packages
is 'image i386 prints the folder' "$("$device" image i386)" "$one"

# Made again by another user, under another umask, by two builds at once.
cache two
chmod 0755 "$TMP"
user=()
if ((EUID == 0)); then
	chown -R nobody "$KAGEMUSHA_CACHE"
	user=(setpriv --reuid=nobody --clear-groups)
fi
umask 077
"${user[@]}" "$device" build --no-snapshot i386 >"$TMP/a" 2>"$TMP/a.err" &
first=$!
"${user[@]}" "$device" build --no-snapshot i386 >"$TMP/b" 2>"$TMP/b.err"
is 'the second of two builds at once ends with 0' $? 0
wait "$first"
is 'and the first' $? 0
umask 022
two=$(cat "$TMP/a")
is 'both name one folder' "$(cat "$TMP/b")" "$two"
is 'the same key' "${two##*/}" "${one##*/}"
for file in kernel initramfs.cpio machine manifest; do
	check "$file is the same byte for byte" cmp "$one/$file" "$two/$file"
done
is 'nothing is left beside the image' \
	"$(find "$KAGEMUSHA_CACHE/images" -mindepth 1 -maxdepth 1 \
		! -name '.lock-*' | wc -l)" 1

is 'the kernel is an ELF file' "$(head -c 4 "$one/kernel" | od -An -c | tr -d ' ')" '177ELF'
entries=$(bsdtar -tvf "$one/initramfs.cpio" | awk '{print $1, $3, $4, $NF}')
has() {
	if grep -qxF -e "$2" <<<"$entries"; then ok "$1"; else
		not_ok "$1" "no '$2' in:"$'\n'"$entries"
	fi
}
has 'labinit is /init' '-rwxr-xr-x 0 0 ./init'
has 'a console without mknod' 'crw------- 0 0 ./dev/console'
has "strace's loader is there" '-rwxr-xr-x 0 0 ./lib/ld-linux.so.2'
# Each module comes after those that it depends on.
mkdir "$TMP/tree"
bsdtar -xf "$one/initramfs.cpio" -C "$TMP/tree" ./lib
bad='' seen=' '
while IFS= read -r module; do
	for needs in $(modinfo -F depends "$TMP/tree/lib/m/$module" | tr ',' ' ')
	do
		[[ $seen == *" ${needs//-/_} "* ]] || bad+="$module before $needs; "
	done
	module=${module%.ko}
	seen+="${module//-/_} "
done <"$TMP/tree/lib/m/order"
is 'modules load after what they depend on' "$bad" ''
for key in arch qemu machine cpu memory_mb console append kernel_version; do
	check "machine names $key" grep -q "^$key=..*" "$one/machine"
done

# An interrupted build.
cache three
for signal in TERM INT KILL; do
	# A background job of a script ignores INT; env gives it back.
	env --default-signal=INT "$device" build --no-snapshot i386 \
		>/dev/null 2>&1 &
	pid=$!
	making() { compgen -G "$KAGEMUSHA_CACHE/images/.making-*"; }
	# Midway, while it waits for a program that knows nothing of the signal.
	unpacking() { making && pgrep -P "$pid" dpkg-deb; }
	wait_for 60 unpacking || not_ok "a build begins ($signal)"
	kill "-$signal" "$pid"
	wait "$pid" 2>/dev/null
	is "no image after $signal" \
		"$(compgen -G "$KAGEMUSHA_CACHE/images/i386-*" || :)" ''
	[[ $signal == KILL ]] ||
		is "nothing is left after $signal" "$(making || :)" ''
	"$device" image i386 >/dev/null 2>&1
	is "image i386 ends with 3 after $signal" $? 3
done
check 'and the next build works' "$device" build --no-snapshot i386
is 'without what the killed one left' "$(making || :)" ''

# prune removes what isn't current.
mkdir "$KAGEMUSHA_CACHE/images/i386-0123456789abcdef"
"$device" prune >"$TMP/out"
is 'prune removes an old image' \
	"$(grep -c i386-0123456789abcdef "$TMP/out")" 1
check 'and keeps the current one' "$device" image i386
"$device" prune --all >/dev/null
"$device" image i386 >/dev/null 2>&1
is 'prune --all removes all' $? 3

# A lock file that the mirror does not fulfil. The tree is copied, because the
# lock files are part of it.
mkdir "$TMP/copy"
cp -r "$TOP/scripts" "$TOP/vm" "$TOP/Makefile" "$TMP/copy"
device=$TMP/copy/scripts/kagemusha-device
lock=$TMP/copy/vm/image/lock/i386
cache four
rm -f "$KAGEMUSHA_CACHE"/packages/strace_*
sed -i '/^strace /s/[0-9a-f]*$/00112233/' "$lock"
"$device" build --no-snapshot i386 >"$TMP/out" 2>"$TMP/err"
is 'a package with another sum ends the build' $? 1
check 'and is named' grep -q 'strace .* has another SHA-256' "$TMP/err"
sed -i '/^strace /s/ [^ ]* / 6.0-0 /2;s/^strace [^ ]*/strace 6.0-0/' "$lock"
if four=$("$device" build --no-snapshot i386 2>"$TMP/err"); then
	ok 'a version that the mirror has no more is replaced'
	check 'with a message' grep -q 'no strace=6.0-0 any more' "$TMP/err"
	check 'and a note in the manifest' \
		grep -q '^lock left: .*strace=6.0-0' "$four/manifest"
else
	not_ok 'a version that the mirror has no more is replaced' \
		"$(cat "$TMP/err")"
fi

# Without a network.
if ((EUID == 0)); then
	export KAGEMUSHA_CACHE=$TMP/five
	unshare -n "$TOP/scripts/kagemusha-device" build --no-snapshot i386 \
		>/dev/null 2>"$TMP/err"
	is 'no network: exit 3' $? 3
	check 'and the packages are named' \
		grep -q 'strace, busybox-static, linux-image-686-pae' "$TMP/err"
	is 'and no image is there' \
		"$(compgen -G "$TMP/five/images/*" || :)" ''
else
	skip 'no network' 'needs root'
fi
