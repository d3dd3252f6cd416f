#!/usr/bin/env bash
# Policies act before anything has begun: a dropped SYN has no answer at all, a
# refused one a reset, a refused datagram "port unreachable"; by port, address
# and name, also after a reload; and the journal has each.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
for p in responder recorder; do
	[[ -x $BUILD/$p ]] || { skip policies.sh "no $p is built"; exit 0; }
done
for p in curl dig tcpdump; do
	command -v $p >/dev/null || { skip policies.sh "no $p"; exit 0; }
done

cat >"$TMP/one.lua" <<'L'
policy { port = 26, proto = "tcp", action = "accept" }
policy { port = { 25, 27 }, action = "refuse" }
policy { address = "203.0.113.0/24", action = "drop" }
policy { address = "2001:db8:dead::/48", action = "drop" }
policy { name = "fine.dead.example", action = "accept" }
policy { name = "*.dead.example", action = "refuse" }
policy { name = "*.dark.example", proto = "tcp", action = "drop" }
L
cp "$TMP/one.lua" "$TMP/config.lua"
lab up
serve_lab --config "$TMP/config.lua"

# device COMMAND...: in the device's place.
device() { lab exec --as-device timeout 20 bash -c "$1"; }
# dial HOST PORT: what a connect comes to.
dial() {
	local said
	said=$(device "timeout 1.5 bash -c 'exec 9<>/dev/tcp/$1/$2' 2>&1 &&
		echo open")
	grep -oE 'open|refused' <<<"$said" | tail -n 1 | grep . || echo nothing
}
# ends DEST PORT PROTO: how the sessions with it ended, one by one.
ends() {
	jq -r "select(.event_type == \"close\" and .dest_ip == \"$1\" and
		.dest_port == $2 and .proto == \"$3\") | .close.reason" "$journal"
}
has_ended() { [[ $(ends "$1" "$2" "$3") == "$4" ]]; }
address() { device "dig +short +tries=1 +time=3 @8.8.8.8 $1 $2"; }

lab exec tcpdump -ni br-lab -w "$TMP/wire.pcap" -U 2>"$TMP/tcpdump" &
at_exit "kill $! 2>/dev/null"
wait_for 10 grep -q 'listening on' "$TMP/tcpdump"

# --- by port and address --------------------------------------------------------
is 'refused by port: a reset' "$(dial 192.0.2.1 25)" refused
is 'the journal has it' "$(wait_for 20 has_ended 192.0.2.1 25 TCP \
	'refused by policy'; ends 192.0.2.1 25 TCP)" 'refused by policy'
is 'IPv6, too' "$(dial 2001:db8::1 27)" refused
is 'an exception before it counts first' "$(dial 192.0.2.1 26)" open
is 'beside it: taken' "$(dial 192.0.2.1 28)" open
is 'dropped by address: no answer' "$(dial 203.0.113.9 80)" nothing
is 'the journal has it once, whatever is sent again' "$(wait_for 20 has_ended \
	203.0.113.9 80 TCP 'dropped by policy'; ends 203.0.113.9 80 TCP)" \
	'dropped by policy'
is 'IPv6, dropped' "$(dial 2001:db8:dead::7 80)" nothing
check 'and in the journal' wait_for 20 has_ended 2001:db8:dead::7 80 TCP \
	'dropped by policy'

# --- by name ---------------------------------------------------------------------
# One command asks and dials: the address is in the set when the answer comes.
both=$(device 'for i in 1 2 3 4 5; do
	a=$(dig +short +tries=1 +time=3 @8.8.8.8 n$i.dead.example A)
	timeout 1.5 bash -c "exec 9<>/dev/tcp/$a/4000" 2>&1 |
		grep -o refused | tail -n 1
done')
is 'refused by name, from the first answer on' "$(xargs <<<"$both")" \
	'refused refused refused refused refused'
six=$(address n1.dead.example AAAA)
is 'its IPv6 address, too' "$(dial "$six" 4000)" refused
dead=$(address n1.dead.example A)
check 'the journal names it' wait_for 20 has_ended "$dead" 4000 TCP \
	'refused by policy'
is 'and by name' "$(jq -r "select(.event_type == \"open\" and
	.dest_ip == \"$dead\").name" "$journal" | sort -u)" n1.dead.example
fine=$(address fine.dead.example A)
is 'a name that an earlier policy accepts' "$(dial "$fine" 4000)" open
dark=$(address x.dark.example A)
is 'dropped by name' "$(dial "$dark" 4000)" nothing
other=$(address x.example A)
is 'any other name' "$(dial "$other" 4000)" open
is 'curl sees what it would on the internet' "$(device 'curl -s -o /dev/null \
	--connect-timeout 1 http://n1.dead.example/; echo -n "$? "
	curl -s -o /dev/null --connect-timeout 1 http://y.dark.example/; echo $?')" \
	'7 28'

# --- UDP ---------------------------------------------------------------------------
udp='exec 9<>/dev/udp/$0/$1; echo -n once >&9; read -r -t 1 -n 1 x <&9; echo $?'
refused_udp=$(device "set -- 25; bash -c '$udp' 192.0.2.1 25 2>&1")
check 'UDP, refused: port unreachable reaches the socket' \
	grep -q refused <<<"$refused_udp"
device "bash -c '$udp' 203.0.113.9 99" >"$TMP/udp" 2>&1
is 'UDP, dropped: silence' "$(grep -c refused "$TMP/udp")" 0
# said DEST PORT: what the journal has of a flow's datagrams.
said() {
	jq -r "select(.event_type == \"data\" and .proto == \"UDP\" and
		.dest_ip == \"$1\" and .dest_port == $2).data.text" "$journal"
}
has_said() { [[ $(said "$1" "$2") == once ]]; }
check 'what was refused is kept' wait_for 20 has_said 192.0.2.1 25
check 'what was dropped is kept' wait_for 20 has_said 203.0.113.9 99
check 'the session says why nothing came back' wait_for 20 has_ended \
	203.0.113.9 99 UDP 'dropped by policy'

# --- what was on the wire -----------------------------------------------------------
wire() { tcpdump -nr "$TMP/wire.pcap" "$@" 2>/dev/null | wc -l; }
is 'no SYN-ACK from what is dropped or refused' "$(wire "(src net 203.0.113.0/24
	or src host $dead or src host $dark or (src host 192.0.2.1 and src port 25))
	and tcp[13] & 2 != 0")" 0
is 'nothing at all from what is dropped' "$(wire "src net 203.0.113.0/24 or
	src host $dark or src net 2001:db8:dead::/48")" 0
check 'port unreachable comes from the address that was asked' test "$(wire \
	'src host 192.0.2.1 and icmp[0] == 3 and icmp[1] == 3')" -ge 1

# --- another configuration ------------------------------------------------------------
reloaded() { (($(grep -c '"state":"reloaded"' "$journal") == $1)); }
echo 'policy { name = "x.example", action = "refuse" }
policy { port = 4001, action = "drop" }' >"$TMP/config.lua"
kill -HUP "$serve"
check 'SIGHUP' wait_for 10 reloaded 1
is 'what was refused is taken' "$(dial 192.0.2.1 25)" open
is 'what was dropped is taken' "$(dial "$dark" 4000)" open
is 'a name known before is refused' "$(dial "$other" 4000)" refused
is 'another port is dropped' "$(dial 192.0.2.1 4001)" nothing
: >"$TMP/config.lua"
kill -HUP "$serve"
check 'SIGHUP, to no policies' wait_for 10 reloaded 2
is 'all is taken' "$(dial "$other" 4000) $(dial 192.0.2.1 4001)" 'open open'
cp "$TMP/one.lua" "$TMP/config.lua"
kill -HUP "$serve"
wait_for 10 reloaded 3
is 'and back' "$(dial 192.0.2.1 25)" refused
check 'verify passes with policies in force' lab verify
kill -TERM "$serve"
wait "$serve"
is 'serve ends well' "$?" 0
is 'and leaves no rules' "$(lab exec nft list chain inet kagemusha gate |
	grep -c policy)" 0
is 'nor a word of trouble' "$(grep -E 'WARN|ERROR|warn|error' \
	"$TMP/run/responder.log")" ''
