#!/usr/bin/env bash
# Whatever neighbour the device dials on its own network answers, IPv4 and
# IPv6, though nobody has the address; and its own addresses stay its own.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
for p in responder recorder; do
	[[ -x $BUILD/$p ]] || { skip neighbours.sh "no $p is built"; exit 0; }
done
command -v tcpdump >/dev/null || { skip neighbours.sh 'no tcpdump'; exit 0; }
lab up
serve_lab
device() { lab exec --as-device timeout 20 bash -c "$1" 2>&1; }
lab exec tcpdump -ni br-lab -w "$TMP/wire.pcap" -U 2>"$TMP/tcpdump" &
tcpdump=$!
at_exit "kill $tcpdump 2>/dev/null"
wait_for 10 grep -q 'listening on' "$TMP/tcpdump"

for a in 10.13.37.99 10.13.37.254 fd13:37::99 fd13:37::8 fd13:37::dead:beef:1:2; do
	is "TCP to neighbour $a" "$(device "exec 9<>/dev/tcp/$a/4000 && echo open")" \
		open
	is "ping to neighbour $a" "$(device "busybox ping -q -c 1 -W 2 $a" |
		grep -c '1 packets received')" 1
done
heard() {
	jq -e "select(.event_type == \"data\" and .dest_ip == \"fd13:37::77\" and
		.data.text == \"hello\")" "$journal"
}
device 'exec 9<>/dev/udp/fd13:37::77/4001; echo -n hello >&9' >/dev/null
check 'UDP to a neighbour is in the journal' wait_for 20 heard
is 'each neighbour has the MAC of the lab' "$(device '
	exec 9<>/dev/tcp/fd13:37::99/4000; ip -6 neigh show fd13:37::99' |
	grep -o 'lladdr [0-9a-f:]*')" 'lladdr 02:00:5e:10:00:01'
is 'a neighbour that is known is asked again and answers' "$(device '
	exec 9<>/dev/tcp/fd13:37::99/4000
	ip -6 neigh change fd13:37::99 dev eth0 nud probe
	until ip -6 neigh show fd13:37::99 | grep REACHABLE; do sleep 0.05; done' |
	grep -o REACHABLE)" REACHABLE

# An address that the device gives itself is free: nobody defends it.
is 'duplicate address detection finds nobody' "$(device '
	printf 1 >/proc/sys/net/ipv6/conf/eth0/accept_dad
	ip addr add fd13:37::55/64 dev eth0
	until ip -6 -o addr show dev eth0 to fd13:37::55 | grep -v tentative; do
		sleep 0.05; done' | grep -c -e dadfailed -e fd13:37::55)" 1
is 'a device of the lab is not played' "$(device '
	timeout 1 bash -c "exec 9<>/dev/tcp/fd13:37::5/80" 2>/dev/null
	timeout 1 bash -c "exec 9<>/dev/tcp/10.13.37.5/80" 2>/dev/null
	ip neigh show to 10.13.37.5; ip -6 neigh show to fd13:37::5' |
	grep -c lladdr)" 0
is 'nor an address that is no neighbour' "$(device '
	timeout 1 bash -c "exec 9<>/dev/tcp/fe80::1234%eth0/80" 2>/dev/null
	ip -6 neigh show to fe80::1234' | grep -c lladdr)" 0
kill "$tcpdump"
wait "$tcpdump" 2>/dev/null
is 'the advertisements are well formed' "$(tcpdump -vvnr "$TMP/wire.pcap" \
	'icmp6 and ip6[40] == 136' 2>/dev/null | grep -c 'bad icmp6')" 0
alone() { [[ -z $(ip -n "kage-$LAB" -br link show type veth) ]]; }
wait_for 10 alone
check 'verify passes' lab verify
