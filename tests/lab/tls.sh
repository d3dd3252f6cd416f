#!/usr/bin/env bash
# TLS as Wireshark sees it: recorder and responder on a loopback of their own,
# clients of several versions; tshark shows what was inside.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/daemon/_responder.sh
source "$TOP/tests/daemon/_responder.sh"
if ((EUID != 0)); then skip tls 'needs root'; exit 0; fi
for tool in tshark curl openssl jq; do
	command -v $tool >/dev/null || { skip tls "no $tool"; exit 0; }
done
net=kage-recorder-tls$$
ip netns add $net || { not_ok 'a network namespace'; exit 0; }
at_exit "ip netns del $net"
ip -n $net link set lo up
mkdir -p "$RUN"
ip netns exec $net "$BUILD/recorder" --interface lo --run "$RUN" --ready-fd 3 \
	3>"$TMP/recorder.ready" 2>"$TMP/recorder.log" &
recorder=$!
at_exit "kill -9 $recorder 2>/dev/null"
wait_for 10 grep -q ready "$TMP/recorder.ready"
KAGEMUSHA_CACHE=$BUILD/test-cache "$BUILD/responder" --make-authority >/dev/null
KAGEMUSHA_CACHE=$BUILD/test-cache ip netns exec $net "$BUILD/responder" --run "$RUN" \
	--profiles "$TOP/lua-profiles" --listen 127.0.0.1:4443 --ready-fd 9 \
	9>"$TMP/ready" 2>"$TMP/responder.log" &
responder=$!
at_exit "kill -9 $responder 2>/dev/null"
wait_for 15 grep -q ready "$TMP/ready"
ca=$BUILD/test-cache/ca/ca.pem

for v in 1.0 1.1 1.2 1.3; do
	is "curl, TLS $v" "$(ip netns exec $net curl -s -o /dev/null -w '%{http_code}' --cacert "$ca" \
		--ciphers 'ALL:@SECLEVEL=0' --tlsv$v --tls-max $v --resolve "v$v.example:4443:127.0.0.1" \
		"https://v$v.example:4443/inside-$v")" 200
done
closed() { (($(events 'select(.event_type == "close")' | wc -l) == 4)); }
wait_for 20 closed
kill -TERM $responder && wait $responder
kill -TERM $recorder && wait $recorder
is 'the recorder ends well' $? 0

uris() { tshark -r "$RUN/traffic.pcapng" "$@" -d tcp.port==4443,tls -Y http.request -T fields -e http.request.uri 2>/dev/null | tr '\n' ' '; }
want='/inside-1.0 /inside-1.1 /inside-1.2 /inside-1.3 '
is 'without secrets nothing is seen' "$(uris)" ''
is 'tshark -o tls.keylog_file shows what is inside' "$(uris -o "tls.keylog_file:$RUN/tls.keys")" "$want"
check 'recorder --finish' "$BUILD/recorder" --finish "$RUN"
is 'and then the capture alone' "$(uris)" "$want"
is 'our JA3 is what tshark computes' \
	"$(tshark -r "$RUN/traffic.pcapng" -d tcp.port==4443,tls -Y 'tls.handshake.type == 1' -T fields -e tls.handshake.ja3 2>/dev/null)" \
	"$(jq -r 'select(.event_type == "tls") | .tls.ja3.hash' "$RUN/session.jsonl")"
is 'and our JA3S' \
	"$(tshark -r "$RUN/traffic.pcapng" -d tcp.port==4443,tls -Y 'tls.handshake.type == 2' -T fields -e tls.handshake.ja3s 2>/dev/null)" \
	"$(jq -r 'select(.event_type == "tls") | .tls.ja3s.hash' "$RUN/session.jsonl")"
is 'sessions are marked' "$(tshark -r "$RUN/traffic.pcapng" -Y frame.comment -T fields -e frame.comment 2>/dev/null | sed 's/ to.*//;s/;.*//')" \
	$'Kagemusha: session 1\nKagemusha: session 2\nKagemusha: session 3\nKagemusha: session 4'
