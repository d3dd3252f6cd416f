#!/usr/bin/env bash
# verify passes on a fresh lab, leaves nothing, and names each way out that is
# planted, with exit 3.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"

# Another namespace of the machine, for far ends.
out_ns=kage-$LAB-out
ip netns add "$out_ns"
ip -n "$out_ns" link set lo up
at_exit "ip netns del $out_ns"
ns() { ip -n "kage-$LAB" "$@"; }
out() { ip -n "$out_ns" "$@"; }

# state: what verify must not change. The bridge has a carrier while anybody
# is plugged in, and the kernel says so some time after.
state() {
	{
		ns -d link; ns addr; ns rule; ns -6 rule
		ns route show table all; ns -6 route show table all
	} | sed -E 's/_timer *[0-9.]*//g; /valid_lft/d; s/ linkdown//
		s/(NO-CARRIER,|,LOWER_UP| state [A-Z]+)//g'
	lab exec nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'
	ip -br link
	ls /run/netns /run/kagemusha
}

lab verify >"$TMP/out" 2>"$TMP/err"
is 'without a lab: exit 3' "$?" 3
is 'and one line' "$(wc -l <"$TMP/err"):$(wc -l <"$TMP/out")" 1:0

for mode in driven offline; do
	option=
	[[ $mode == driven ]] || option=--offline
	# shellcheck disable=SC2086  # one option or none
	lab up $option
	lab exec --as-device true
	wait_for 20 eval '[[ -z $(ns -br link show type veth) ]]'
	state | grep -v "$LAB-out" >"$TMP/before"
	began=${EPOCHREALTIME/./}
	check "$mode: verify passes" lab verify
	took=$((${EPOCHREALTIME/./} - began))
	check "$mode: within 3 s" test "$took" -lt 3000000
	diag "verify took $((took / 1000)) ms"
	state | grep -v "$LAB-out" >"$TMP/after"
	check "$mode: verify leaves nothing" diff "$TMP/before" "$TMP/after"
	check "$mode: JSON says proved, and all is ok" jq -e --arg m "$mode" \
		'.proved and .mode == $m and (.checks | length >= 7 and
		all(.result == "ok" and .detail != ""))' <<<"$(lab verify --json)"
	lab down
done

option=
# leak CHECK WORDS PLANT: plants it in a fresh lab; verify must end with 3, and
# the line of CHECK must fail with WORDS in it.
leak() {
	local check=$1 words=$2 plant=$3 status line
	# shellcheck disable=SC2086  # one option or none
	lab up ${option:-}
	if ! eval "$plant" >"$TMP/plant" 2>&1; then
		skip "leak: $plant" "this kernel can't: $plant: $(head -n1 "$TMP/plant")"
		lab down
		return
	fi
	lab verify --json >"$TMP/json"
	status=$?
	line=$(jq -r --arg c "$check" '.checks[] |
		select(.check == $c and .result == "fail").detail' "$TMP/json")
	if [[ $status == 3 && $line == *"$words"* ]]; then
		ok "leak: $plant"
	else
		not_ok "leak: $plant" "exit $status, $check: $line
$(jq -c '.checks[] | select(.result == "fail")' "$TMP/json")"
	fi
	is 'and it is not proved' "$(jq .proved "$TMP/json")" false
	lab down
}

leak links 'link leak0 (veth' \
	'ns link add leak0 type veth peer name leak1 netns $out_ns'
leak links 'link leak0 (veth' \
	'ns link add leak0 type veth peer name leak1 netns $out_ns &&
	ns link set leak0 master br-lab up && out link set leak1 up'
leak links 'link leak0 (macvlan' \
	'ns link add leak0 link br-lab type macvlan'
leak links 'link leak0 (ipvlan' 'ns link add leak0 link br-lab type ipvlan'
leak links 'link leak0 (dummy' 'ns link add leak0 type dummy'
leak links 'link leak0 (vlan' 'ns link add leak0 link br-lab type vlan id 7'
leak links 'link leak0 (wireguard' 'ns link add leak0 type wireguard'
leak links 'link leak0 (vxlan' \
	'ns link add leak0 type vxlan id 7 remote 10.13.37.9 dstport 4789'
leak links 'link leak0 (gre' \
	'ns link add leak0 type gretap local 10.13.37.1 remote 10.13.37.9'
leak links 'link leak0 (tun)' 'ns tuntap add leak0 mode tun'
leak links 'link tap7 (tun)' 'ns tuntap add tap7 mode tap'
leak routes 'route default via 10.13.37.9 dev br-lab' \
	'ns link set tap0 up && ns route add default via 10.13.37.9 dev br-lab'
leak routes 'via 10.13.37.9' \
	'ns route add 198.51.100.0/24 via 10.13.37.9 dev br-lab table 77'
leak routes 'via fd13:37::9' \
	'ns -6 route add default via fd13:37::9 dev br-lab'
leak routes 'via 10.13.37.9' \
	'ns route add 203.0.113.0/24 nexthop via 10.13.37.9 dev br-lab nexthop via 10.13.37.8 dev br-lab'
leak neighbours 'answers for 10.13.37.9 by proxy' \
	'ns neigh add proxy 10.13.37.9 dev br-lab'
leak forwarding 'ipv4/ip_forward is 1' \
	'lab exec bash -c "echo 1 >/proc/sys/net/ipv4/ip_forward"'
leak forwarding 'ipv6/conf/br-lab/forwarding is 1' \
	'lab exec bash -c "echo 1 >/proc/sys/net/ipv6/conf/br-lab/forwarding"'
leak forwarding 'br-lab/proxy_arp is 1' \
	'lab exec bash -c "echo 1 >/proc/sys/net/ipv4/conf/br-lab/proxy_arp"'
leak rules 'forward policy of kagemusha forward is accept' \
	'lab exec nft chain inet kagemusha forward "{ policy accept; }"'
leak rules 'a rule lets packets through' \
	'lab exec nft insert rule inet kagemusha forward accept'
leak rules 'no forward chain' 'lab exec nft flush ruleset'
leak rules 'translates addresses' 'lab exec nft -f - <<-N
	table ip leak { chain c { type nat hook postrouting priority 100; masquerade; }
	}
	N'
leak stacked "link $LAB-v (macvlan) of kage-$LAB-out is tied to the lab" \
	'ns link add $LAB-v link br-lab type macvlan &&
	ns link set $LAB-v netns $out_ns'

# --- what only the canary sees -----------------------------------------------
joined='ns link add leak0 type veth peer name leak1 netns $out_ns &&
	ns link set leak0 master br-lab up && out link set leak1 up'
leak canary "was seen on leak1 of kage-$LAB-out" "$joined"
leak stacked "link leak1 (veth) of kage-$LAB-out is tied to the lab" "$joined"
leak canary "was seen on $LAB-v of kage-$LAB-out" \
	'ns link add $LAB-v link br-lab type macvlan &&
	ns link set $LAB-v netns $out_ns && out link set $LAB-v up'
# A router in the lab: what the canary sends to its MAC goes on to the far end.
routed='ns link add leak0 type veth peer name leak1 netns $out_ns &&
	out addr add 192.168.77.2/24 dev leak1 && out link set leak1 up &&
	ns addr add 192.168.77.1/24 dev leak0 && ns link set leak0 up &&
	ns route del local 0.0.0.0/0 table local &&
	ns route add default via 192.168.77.2 &&
	lab exec bash -c "echo 1 >/proc/sys/net/ipv4/ip_forward" &&
	lab exec nft flush chain inet kagemusha forward &&
	lab exec nft chain inet kagemusha forward "{ policy accept; }"'
leak canary "was seen on leak1 of kage-$LAB-out" "$routed"
leak routes 'via 192.168.77.2 dev leak0' "$routed"
leak rules 'packets were forwarded, or tried to be' \
	'ns link add leak0 type veth peer name leak1 netns $out_ns &&
	ns addr add 192.168.77.1/24 dev leak0 && ns link set leak0 up &&
	out link set leak1 up && ns route del local 0.0.0.0/0 table local &&
	ns route add default via 192.168.77.2 &&
	lab exec bash -c "echo 1 >/proc/sys/net/ipv4/ip_forward"'
leak answers 'is not answered' 'ns route del local 0.0.0.0/0 table local'
option=--offline
leak answers 'an answer of type 0x0806 came back' \
	'ns addr add 10.13.37.1/24 dev br-lab && ns link set br-lab arp on'
leak answers 'an answer of type 0x86dd came back' \
	'ns link set br-lab arp on &&
	lab exec bash -c "echo 0 >/proc/sys/net/ipv6/conf/br-lab/disable_ipv6" &&
	ns addr add fd13:37::1/64 dev br-lab nodad &&
	lab exec nft flush chain inet kagemusha input'
option=

# --- who holds what ----------------------------------------------------------
# holder FROM TO: opens a UDP socket in one namespace and lives in another.
holder() {
	ip netns exec "$1" bash -c "exec 9<>/dev/udp/127.0.0.1/9 &&
		exec nsenter --net=/run/netns/$2 sleep 100" &
	holder=$!
	at_exit "kill $holder 2>/dev/null"
	wait_for 20 grep -qs sleep "/proc/$holder/comm"
}
leak sockets 'holds a foreign IPv4 socket' 'holder $out_ns kage-$LAB'
leak sockets "outside, holds the lab's IPv4 socket" 'holder kage-$LAB $out_ns'
kill "$holder" 2>/dev/null

cat >"$TMP/tap.c" <<'C'
/* Opens tap0 of the namespace argv[1], lives in argv[2]. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>
int
main(int argc, char **argv)
{
	struct ifreq tap = { .ifr_name = "tap0", .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd;

	/* A tap belongs to the namespace in which /dev/net/tun was opened. */
	if (argc != 3 || setns(open(argv[1], O_RDONLY), 0) != 0 ||
	    (fd = open("/dev/net/tun", O_RDWR)) == -1 ||
	    ioctl(fd, TUNSETIFF, &tap) != 0 ||
	    setns(open(argv[2], O_RDONLY), 0) != 0)
		return 1;
	close(0);
	pause();
}
C
tap_holder() {
	"$TMP/tap" "/run/netns/kage-$LAB" "/run/netns/$1" & holder=$!
	at_exit "kill $holder 2>/dev/null"
	wait_for 20 test ! -e "/proc/$holder/fd/0"
}
if cc -o "$TMP/tap" "$TMP/tap.c" 2>"$TMP/err"; then
	leak sockets 'tap0 is held from outside, maybe by process' \
		'tap_holder $out_ns'
	kill "$holder"
	lab up
	tap_holder "kage-$LAB"
	check "a tap held by the lab's own process is fine" lab verify
	kill "$holder"
	lab down
else
	skip 'a tap held from outside' "no compiler: $(head -n1 "$TMP/err")"
fi

# --- settings that go while they are read -------------------------------------
# A fifo stands for each setting of a link that is taken away between the look
# and the reading.
(
	# shellcheck source=../../scripts/lab-verify.bash
	. "$TOP/scripts/lab-verify.bash"
	mkdir -p "$TMP"/net/ipv4/conf/{tap0,tap1,canary0}
	cd "$TMP/net/ipv4" || exit
	echo 0 >ip_forward
	echo 1 >conf/tap0/forwarding
	mkdir conf/tap1/forwarding
	mkfifo conf/canary0/forwarding
	(exec >conf/canary0/forwarding && rm conf/canary0/forwarding) &
	settings_on "$TMP/net"
	kill "$!" 2>/dev/null
) >"$TMP/out" 2>&1
is 'settings: what is on, what is unreadable, not what has gone' \
	"$(<"$TMP/out")" 'net/ipv4/conf/tap0/forwarding is 1
net/ipv4/conf/tap1/forwarding is unreadable'

# --- what can't be proved isn't ----------------------------------------------
lab up
message=$(KAGEMUSHA_BUILD=/nowhere lab verify 2>&1)
is 'no canary: exit 3' "$?" 3
check 'and one line says what to do' \
	test "$message" = "kagemusha lab: /nowhere/canary is not built: run make in $TOP"
mkdir "$TMP/build"
printf '#!/bin/sh\necho nonsense\n' >"$TMP/build/canary"
chmod +x "$TMP/build/canary"
KAGEMUSHA_BUILD=$TMP/build lab verify --json >"$TMP/json"
is 'a canary that fails proves nothing' "$?:$(jq -c '[.proved] +
	[.checks[] | select(.result == "fail").check]' "$TMP/json")" \
	'3:[false,"stacked","sockets","canary","answers"]'
printf '#!/bin/sh\nprintf "canary\\tok\\tx\\n"\n' >"$TMP/build/canary"
KAGEMUSHA_BUILD=$TMP/build lab verify --json >"$TMP/json"
is 'nor does one that says too little' "$?:$(jq -c '[.proved] +
	[.checks[] | select(.result == "fail").check]' "$TMP/json")" \
	'3:[false,"stacked","sockets","answers"]'
check 'passive: without the canary' jq -e '.proved and
	([.checks[].check] | index("canary") == null)' \
	<<<"$(lab verify --passive --json)"
