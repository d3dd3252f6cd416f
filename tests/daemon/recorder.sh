#!/usr/bin/env bash
# recorder --read: a capture file in, traffic.pcapng, flows.jsonl and
# recorder.json out; and what becomes of damaged files and full disks.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
recorder=$BUILD/recorder

# shellcheck source=tests/daemon/_pcap.sh
source "$(dirname "$0")/_pcap.sh"
ether=02005e10000102005e1000020800
# 10.13.37.2:4000 and 198.18.0.2:23, TCP, no payload.
up() { echo "${ether}4500002800010000400600000a0d2502c61200020fa000170000000100000000${1}000000000000"; }
down() { echo "${ether}450000280001000040060000c61200020a0d250200170fa00000000900000002${1}000000000000"; }
{
	pcap_begin
	packet 1700000000 1 "$(up 5002)"
	packet 1700000000 500000002 "$(down 5012)"
	packet 1700000001 3 "$(up 5011)"
	packet 1700000001 4 "$(down 5011)"
} >"$TMP/in.pcap"

mkdir "$TMP/run"
check 'a capture file is read' "$recorder" --read "$TMP/in.pcap" --run "$TMP/run"
is 'recorder.json counts packets' "$(jq -c '[.packets,.dropped,.bytes,.lost,.reason]' \
	"$TMP/run/recorder.json")" '[4,0,216,0,"end of file"]'
is 'one flow, one line' "$(jq -c '[.src_ip,.src_port,.dest_ip,.dest_port,.proto,
	.flow.state,.flow.pkts_toserver,.flow.pkts_toclient,.flow.peak_pps,.tcp.syn,.tcp.fin]' \
	"$TMP/run/flows.jsonl")" \
	'["10.13.37.2",4000,"198.18.0.2",23,"TCP","closed",2,2,2,2,2]'
if command -v tshark >/dev/null; then
	is 'tshark reads it, nanoseconds kept' "$(tshark -r "$TMP/run/traffic.pcapng" \
		-T fields -e frame.time_epoch -e tcp.flags.syn 2>/dev/null | tr '\t\n' '  ')" \
		'1700000000.000000001 1 1700000000.500000002 1 1700000001.000000003 0 1700000001.000000004 0 '
	is "Wireshark's Community ID is the same" \
		"$(tshark -r "$TMP/run/traffic.pcapng" -c 1 -V \
			--enable-protocol communityid 2>/dev/null | sed -n "s/.*Community ID: \(.*\)]/\1/p")" \
		"$(jq -r .community_id "$TMP/run/flows.jsonl")"
else
	skip 'tshark reads it' 'no tshark'
fi
# What it wrote is a capture file itself.
mkdir "$TMP/again"
check 'its own file is read again' "$recorder" --read "$TMP/run/traffic.pcapng" --run "$TMP/again"
is 'and says the same' "$(jq -c .flow "$TMP/again/flows.jsonl")" "$(jq -c .flow "$TMP/run/flows.jsonl")"

status() { "$@" >"$TMP/out" 2>&1; echo $?; }
is 'evidence is never written over' "$(status "$recorder" --read "$TMP/in.pcap" --run "$TMP/run")" 1
is 'the first file is untouched' "$(jq .packets "$TMP/run/recorder.json")" 4
is 'no options: usage' "$(status "$recorder")" 2
is 'no folder: usage' "$(status "$recorder" --read "$TMP/in.pcap" --run "$TMP/none")" 2
is 'a bad number: usage' "$(status "$recorder" --read x --run "$TMP" --snaplen 1x)" 2
is 'a file that is none: 3' "$(status "$recorder" --read "${BASH_SOURCE[0]}" --run "$TMP")" 3
is 'an interface that is none: 3' "$(status "$recorder" --interface kage-none --run "$TMP")" 3
is '--help' "$(status "$recorder" --help)" 0

head -c -10 "$TMP/in.pcap" >"$TMP/cut.pcap"
mkdir "$TMP/cut"
is 'a file that is cut off: 1' "$(status "$recorder" --read "$TMP/cut.pcap" --run "$TMP/cut")" 1
is 'and the whole packets are kept' "$(jq .packets "$TMP/cut/recorder.json")" 3

# A disk with 1 MiB of room, and more packets than that.
tail -c +25 "$TMP/in.pcap" >"$TMP/body"
for ((i = 0; i < 13; i++)); do
	cat "$TMP/body" "$TMP/body" >"$TMP/twice" && mv "$TMP/twice" "$TMP/body"
done
{ head -c 24 "$TMP/in.pcap"; cat "$TMP/body"; } >"$TMP/big.pcap"
mkdir "$TMP/full"
is 'a full disk: 1' "$(ulimit -f 1024; status "$recorder" --read "$TMP/big.pcap" --run "$TMP/full")" 1
is 'a full disk is said once' "$(grep -c 'pcapng: .*losing evidence' "$TMP/out")" 1
is 'all packets are counted' "$(jq .packets "$TMP/full/recorder.json")" 32768
lost=$(jq .lost "$TMP/full/recorder.json")
mkdir "$TMP/full2"
is 'what is written is whole' "$(status "$recorder" --read "$TMP/full/traffic.pcapng" --run "$TMP/full2")" 0
kept=$(jq .packets "$TMP/full2/recorder.json")
# The statistics block at the end was one record, too.
check "kept and lost add up ($kept, $lost)" test $((kept + lost)) -ge 32768 -a $((kept + lost)) -le 32769 -a "$kept" -gt 1000
