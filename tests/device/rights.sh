#!/usr/bin/env bash
# What QEMU's process may do in a lab, as /proc tells it: no capability, no way
# to get one, no internet socket, and the lab's tap as its only network.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/_device.bash"
. "$TOP/tests/lab/_lab.bash"

check 'a lab' lab up
rm -rf "$run"
mkdir "$run"
nsenter --net="/run/netns/kage-$LAB" "$BUILD/device" --image "$image" \
	--run "$run" --sample "$linebot" --tap tap0 --time 60 \
	2>"$run/device.log" &
device=$!
at_exit "kill $device 2>/dev/null"
check 'the sample is at work' wait_for 60 event '.syscall.name == "connect"'
pid=$(qemu_pid)
proc=/proc/$pid
is 'it is in the lab'"'"'s namespace' "$(stat -L -c %i "$proc/ns/net")" \
	"$(stat -L -c %i "/run/netns/kage-$LAB")"
is 'no capability in any set' "$(grep -hE '^Cap(Inh|Prm|Eff|Bnd|Amb)' \
	"$proc/status" | cut -f2 | sort -u)" 0000000000000000
is 'no_new_privs and seccomp' "$(awk '/^(NoNewPrivs|Seccomp):/ { print $2 }' \
	"$proc/status" | tr '\n' ' ')" '1 2 '
is 'all its ids are nobody'"'"'s' "$(awk '/^[UG]id:/ { for (i = 2; i <= 5; i++)
	print $i }' "$proc/status" | sort -u | tr '\n' ' ')" '65534 '
is 'no group beside' "$(sed -n 's/^Groups:[[:space:]]*//p' "$proc/status" |
	tr -d ' ')" ''

# Each descriptor: what it is, and which network it is of.
taps=0 bad=''
for fd in "$proc"/fd/*; do
	what=$(readlink "$fd") || continue
	case $what in
	/dev/net/tun)
		((taps += 1))
		grep -qx $'iff:\ttap0' "$proc/fdinfo/${fd##*/}" ||
			bad+="$what $(grep iff "$proc/fdinfo/${fd##*/}")"$'\n'
		;;
	socket:*)
		inode=${what//[!0-9]/}
		# All its sockets are pairs of Unix sockets, known by number.
		grep -qE " $inode( |\$)" "$proc/net/unix" ||
			bad+="$what"$'\n'
		;;
	esac
done
is 'one tap' "$taps" 1
is 'and it is the lab'"'"'s; every socket is a Unix one' "$bad" ''
is 'no socket of its own in the namespace' "$(awk -v uid=65534 \
	'FNR > 1 && $8 == uid' "$proc"/net/{tcp,tcp6,udp,udp6,raw,raw6,packet} \
	2>/dev/null)" ''
is 'it can write to no file of ours' "$(setpriv --reuid=65534 --regid=65534 \
	--clear-groups find "$run" "$image" -writable 2>/dev/null)" ''
kill -TERM "$device"
ended
is 'the run ends with 0' "$status" 0
