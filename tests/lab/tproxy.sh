#!/usr/bin/env bash
# Whatever the device dials, the responder in the lab gets it, and knows what
# was dialled: TCP and UDP, IPv4 and IPv6, any address, any port.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
[[ -x $BUILD/responder ]] || { skip tproxy.sh 'no responder is built'; exit 0; }

run=$TMP/run
mkdir "$run"
lab up
mkfifo "$TMP/ready"
exec 8<>"$TMP/ready"
lab exec "$BUILD/responder" --run "$run" --profiles "$TOP/lua-profiles" \
	--ready-fd 8 >"$TMP/log" 2>&1 &
at_exit "kill $! 2>/dev/null"
read -r -t 10 -u 8 line
check 'the responder is ready in the lab' test "${line%% *}" = ready
[[ $line == ready* ]] || diag "$(<"$TMP/log")"

# journal FILTER: does any event fit?
journal() { jq -e -n "first(inputs | select($1))" "$run/session.jsonl"; }
export -f journal
export run

# as_device COMMAND: bash's own /dev/tcp and /dev/udp, on the device's side.
as_device() { lab exec --as-device timeout 20 bash -c "$1"; }

n=0
for to in 203.0.113.77:5555 10.13.37.123:81 10.13.37.1:9000 8.8.8.8:23 \
	198.18.0.1:65535 2001:db8::5:23 2001:2::1:1 fd13:37::1:4444; do
	ip=${to%:*} port=${to##*:} word=tcp$((n++))
	as_device "exec 9<>/dev/tcp/$ip/$port && echo $word >&9" 2>"$TMP/err"
	is "TCP $to connects" "$?" 0
	check "TCP $to is known by what was dialled" wait_for 20 journal \
		".event_type == \"data\" and .proto == \"TCP\" and
		.dest_ip == \"$ip\" and .dest_port == $port and
		.data.text == \"$word\\n\" and
		(.src_ip | IN(\"10.13.37.2\", \"fd13:37::2\"))"
done
for to in 198.18.0.1:9 203.0.113.9:12345 10.13.37.200:9000 2001:db8::7:514; do
	ip=${to%:*} port=${to##*:} word=udp$((n++))
	as_device "exec 9<>/dev/udp/$ip/$port && echo -n $word >&9"
	check "UDP $to is known by what was dialled" wait_for 20 journal \
		".event_type == \"data\" and .proto == \"UDP\" and
		.dest_ip == \"$ip\" and .dest_port == $port and
		.data.text == \"$word\""
done

# The answer comes from the address that was asked: a connected socket takes
# no other.
if command -v dig >/dev/null; then
	for server in 8.8.8.8 198.51.100.53 10.13.37.77 2001:4860:4860::8888; do
		for proto in +notcp +tcp; do
			answer=$(as_device "dig $proto +short +tries=1 +time=5 \
				@$server name.example A" 2>&1)
			is "DNS $proto @$server" "$answer" 198.18.0.2
		done
	done
else
	skip 'DNS through TPROXY' 'dig is not installed'
fi

check 'verify passes beside a running responder' lab verify
is 'and leaves no session in its journal' "$(jq -c \
	'select(.src_ip == "10.13.37.254" or .src_ip == "fd13:37::fe")' \
	"$run/session.jsonl")" ''
check 'down ends the responder' lab down
check 'which wrote how it ended' journal \
	'.event_type == "run" and .run.state == "stopped"'
