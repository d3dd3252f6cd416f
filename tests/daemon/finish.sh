#!/usr/bin/env bash
# recorder --finish: comments and TLS secrets go into the capture.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/daemon/_pcap.sh
source "$(dirname "$0")/_pcap.sh"
recorder=$BUILD/recorder
command -v tshark >/dev/null || { skip finish 'no tshark'; exit 0; }

ether=02005e10000102005e1000020800
# tcp up|down SEQ FLAGS LENGTH PAYLOAD: 10.13.37.2:4000, 198.18.0.2:23.
tcp() {
	local length
	length=$(printf %04x $((40 + $4)))
	case $1 in
	up) echo "${ether}4500${length}0001000040060000 0a0d2502c6120002 0fa00017$2 00000000 50$3ffff00000000$5" ;;
	down) echo "${ether}4500${length}0001000040060000 c61200020a0d2502 00170fa0$2 00000000 50$3ffff00000000$5" ;;
	esac | tr -d ' '
}
{
	pcap_begin
	packet 1700000000 0 "$(tcp up 00000001 02 0 '')"
	packet 1700000000 1000 "$(tcp down fffffffe 12 0 '')"
	packet 1700000000 2000 "$(tcp up 00000002 18 2 6869)"
	packet 1700000000 3000 "$(tcp down ffffffff 18 5 50494e470a)" # PING
	packet 1700000001 0 "$(tcp down 00000004 18 3 212a0a)" # a command
	packet 1700000002 0 "$(tcp down 00000004 18 3 212a0a)" # sent again
	packet 1700000003 0 "$(tcp up 00000004 11 0 '')"
	# The same ports, a new connection.
	packet 1700000004 0 "$(tcp up 00001001 02 0 '')"
	packet 1700000004 1000 "$(tcp down 00002000 12 0 '')"
} >"$TMP/in.pcap"
mkdir "$TMP/run"
"$recorder" --read "$TMP/in.pcap" --run "$TMP/run" 2>/dev/null
flow='"src_ip":"10.13.37.2","src_port":4000,"dest_ip":"198.18.0.2","dest_port":23,"proto":"TCP"'
cat >"$TMP/run/session.jsonl" <<J
{"timestamp":"2023-11-14T22:13:20.000100+0000","event_type":"run","run":{"state":"started"}}
{"timestamp":"2023-11-14T22:13:20.000200+0000","event_type":"open","session":1,$flow,"name":"cnc.example","profile":"gafgyt"}
{"timestamp":"2023-11-14T22:13:20.900000+0000","event_type":"command","session":1,$flow,"command":7,"command_info":{"name":"all","offset":5,"length":3,"text":"!*\n"}}
{"timestamp":"2023-11-14T22:13:24.000200+0000","event_type":"open","session":2,$flow,"name":"cnc.example"}
{"timestamp":"2023-11-14T22:13:24.0002
J
secret=CLIENT_RANDOM\ $(printf '0%.0s' {1..64})\ $(printf '1%.0s' {1..96})
printf '%s\n%s\nCLIENT_RAN' "$secret" "$secret" >"$TMP/run/tls.keys"
cp "$TMP/run/traffic.pcapng" "$TMP/before.pcapng"
comments() {
	tshark -r "$TMP/run/traffic.pcapng" -Y frame.comment -T fields \
		-e frame.number -e frame.comment 2>/dev/null | tr '\t' ' '
}
want='1 Kagemusha: session 1 to cnc.example; profile gafgyt
5 Kagemusha: command 7 all: !*
8 Kagemusha: session 2 to cnc.example'
check 'finish' "$recorder" --finish "$TMP/run"
is 'comments stand where sessions and commands begin' "$(comments)" "$want"
is 'the secrets are inside' "$(grep -ac "$secret" "$TMP/run/traffic.pcapng")" 2
is 'tshark sees them as secrets' "$(tshark -r "$TMP/run/traffic.pcapng" -z conv,tcp 2>&1 |
	grep -ciE 'error|damaged|corrupt')" 0
frames() { tshark -r "$1" -T fields -e frame.time_epoch -e frame.len -e tcp.seq_raw 2>/dev/null; }
is 'packets are what they were' "$(frames "$TMP/run/traffic.pcapng")" "$(frames "$TMP/before.pcapng")"
cp "$TMP/run/traffic.pcapng" "$TMP/once.pcapng"
check 'finish again' "$recorder" --finish "$TMP/run"
check 'the second time changes nothing' cmp "$TMP/once.pcapng" "$TMP/run/traffic.pcapng"
rm "$TMP/run/session.jsonl" "$TMP/run/tls.keys"
check 'without journal and keys' "$recorder" --finish "$TMP/run"
check 'it takes them out again' cmp "$TMP/before.pcapng" "$TMP/run/traffic.pcapng"

# As a killed recorder leaves it: no end, the last block cut.
size=$(stat -c %s "$TMP/run/traffic.pcapng")
head -c $((size - 120)) "$TMP/once.pcapng" >"$TMP/run/traffic.pcapng"
check 'a file that is cut off is finished' "$recorder" --finish "$TMP/run"
is 'and whole then' "$(tshark -r "$TMP/run/traffic.pcapng" 2>&1 >/dev/null | grep -v 'as user')" ''

cp "$TMP/in.pcap" "$TMP/run/traffic.pcapng"
"$recorder" --finish "$TMP/run" 2>"$TMP/err"; is 'no pcapng: exit 1' $? 1
check 'and it stays' cmp "$TMP/in.pcap" "$TMP/run/traffic.pcapng"
check 'nothing is left beside' test ! -e "$TMP/run/traffic.pcapng.new"
"$recorder" --finish "$TMP/none" 2>"$TMP/err"; is 'no run: exit 1' $? 1
