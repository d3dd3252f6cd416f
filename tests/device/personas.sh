#!/usr/bin/env bash
# Personas: what a sample sees of the machine that it is on.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=_image.bash
. "$(dirname "$0")/_image.bash"

if ! need_guest i386; then
	skip personas "$why"
	exit 0
fi
busybox_of i386

# sees PERSONA LEVEL WORD...: each word stands in what the sample prints.
sees() {
	local persona=$1 level=$2 word out
	shift 2
	in_guest "$TMP/$persona" 20 --persona "$persona" --level "$level" \
		--sample "$TMP/busybox" --arg sh --arg -c --arg \
		'hostname; cat /etc/passwd /proc/cpuinfo /proc/version /proc/mounts
		/proc/modules /proc/ioports; uptime; uname -a
		sysctl kernel.osrelease kernel.version; echo done' ||
		not_ok "$persona: the run ends well" \
			"$(cat "$TMP/$persona/device.log")"
	out=$(tr -d '\r' <"$TMP/$persona/console.log")
	for word; do
		if [[ $out == *"$word"* ]]; then ok "$persona shows $word"; else
			not_ok "$persona shows $word" "$out"
		fi
	done
	if [[ $out =~ QEMU|virtio|sysrq|/dev/null|/personas ]]; then
		not_ok "$persona hides what it is" "$out"
	else
		ok "$persona hides what it is"
	fi
}
# uname_of NODE RELEASE: what uname -a prints, but for the machine.
uname_of() { echo "Linux $1 $2 i686"; }
sees router observe router admin:x:0:0 'AMD G-T40E' 'Linux version 3.10.14' squashfs \
	'up 23 days' "$(uname_of router '3.10.14 #1 SMP Tue Mar 12 11:20:21 CST 2019')" \
	'kernel.osrelease = 3.10.14' 'kernel.version = #1 SMP Tue Mar 12' 'done'
sees camera flood localhost default:x:100 Atom 'Linux version 3.4.35' jffs2 \
	"$(uname_of localhost '3.4.35 #1 Thu Jun 14 10:02:51 CST 2018')" 'done'
# The snapshot stands ready as a router: nothing of that may be left.
is 'another persona leaves nothing of the router' "$(in_guest "$TMP/left" 20 \
	--persona server --sample "$TMP/busybox" --arg sh --arg -c --arg \
	'ls /etc/banner /etc/version 2>&1; cat /proc/mtd; exit 0'
	grep -c 'No such file' "$TMP/left/console.log")" 3
sees server full web01 www-data:x:33 'Xeon' ext4 'done'

in_guest "$TMP/none" 5 --persona toaster --sample "$TMP/busybox"
is 'an unknown persona fails the run' $? 1
