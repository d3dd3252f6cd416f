#!/usr/bin/env bash
# recorder on a bridge, beside tcpdump: the same packets, also under a flood;
# killed, starved of disk, robbed of its interface.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
recorder=$BUILD/recorder
if ((EUID != 0)); then skip recorder 'needs root'; exit 0; fi
for tool in tcpdump tshark jq; do
	command -v $tool >/dev/null || { skip recorder "no $tool"; exit 0; }
done

#   [ lab: br-lab 10.13.37.1 -- port ]==[ dev 10.13.37.2 :device ]
lab=kage-recorder-lab$$ dev=kage-recorder-dev$$
pids=()
cleanup() {
	for p in "${pids[@]}"; do kill -9 "$p" 2>/dev/null; done
	ip netns del $lab
	ip netns del $dev
} 2>/dev/null
at_exit cleanup
ip netns add $lab
ip netns add $dev
in_lab() { ip netns exec $lab "$@"; }
in_dev() { ip netns exec $dev "$@"; }
ip -n $lab link add br-lab type bridge
ip -n $lab link add port type veth peer name eth0 netns $dev
ip -n $lab link set port master br-lab up
ip -n $lab link set br-lab up
ip -n $lab addr add 10.13.37.1/24 dev br-lab
ip -n $dev link set eth0 up
ip -n $dev addr add 10.13.37.2/24 dev eth0
# A neighbour that nobody is: what goes there is only recorded.
ip -n $dev neigh add 10.13.37.99 lladdr 02:00:00:00:00:99 dev eth0

# start_recorder DIR [OPTION]...: returns when it is ready; its id in $rec.
start_recorder() {
	local dir=$1
	shift
	mkdir -p "$dir"
	ip netns exec $lab "$recorder" --interface br-lab --run "$dir" --ready-fd 3 "$@" \
		3>"$dir/ready" >"$dir/recorder.log" 2>&1 &
	rec=$!
	pids+=("$rec")
	wait_for 10 grep -q ready "$dir/ready"
}
# send COUNT: datagrams of 64 bytes to the neighbour that nobody is.
send() { in_dev bash -c "dd if=/dev/zero bs=64 count=$1 status=none >/dev/udp/10.13.37.99/9"; }
# count FILE: the flood's datagrams in a capture file.
count() { tcpdump -nr "$1" 'udp port 9' 2>/dev/null | wc -l; }
stop() { kill -TERM "$1" && wait "$1"; }

# --- a flood, tcpdump beside us, the same ring for both
start_recorder "$TMP/a"
is 'ready' "$(cat "$TMP/a/ready")" ready
is 'it has given up all rights' \
	"$(sed -n 's/^CapPrm:\t0*//p;s/^NoNewPrivs:\t/+/p' "/proc/$rec/status" | tr -d '\n')" +1
ip netns exec $lab tcpdump -Z root -i br-lab -B 65536 -w "$TMP/beside.pcap" udp port 9 2>"$TMP/tcpdump.log" &
td=$!
pids+=("$td")
wait_for 10 grep -q listening "$TMP/tcpdump.log"
send 200000
arrived() { (($(in_lab cat /sys/class/net/br-lab/statistics/rx_packets) >= 200000)); }
wait_for 20 arrived
stop "$rec"; is 'SIGTERM: exit 0' $? 0
kill -TERM $td; wait $td
ours=$(count "$TMP/a/traffic.pcapng") theirs=$(count "$TMP/beside.pcap")
dropped=$(jq .dropped "$TMP/a/recorder.json")
diag "flood of 200000: we have $ours, tcpdump $theirs, we say $dropped dropped," \
	"tcpdump: $(grep dropped "$TMP/tcpdump.log")"
check 'every packet is there or counted as dropped' test $((ours + dropped)) -ge 200000
check 'we have at least what tcpdump has' test "$ours" -ge $((theirs * 99 / 100))
is 'no packet twice' "$((ours <= 200000))" 1
is 'recorder.json counts what the file has' "$(jq .packets "$TMP/a/recorder.json")" \
	"$(tshark -r "$TMP/a/traffic.pcapng" 2>/dev/null | wc -l)"
is 'the flow counts the same' "$(jq 'select(.dest_port == 9) | .flow.pkts_toserver' "$TMP/a/flows.jsonl")" "$ours"

# --- kill -9 in the middle
start_recorder "$TMP/b"
send 1000
grows() { (($(count "$TMP/b/traffic.pcapng") == 1000)); }
start=${EPOCHREALTIME/./}
wait_for 20 grows
check 'on the disk within the second' test $((${EPOCHREALTIME/./} - start)) -lt 1500000
wait_for 20 grep -q '"dest_port":9,' "$TMP/b/flows.jsonl"
send 20000 &
kill -9 $rec; wait $rec 2>/dev/null
wait $! 2>/dev/null
is 'after kill -9 tshark reads the capture' \
	"$(tshark -r "$TMP/b/traffic.pcapng" >/dev/null 2>"$TMP/err"; grep -v 'as user' "$TMP/err")" ''
is 'and every line of flows.jsonl is whole' "$(jq -r .event_type "$TMP/b/flows.jsonl" | sort -u)" flow

# --- a full disk
mkdir "$TMP/small" && mount -t tmpfs -o size=1m tmpfs "$TMP/small" && {
	at_exit "umount '$TMP/small'"
	start_recorder "$TMP/small/run"
	send 30000
	lost() { grep -q 'losing evidence' "$TMP/small/run/recorder.log"; }
	wait_for 20 lost
	stop "$rec"; is 'a full disk: exit 1' $? 1
	check 'it said so' grep -q 'No space left' "$TMP/small/run/recorder.log"
	is 'what is written is whole' "$(tshark -r "$TMP/small/run/traffic.pcapng" 2>&1 >/dev/null | grep -v 'as user')" ''
	check 'it went on counting' grep -qE ' (3[0-9]{4}) packets' "$TMP/small/run/recorder.log"
}

# --- the interface vanishes
start_recorder "$TMP/c"
send 100
all_there() { (($(count "$TMP/c/traffic.pcapng") == 100)); }
wait_for 20 all_there
ip -n $lab link del br-lab
wait_for 20 eval "! kill -0 $rec"
wait $rec; is 'the interface vanishes: exit 1' $? 1
is 'and says so' "$(jq -r .reason "$TMP/c/recorder.json")" 'interface lost'
is 'the file is finished' "$(count "$TMP/c/traffic.pcapng")" 100
