# shellcheck shell=bash
# Sourced by every shell test. It prints TAP (Test Anything Protocol), which
# tests/run collects. A test that ends without saying anything, or with a
# status other than 0, counts as failed.
#
#   ok NAME            passed
#   not_ok NAME [WHY]  failed; the test goes on
#   skip NAME WHY      could not be run here
#   is NAME GOT WANT   compares two texts
#   check NAME CMD...  passes if the command ends with 0
#   wait_for SECONDS CMD...   polls a condition; never a plain sleep
#
#   own_arch           an architecture whose specimens this machine runs itself
#
# $BUILD is the build folder, $TOP the top of the tree, $TMP a scratch folder
# that goes when the test ends.
set -uo pipefail
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${BUILD:-$TOP/build}
case $BUILD in /*) ;; *) BUILD=$TOP/$BUILD ;; esac
export KAGEMUSHA_BUILD=$BUILD
TMP=$(mktemp -d "${TMPDIR:-/tmp}/kage-test.XXXXXX")
tap_cleanups=()

tap_exit() {
	local status=$? i
	for ((i = ${#tap_cleanups[@]} - 1; i >= 0; i--)); do
		eval "${tap_cleanups[i]}" || :
	done
	rm -rf "$TMP"
	exit "$status"
}
trap tap_exit EXIT

# Runs the text as a command when the test ends, last one first.
at_exit() { tap_cleanups+=("$1"); }
diag() { printf '%s\n' "$*" | sed 's/^/# /'; }
ok() { echo "ok - $1"; }
not_ok() {
	echo "not ok - $1"
	[[ $# -lt 2 ]] || diag "$2"
}
skip() { echo "ok - $1 # SKIP $2"; }
is() {
	if [[ $2 == "$3" ]]; then ok "$1"; else
		not_ok "$1" "got: $2"$'\n'"want: $3"
	fi
}
check() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$* → $?: $out"; fi
}
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep 0.02
	done
}
# Not every x86_64 kernel runs programs of i386. Outside a lab they end with 2.
own_arch() {
	local arch
	for arch in i386 amd64; do
		"${SPECIMENS:-$BUILD/specimens}/$arch/quitter" >/dev/null 2>&1
		(($? == 2)) && { echo "$arch"; return; }
	done
	return 1
}
