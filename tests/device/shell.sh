#!/usr/bin/env bash
# A prompt in a fresh guest, from a real terminal: what is typed gets there,
# Ctrl-C ends a command and not the shell, the window has its size, and
# afterwards the terminal is as it was.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=_image.bash
. "$(dirname "$0")/_image.bash"

if ! command -v script >/dev/null; then
	skip shell 'needs script (bsdutils)'
	exit 0
elif ! need_guest i386; then
	skip shell "$why"
	exit 0
fi
mkfifo "$TMP/keys"
exec 7<>"$TMP/keys"
cat >"$TMP/terminal" <<-E
	stty rows 33 cols 99
	before=\$(stty -g)
	"$BUILD/device" --image "$image" --shell
	echo "ended with \$?"
	[ "\$before" = "\$(stty -g)" ] && echo "the terminal is as it was"
E
timeout 120 script -qec "sh $TMP/terminal" /dev/null <"$TMP/keys" \
	>"$TMP/screen" 2>&1 &
terminal=$!
at_exit "kill $terminal 2>/dev/null"
# The word that is waited for is not the one that is typed, which is echoed.
shows() { grep -q "$1" "$TMP/screen"; }
check 'a prompt' wait_for 60 shows '^/ # '
printf 'echo answer $((40 + 2)); stty size\r' >&7
check 'a command is answered' wait_for 10 shows 'answer 42'
check 'the window has its size' wait_for 10 shows '^33 99'
printf 'echo sleeping $((6 * 7)); sleep 1000\r' >&7
check 'a command that takes long' wait_for 10 shows 'sleeping 42'
printf '\003' >&7
printf 'echo after $((6 * 7)); exit 0\r' >&7
check 'Ctrl-C ends it, and not the shell' wait_for 10 shows 'after 42'
check 'the shell ends' wait_for 10 shows 'ended with 0'
check 'and leaves the terminal as it was' wait_for 10 shows 'as it was'
wait "$terminal"
