# shellcheck shell=bash
# Sourced by kagemusha and by each sub-command written in bash:
#
#	set -euo pipefail
#	# shellcheck source=lib.bash
#	. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.bash"
#	KAGE_COMMAND='kagemusha lab'
#
# It sets and exports, for a checkout (left) and when installed (right):
#
#	KAGE_HOME     the top of the tree        PREFIX/share/kagemusha
#	              (lua-profiles, vm/image, … lie below it in both)
#	KAGE_LIBEXEC  scripts/                   PREFIX/libexec/kagemusha
#	              (kagemusha-SUB, report/, this file)
#	KAGE_BUILD    build/ or $KAGEMUSHA_BUILD  PREFIX/libexec/kagemusha
#	              (responder, recorder, device, guest/ARCH/labinit)
#	KAGEMUSHA_CACHE  where device images lie; made by who writes there
#
# A sub-command in Lua is started by kagemusha and finds them in its
# environment. Exit codes: 0 done; 1 it ran and something failed; 2 usage;
# 3 the machine lacks something, or the lab isn't contained.

kage_here=$(readlink -f "${BASH_SOURCE[0]}")
KAGE_LIBEXEC=${kage_here%/*}
if [[ ${KAGE_LIBEXEC##*/} == scripts && -e ${KAGE_LIBEXEC%/*}/Makefile ]]; then
	KAGE_HOME=${KAGE_LIBEXEC%/*}
	KAGE_BUILD=${KAGEMUSHA_BUILD:-$KAGE_HOME/build}
	KAGE_INSTALLED=0
else
	KAGE_HOME=${KAGE_LIBEXEC%/*/*}/share/kagemusha
	KAGE_BUILD=${KAGEMUSHA_BUILD:-$KAGE_LIBEXEC}
	KAGE_INSTALLED=1
fi
unset kage_here
if [[ -z ${KAGEMUSHA_CACHE:-} ]]; then
	if ((EUID == 0)); then
		KAGEMUSHA_CACHE=/var/cache/kagemusha
	else
		KAGEMUSHA_CACHE=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/kagemusha
	fi
fi
export KAGE_HOME KAGE_LIBEXEC KAGE_BUILD KAGE_INSTALLED KAGEMUSHA_CACHE
# Administrators' tools, also for a user whose PATH leaves them out.
case :$PATH: in
*:/usr/sbin:*) ;;
*) export PATH=$PATH:/usr/sbin:/sbin ;;
esac
# How messages begin; a sub-command sets its own.
KAGE_COMMAND=kagemusha

# warn TEXT: one line to the operator; the script goes on.
warn() { printf '%s: %s\n' "$KAGE_COMMAND" "$*" >&2; }

# die TEXT: it ran and something failed.
die() {
	warn "$@"
	exit 1
}

# end_on_signals: a script that is told to end does so by its EXIT trap. Without
# a trap of its own INT is lost when the program that bash waits for ends by
# itself.
end_on_signals() {
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# usage_error TEXT: the command line is wrong.
usage_error() {
	warn "$@"
	printf 'try: %s --help\n' "$KAGE_COMMAND" >&2
	exit 2
}

# lacks TEXT: the machine lacks something; the text says what to do.
lacks() {
	warn "$@"
	exit 3
}

# need_root DOING: ends with 3 unless we are root.
need_root() {
	((EUID == 0)) || lacks "$1 needs root: run it with sudo"
}

# take_back RUN: all of an ended run's folder belongs to who owns it. The
# responder, without rights by then, kept payloads and left its sockets.
take_back() {
	find "$1" -maxdepth 1 -type s -delete
	[[ ! -d $1/files ]] || chown -R --reference="$1" "$1/files"
}

# need_value OPTION "$@": dies unless the option (now $1 of the caller's own
# arguments) is followed by a value.
need_value() {
	[[ $# -ge 3 && -n $3 ]] || usage_error "$1 needs a value"
}

# need_lab_name NAME: dies unless a lab may be called so.
need_lab_name() {
	[[ $1 =~ ^[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?$ ]] || usage_error \
		"'$1' is no name for a lab: use up to 24 of a-z, 0-9 and -"
}

# setting KEY=VALUE: the same, the path of KEY=@FILE made whole.
setting() {
	[[ $1 =~ ^[^=]+=@[^@] ]] || { printf '%s' "$1"; return; }
	[[ -r ${1#*=@} ]] || usage_error "--set $1: can't read the file"
	printf '%s=@%s' "${1%%=@*}" "$(readlink -f -- "${1#*=@}")"
}

# need_programs PROGRAM...: ends with 3, naming the Debian packages to install.
need_programs() {
	local p missing=()
	for p; do
		command -v "$p" >/dev/null || missing+=("$(package_of "$p")")
	done
	((${#missing[@]} == 0)) ||
		lacks "missing programs; as root run: apt-get install ${missing[*]}"
}

# package_of PROGRAM: the Debian package that has it.
package_of() {
	case $1 in
	ip | tc | ss | bridge) echo iproute2 ;;
	nft) echo nftables ;;
	nsenter | unshare | setpriv | flock | setsid) echo util-linux ;;
	qemu-system-i386 | qemu-system-x86_64) echo qemu-system-x86 ;;
	qemu-system-arm | qemu-system-aarch64) echo qemu-system-arm ;;
	qemu-system-mips*) echo qemu-system-mips ;;
	luacheck) echo lua-check ;;
	dig) echo dnsutils ;;
	nc) echo netcat-openbsd ;;
	*) echo "$1" ;;
	esac
}

# say TEXT: progress. Shown on a terminal, silent in a pipe or with
# KAGEMUSHA_QUIET=1; shown everywhere with KAGEMUSHA_VERBOSE=1.
say() {
	[[ ${KAGEMUSHA_QUIET:-0} != 1 ]] || return 0
	[[ -t 2 || ${KAGEMUSHA_VERBOSE:-0} == 1 ]] || return 0
	printf '  %s\n' "$*" >&2
}

# find_program NAME: prints the path of one of our compiled programs
# (responder, recorder, device, guest/i386/labinit), or ends with 3.
find_program() {
	local path=$KAGE_BUILD/$1
	if [[ ! -x $path ]]; then
		if ((KAGE_INSTALLED)); then
			lacks "$path is missing: install kagemusha again"
		fi
		lacks "$path is not built: run make in $KAGE_HOME"
	fi
	printf '%s\n' "$path"
}

# kage_version: prints the version of this copy.
kage_version() {
	local line
	if ((KAGE_INSTALLED)); then
		cat "$KAGE_HOME/version"
		return
	fi
	while IFS= read -r line; do
		[[ $line == 'VERSION := '* ]] || continue
		printf '%s\n' "${line#VERSION := }"
		return
	done <"$KAGE_HOME/Makefile"
	die "no VERSION in $KAGE_HOME/Makefile"
}

# json_text TEXT: prints it as a JSON string, quotes included. Bytes that are
# no control characters pass as they are, so the text must be UTF-8.
json_text() {
	local s=$1 out='' i c
	s=${s//\\/\\\\}
	s=${s//\"/\\\"}
	s=${s//$'\n'/\\n}
	s=${s//$'\t'/\\t}
	if [[ $s == *[[:cntrl:]]* ]]; then
		for ((i = 0; i < ${#s}; i++)); do
			c=${s:i:1}
			if [[ $c == [[:cntrl:]] ]]; then
				printf -v c '\\u%04x' "'$c"
			fi
			out+=$c
		done
		s=$out
	fi
	printf '"%s"' "$s"
}
