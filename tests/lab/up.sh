#!/usr/bin/env bash
# A lab comes up, twice is fine, several stand side by side, and it goes
# without a trace whatever was done to it.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"

# What a lab must never touch: the root namespace's own network.
outside() {
	ip -d link; ip addr | grep -v valid_lft; ip rule; ip -6 rule
	ip route show table all; ip -6 route show table all | sed 's/expires.*//'
	nft list ruleset
}
outside >"$TMP/outside"

# --- up, down ---------------------------------------------------------------
check 'up' lab up
is 'status says up' "$(lab status --json | jq -r --arg l "$LAB" \
	'.[] | select(.lab == $l) | "\(.state) \(.mode) \(.namespace)"')" \
	"up driven kage-$LAB"
check 'status as a table' grep -qE "^$LAB +up +driven +kage-$LAB " \
	<<<"$(lab status)"
inode=$(stat -Lc %i "/run/netns/kage-$LAB")
check 'up twice is fine' lab up
is 'and it is the same lab' "$(stat -Lc %i "/run/netns/kage-$LAB")" "$inode"
message=$(lab up --offline 2>&1)
is 'up in another mode is refused' "$?" 1
check 'in words' grep -q 'is up as driven: take it down first' <<<"$message"
is 'only lo, bridge and tap' \
	"$(lab exec ls /sys/class/net | sort | tr '\n' ' ')" 'br-lab lo tap0 '
is 'the bridge has its MAC' \
	"$(lab exec cat /sys/class/net/br-lab/address)" 02:00:5e:10:00:01
is 'br_netfilter is off' "$(lab exec cat \
	/proc/sys/net/bridge/bridge-nf-call-{ip,ip6,arp}tables 2>/dev/null |
	tr -d '1\n0' || :)" ''
is 'exec keeps the status' "$(lab exec bash -c 'exit 5'; echo $?)" 5
is 'exec takes options of its command' "$(lab exec -- bash -c 'echo $#' x -h --lab)" 2

# --- the device's side ------------------------------------------------------
for to in 203.0.113.99 10.13.37.200 10.13.37.1 2001:db8::77 fd13:37::1; do
	check "ping $to is answered" \
		lab exec --as-device busybox ping -q -c 1 -W 2 "$to"
done
check 'ARP for any address is answered' lab exec --as-device \
	busybox arping -q -f -c 1 -w 2 -I eth0 10.13.37.77
for own in 2 7; do
	lab exec --as-device \
		busybox arping -q -D -c 1 -w 1 -I eth0 "10.13.37.$own"
	is "but not for a device's own: .$own" "$?" 0
done

# --- processes inside -------------------------------------------------------
lab exec sleep 1000 & stray=$!
lab exec bash -c 'trap "" TERM; while :; do sleep 1000; done' & deaf=$!
both_run() { (($(ip netns pids "kage-$LAB" | wc -l) >= 2)); }
wait_for 20 both_run
check 'down' lab down
wait "$stray" "$deaf" 2>/dev/null
check 'down ends what ran inside' test ! -e "/proc/$stray" -a ! -e "/proc/$deaf"
check 'down leaves nothing' gone "$LAB"
check 'down twice is fine' lab down

# --- several ----------------------------------------------------------------
second=$LAB-b
labs+=("$second")
lab up
check 'a second lab' "$TOP/scripts/kagemusha" lab up --lab "$second" --offline
both=$(lab status --json | jq -r '.[].lab' | grep -c "^$LAB")
is 'both are listed' "$both" 2
is 'with the same addresses or none' "$(lab exec ip -br -4 addr show br-lab |
	grep -c 10.13.37.1/24):$(ip -n "kage-$second" -br addr show br-lab |
	grep -c /)" 1:0
ping_offline() {
	"$TOP/scripts/kagemusha" lab exec --lab "$second" --as-device "$@"
}
is 'offline, ping gets no answer' "$(ping_offline \
	busybox ping -q -c 1 -W 1 10.13.37.1 >/dev/null 2>&1; echo $?)" 1
is 'offline, ARP gets no answer' "$(ping_offline busybox arping -q -f -c 1 \
	-w 1 -I eth0 10.13.37.1 >/dev/null 2>&1; echo $?)" 1
"$TOP/scripts/kagemusha" lab down --lab "$second"
check 'one goes, the other stays' lab exec true
check 'the one is gone' gone "$second"
lab down

# --- all of them, in a /run of its own, where no other labs are ----------------
all=$(unshare --mount --propagation private bash -uc '
	mount -t tmpfs none /run
	kage=$1
	"$kage" lab up --lab one && "$kage" lab up --lab two --offline || exit 1
	ip netns add kage-half
	ip netns exec kage-one sleep 1000 & stray=$!
	until [[ $(ip netns pids kage-one) ]]; do sleep 0.02; done
	echo "$("$kage" lab status --json | jq -c "[.[] | [.lab, .state]]")"
	"$kage" lab down --all || exit 1
	wait "$stray"
	echo "$? $("$kage" lab status) $(ls /run /run/netns | tr "\n" " ")"
	' all "$TOP/scripts/kagemusha" 2>"$TMP/err")
is 'down --all' "$all" '[["half","broken"],["one","up"],["two","up"]]
143 no lab is up /run: netns  /run/netns: '
[[ ! -s $TMP/err ]] || diag "$(<"$TMP/err")"

# --- a card for a device of one's own ----------------------------------------
# A link of the machine stands for the card; its other end is the device.
far=kage-$LAB-far
ip netns add "$far"
at_exit "ip netns del $far 2>/dev/null"
ip link add "n$LAB" type veth peer name eth0 netns "$far"
ip -n "$far" addr add 10.13.37.2/24 dev eth0
ip -n "$far" link set eth0 up
check 'up with a card' lab up --nic "n$LAB"
check 'the card is a port of the bridge' lab exec \
	test -e "/sys/class/net/n$LAB/master"
check 'what hangs on it is answered' ip netns exec "$far" \
	busybox ping -q -c 1 -W 2 10.13.37.99
is 'status names it' "$(lab status --json | jq -r --arg l "$LAB" \
	'.[] | select(.lab == $l).nic')" "n$LAB"
check 'up with the same card is fine' lab up --nic "n$LAB"
lab up 2>/dev/null
is 'without it is refused' "$?" 1
check 'down' lab down
check 'the card is back' test -e "/sys/class/net/n$LAB"
ip link del "n$LAB"
ip netns del "$far"

outside >"$TMP/after"
check 'the root namespace is as it was' diff "$TMP/outside" "$TMP/after"

# --- bad input --------------------------------------------------------------
bad() {
	local want=$1 name=$2 out status
	shift 2
	out=$("$TOP/scripts/kagemusha" lab "$@" 2>&1 </dev/null)
	status=$?
	is "$name: exit $want" "$status" "$want"
	[[ $want == 2 ]] || is "$name: one line" "$(wc -l <<<"$out")" 1
}
bad 2 'no action'
bad 2 'wrong action' upp
bad 2 'wrong option' up --ofline
bad 2 'bad name' up --lab '../x'
bad 2 'empty name' up --lab ''
bad 2 'no such card' up --lab "$LAB" --nic nosuch0
bad 2 'exec without a command' exec --lab "$LAB"
bad 3 'exec without a lab' exec --lab "$LAB" true
is 'help' "$(lab --help >/dev/null; echo $?)" 0
not_root=$(setpriv --reuid=65534 --clear-groups "$TOP/scripts/kagemusha" \
	lab up --lab "$LAB" 2>&1)
is 'not root: exit 3 and what to do' "$?:$not_root" \
	'3:kagemusha lab: kagemusha lab up needs root: run it with sudo'
