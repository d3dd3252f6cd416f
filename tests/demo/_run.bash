# shellcheck shell=bash
# Helpers for tests that run linebot in a real lab. Sourced after tap.sh.

KAGE=$TOP/scripts/kagemusha
export KAGEMUSHA_BUILD=$BUILD
LINEBOT=$BUILD/specimens/i386/linebot

# run_impossible: prints why a run can't be tried here, or nothing.
run_impossible() {
	((EUID == 0)) || { echo 'needs root'; return; }
	[[ -e /dev/net/tun ]] || { echo 'needs /dev/net/tun'; return; }
	command -v qemu-system-i386 >/dev/null ||
		{ echo 'needs qemu-system-i386'; return; }
	[[ -x $LINEBOT ]] || { echo 'needs the i386 cross compiler'; return; }
	"$KAGE" device build i386 >/dev/null 2>"$TMP/image.log" ||
		{ echo "no i386 image: $(tail -n 1 "$TMP/image.log")"; return; }
}

# leftovers LAB: prints what a lab left behind: namespace, processes, mounts,
# state. Nothing is good.
leftovers() {
	ip netns list | grep -E "^kage-$1( |$)"
	[[ ! -e /run/kagemusha/$1 ]] || echo "/run/kagemusha/$1"
	grep -F "kage-$1" /proc/mounts
	pgrep -af "netns exec kage-$1 |--run $TMP/"
	return 0
}

# lines_read RUN: jq reads every line of every journal.
lines_read() {
	local f
	for f in "$1"/*.jsonl; do
		jq -e . "$f" >/dev/null || { echo "$f"; return 1; }
	done
}

# capture_reads RUN: tshark reads the capture to its end.
capture_reads() { tshark -r "$1/traffic.pcapng" >/dev/null; }

# child_of_run NAME OUT: the pid of the program NAME that serves the run OUT.
child_of_run() {
	case $1 in
	qemu) pgrep -P "$(child_of_run device "$2")" -f qemu-system ;;
	*) pgrep -f "^$BUILD/$1 .*--run $2( |$)" ;;
	esac
}

# commands_sent OUT N: true once the journal has N commands.
commands_sent() {
	(($(grep -c '"event_type":"command"' "$1/session.jsonl") >= $2))
}
