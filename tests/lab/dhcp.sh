#!/usr/bin/env bash
# A device of one's own asks for its address, as busybox's udhcpc does.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
[[ -x $BUILD/responder ]] || { skip dhcp.sh 'no responder is built'; exit 0; }
grep -qx udhcpc <<<"$(busybox --list)" ||
	{ skip dhcp.sh 'this busybox has no udhcpc'; exit 0; }

run=$TMP/run
mkdir "$run"
lab up
mkfifo "$TMP/ready"
exec 8<>"$TMP/ready"
lab exec "$BUILD/responder" --run "$run" --profiles "$TOP/lua-profiles" \
	--ready-fd 8 >"$TMP/log" 2>&1 &
at_exit "kill $! 2>/dev/null"
read -r -t 10 -u 8 line
is 'the responder is ready' "${line%% *}" ready
is 'and complains of nothing' "$(grep -i dhcp "$TMP/log")" ''

cat >"$TMP/script" <<'S'
#!/bin/sh
[ "$1" = bound ] || exit 0
echo "$ip $subnet $router $dns $broadcast $domain $lease $serverid" >>"$out"
S
chmod +x "$TMP/script"
# client MAC OPTION...: asks for a lease as that card and prints it.
client() {
	local mac=$1
	shift
	: >"$TMP/lease"
	lab exec --as-device env out="$TMP/lease" bash -euc "
		ip link set eth0 address $mac
		ip addr flush dev eth0
		exec busybox udhcpc -i eth0 -f -n -q -t 5 -T 1 -a -s '$TMP/script' \
			$*" >"$TMP/udhcpc" 2>&1 || diag "$(<"$TMP/udhcpc")"
	cat "$TMP/lease"
}
rest='255.255.255.0 10.13.37.1 10.13.37.1 10.13.37.255 lan 86400 10.13.37.1'
is 'the first device' "$(client 02:00:00:00:00:0a -x hostname:cam)" \
	"10.13.37.2 $rest"
is 'the second' "$(client 02:00:00:00:00:0b)" "10.13.37.3 $rest"
is 'the first again' "$(client 02:00:00:00:00:0a -r 10.13.37.2)" \
	"10.13.37.2 $rest"
is 'who wants what is taken gets another' \
	"$(client 02:00:00:00:00:0c -r 10.13.37.2)" "10.13.37.4 $rest"

journal() { jq -e -n "first(inputs | select($1))" "$run/session.jsonl"; }
check 'the journal has what was asked' wait_for 20 journal \
	'.dhcp.type == "request" and .dhcp.dhcp_type == "discover" and
	.dhcp.client_mac == "02:00:00:00:00:0a" and .dhcp.hostname == "cam"'
check 'and what was given' wait_for 20 journal \
	'.dhcp.type == "reply" and .dhcp.dhcp_type == "ack" and
	.dhcp.client_mac == "02:00:00:00:00:0b" and
	.dhcp.assigned_ip == "10.13.37.3"'
# A renewal is unicast to the server, so it comes by TPROXY.
printf -v head '01010600000000aa00000000%s' 0a0d2502
printf -v zero '%0*d' 24 0
hex="${head}${zero}02000000000a$(printf '%0*d' $((2 * 202)) 0)63825363350103ff"
# Into a file first: bash would send each of its lines as a datagram.
escaped=''
for ((i = 0; i < ${#hex}; i += 2)); do escaped+="\x${hex:i:2}"; done
printf '%b' "$escaped" >"$TMP/renewal"
for to in 10.13.37.1 10.13.37.77; do
	reply=$(lab exec --as-device bash -c "
		exec 9<>/dev/udp/$to/67
		cat '$TMP/renewal' >&9
		timeout 20 head -c 300 <&9 | od -An -v -tx1 -w300 | tr -d ' \n'")
	is "a renewal at $to is acknowledged" \
		"${reply:0:2} ${reply:32:8} ${reply:480:6}" '02 0a0d2502 350105'
done
