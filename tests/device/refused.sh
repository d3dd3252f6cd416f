#!/usr/bin/env bash
# What can't be run is refused with one line that says why, before QEMU starts.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/_device.bash"

# refuse NAME STATUS TEXT ARGUMENT...: that status, and that text on stderr.
refuse() {
	local name=$1 want=$2 text=$3 status=0
	shift 3
	mkdir -p "$TMP/refused"
	timeout 60 env "PATH=${search:-$PATH}" "$BUILD/device" "$@" >"$TMP/out" 2>"$TMP/err" || status=$?
	if ((status == want)) && grep -qF -- "$text" "$TMP/err"; then
		ok "$name"
	else
		not_ok "$name" "status $status (want $want), said: $(<"$TMP/err")"
	fi
}
# sample NAME TEXT FILE
sample() {
	refuse "$1" 3 "$2" --image "$image" --run "$TMP/refused" --sample "$3"
}

mkdir "$TMP/folder"
echo '#!/bin/sh' >"$TMP/script"
echo 'hello' >"$TMP/text"
: >"$TMP/empty"
head -c 3000 "$linebot" >"$TMP/short"
truncate -s 200M "$TMP/big"
sample 'a folder' 'a directory' "$TMP/folder"
sample 'no file' 'No such file' "$TMP/none"
sample 'a script' 'a script' "$TMP/script"
sample 'a text' 'not an ELF' "$TMP/text"
sample 'an empty file' 'not an ELF' "$TMP/empty"
sample 'a truncated program' 'truncated' "$TMP/short"
sample '200 MB' 'a sample may have' "$TMP/big"
sample 'another architecture' 'its ELF header says' "$BUILD/device"
mkfifo "$TMP/pipe"
sample 'a pipe' 'not a file' "$TMP/pipe"

refuse 'no image' 3 'no image' --image "$TMP" --run "$TMP/refused" \
	--sample "$linebot"
refuse 'no run folder' 3 'No such file' --image "$image" \
	--run "$TMP/nowhere" --sample "$linebot"
refuse 'no tap' 3 'tap kage-none0' --image "$image" --run "$TMP/refused" \
	--sample "$linebot" --tap kage-none0
refuse 'no such function' 3 'has no function notThere' --image "$image" \
	--run "$TMP/refused" --sample "$linebot" --probe notThere
refuse 'no such address' 3 'no address' --image "$image" \
	--run "$TMP/refused" --sample "$linebot" --probe 0x10
refuse 'no options' 2 'usage:'
refuse 'an unknown option' 2 'unrecognized' --nonsense
refuse 'a time that is none' 2 'needs seconds' --image "$image" \
	--run "$TMP/refused" --sample "$linebot" --time soon
# QEMU isn't there, or ends at once: its own words are passed on.
search=$TMP/folder
refuse 'QEMU is not installed' 3 "qemu-system-i386 can't be executed here" \
	--image "$image" --run "$TMP/refused" --sample "$linebot"
cat >"$TMP/folder/qemu-system-i386" <<'E'
#!/bin/sh
[ "$1" != --version ] || exec /usr/bin/qemu-system-i386 --version
echo 'qemu-system-i386: cannot set up guest memory' >&2
exit 1
E
# QEMU is nobody.
chmod 711 "$TMP"
chmod 755 "$TMP/folder" "$TMP/folder/qemu-system-i386"
refuse 'QEMU ends at its start' 1 'QEMU ended with status 1' \
	--image "$image" --run "$TMP/refused" --sample "$linebot"
check 'and says why' grep -q 'cannot set up guest memory' "$TMP/err"
search=

check '--help says an example' grep -q '^example:' <("$BUILD/device" --help)

# A snapshot that another QEMU made: said, and the guest boots instead.
mkdir "$TMP/image"
cp "$image"/{machine,kernel,initramfs.cpio} "$TMP/image/"
cp "$image/snapshot" "$TMP/image/"
sed 's/^qemu=.*/qemu=QEMU emulator version 0.1/' "$image/snapshot.key" \
	>"$TMP/image/snapshot.key"
refuse 'a snapshot of another QEMU: a boot instead' 0 'another QEMU' \
	--image "$TMP/image" --run "$TMP/refused" --sample "$linebot" --time 1
check 'what to do is said' grep -q -- '--make-snapshot. makes one' "$TMP/err"
check 'and the sample ran' grep -q '"restored":false' \
	"$TMP/refused/device.jsonl"

# A snapshot that says it fits and is rubbish.
mkdir "$TMP/rubbish" "$TMP/refused2"
cp -p "$image"/{machine,kernel,initramfs.cpio,snapshot.key} "$TMP/rubbish/"
head -c 100000 "$image/snapshot" >"$TMP/rubbish/snapshot"
refuse 'a cut snapshot: a boot instead' 0 'booting instead' \
	--image "$TMP/rubbish" --run "$TMP/refused2" --sample "$linebot" --time 1
check 'and what to do is said' grep -qF -- \
	"device --image $TMP/rubbish --make-snapshot\` renews it" "$TMP/err"
check 'and the sample ran then' grep -q '"restored":false' \
	"$TMP/refused2/device.jsonl"

# What was said to do makes it right.
rm "$TMP/rubbish/snapshot.key"
check 'the snapshot is made again' "$BUILD/device" --image "$TMP/rubbish" \
	--make-snapshot
rm -rf "$TMP/refused2"
mkdir "$TMP/refused2"
refuse 'and is restored' 0 'ended: time' \
	--image "$TMP/rubbish" --run "$TMP/refused2" --sample "$linebot" --time 1
check 'this time without a boot' grep -q '"restored":true' \
	"$TMP/refused2/device.jsonl"

# A full disk: exit 1, and what fitted is there.
mkdir "$TMP/full"
if mount -t tmpfs -o size=12k tmpfs "$TMP/full" 2>/dev/null; then
	at_exit "umount '$TMP/full'"
	refuse 'a full disk' 1 'No space left' --image "$image" \
		--run "$TMP/full" --sample "$linebot" --time 20
	check 'what fitted is there' grep -q '"state":"ready"' \
		"$TMP/full/device.jsonl"
	check 'and QEMU is gone' test ! -e "/proc/$(jq -nr 'first(inputs |
		select(.device).device.qemu_pid)' "$TMP/full/device.jsonl")"
else
	skip 'a full disk' 'no tmpfs can be mounted here'
fi
