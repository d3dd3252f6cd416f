#!/usr/bin/env bash
# verify passes on a fresh lab, leaves nothing, and names each way out that is
# planted, with exit 3.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"

# Another namespace of the machine, for far ends.
out_ns=kage-$LAB-out
ip netns add "$out_ns"
at_exit "ip netns del $out_ns"
ns() { ip -n "kage-$LAB" "$@"; }
out() { ip -n "$out_ns" "$@"; }

# state: what verify must not change.
state() {
	ns -d link | sed 's/gc_timer *[0-9.]*//'; ns addr | grep -v valid_lft; ns rule; ns -6 rule
	ns route show table all; ns -6 route show table all
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

# leak CHECK WORDS PLANT: plants it in a fresh lab; verify must end with 3, and
# the line of CHECK must fail with WORDS in it.
leak() {
	local check=$1 words=$2 plant=$3 status line
	lab up
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
leak stacked 'stands on one of the lab' \
	'ns link add $LAB-v link br-lab type macvlan &&
	ns link set $LAB-v netns $$'
