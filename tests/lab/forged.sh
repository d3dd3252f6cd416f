#!/usr/bin/env bash
# A sample that forges its source addresses, as floods do: its datagrams and
# SYNs reach the journal, nothing goes in circles, and real sessions go on.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
for p in responder recorder; do
	[[ -x $BUILD/$p ]] || { skip forged.sh "no $p is built"; exit 0; }
done
command -v nc >/dev/null || { skip forged.sh 'no nc'; exit 0; }
lab up
serve_lab
# forge SOURCE COMMAND...: in the device's place, with that address its own.
forge() {
	local bits=32
	[[ $1 != *:* ]] || bits=128
	lab exec --as-device timeout 20 bash -c "
		ip addr add $1/$bits dev lo nodad 2>/dev/null || ip addr add $1/$bits dev lo
		shift
		\"\$@\"" - "$@" 2>&1
}
# journal FILTER: does any event fit?
journal() { jq -e -n "first(inputs | select($1))" "$journal"; }

sources4=(203.0.113.200 198.18.0.5 8.8.8.8 10.13.37.99 10.13.37.1 192.168.1.7)
sources6=(2001:db8::77 2001:2::5 fd13:37::99 fd13:37::1)
for src in "${sources4[@]}" "${sources6[@]}"; do
	to=198.51.100.9
	[[ $src != *:* ]] || to=2001:db8:5::9
	forge "$src" nc -u -w 1 -s "$src" "$to" 4444 <<<"from $src" >/dev/null
	check "a datagram from $src is in the journal" wait_for 20 journal \
		".event_type == \"data\" and .src_ip == \"$src\" and
		.dest_port == 4444 and .data.text == \"from $src\\n\""
done
for src in 203.0.113.200 8.8.8.8 10.13.37.1 2001:db8::77 fd13:37::1; do
	to=198.51.100.9
	[[ $src != *:* ]] || to=2001:db8:5::9
	forge "$src" nc -w 1 -s "$src" "$to" 4445 </dev/null >/dev/null
	check "a SYN from $src is in the journal" wait_for 20 journal \
		".event_type == \"close\" and .src_ip == \"$src\" and
		.dest_port == 4445 and .close.reason == \"forged source\""
done
# DNS is answered into the void, and the question is known.
forge 203.0.113.201 dig +tries=1 +time=1 -b 203.0.113.201 @9.9.9.9 \
	forged.example >/dev/null
check 'a question from nobody is known' wait_for 20 journal \
	'.event_type == "dns" and .dns.rrname == "forged.example" and
	.src_ip == "203.0.113.201"'

# The lab's own address and port as source and destination: our answer to
# ourselves would be the next question.
lines() { wc -l <"$journal"; }
for src in 10.13.37.1 fd13:37::1; do
	to=198.51.100.9
	[[ $src != *:* ]] || to=2001:db8:5::9
	forge "$src" nc -u -w 1 -s "$src" -p 9000 "$to" 7 <<<again >/dev/null
	check "$src:9000 to echo: known" wait_for 20 journal \
		".event_type == \"data\" and .src_ip == \"$src\" and
		.src_port == 9000 and .dest_port == 7"
	is "$src:9000 to echo: and no more" "$(jq -r "select(
		.event_type == \"data\" and .src_ip == \"$to\")" \
		"$journal" | wc -l)" 0
done

# A flood of SYNs from everywhere: the journal has some of it, and others are
# served meanwhile.
cat >"$TMP/flood" <<'S'
for ((i = 0; i < 250; i++)); do echo "addr add 100.64.0.$i/32 dev lo"; done |
	ip -batch -
for ((i = 0; i < 250; i++)); do
	nc -w 1 -s "100.64.0.$i" 198.51.100.10 "$((5000 + i))" </dev/null &
done 2>/dev/null
exec 9<>/dev/tcp/198.51.100.11/7 && echo alive >&9 && read -r -t 5 x <&9 &&
	echo "$x"
wait
S
is 'a session beside a flood of forged SYNs' "$(lab exec --as-device timeout 60 \
	bash "$TMP/flood" 2>/dev/null)" alive
some=$(jq -r 'select(.event_type == "close" and .dest_ip == "198.51.100.10" and
	.close.reason == "forged source").dest_port' "$journal" | sort -u | wc -l)
check "the journal has some of them ($some)" test "$some" -ge 50
alone() { [[ -z $(ip -n "kage-$LAB" -br link show type veth) ]]; }
wait_for 10 alone
check 'verify passes' lab verify
kill -TERM "$serve"
wait "$serve"
is 'serve ends well' "$?" 0
flows=$(jq -r 'select(.dest_ip == "198.51.100.10").dest_port' \
	"$TMP/run/flows.jsonl" | sort -u | wc -l)
is 'flows.jsonl has all of them' "$flows" 250
