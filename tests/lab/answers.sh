#!/usr/bin/env bash
# Datagrams are answered from the address and port that were asked, whichever,
# and that takes no port away from whoever else wants it in the lab.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
for p in responder recorder; do
	[[ -x $BUILD/$p ]] || { skip answers.sh "no $p is built"; exit 0; }
done
for p in dig nc ss tshark; do
	command -v $p >/dev/null || { skip answers.sh "no $p"; exit 0; }
done
mkdir "$TMP/profiles"
cat >"$TMP/mirror.lua" <<'L'
return {
  name = "mirror", kind = "family", description = "Says what it heard",
  match = function(first) return first:find("^mirror") and 100 or 0 end,
  datagram = function(d) d:reply(d.data) end,
}
L
lab up
serve_lab --profile "$TMP/mirror.lua"
device() { lab exec --as-device timeout 60 bash -c "$1" 2>&1; }
ask() { device "dig +short +tries=1 +time=3 @$1 c2.example $2"; }

is 'DNS from any address' "$(ask 8.8.8.8 A) $(ask 2001:4860:4860::8888 AAAA)" \
	'198.18.0.2 2001:2::2'
is 'the responder holds no port but its own' "$(lab exec ss -Hunl |
	awk '{ print $4 }' | sed 's/.*://' | sort -u | xargs)" '67 9000' # 67: DHCP's broadcasts

# Another program takes port 53, without asking to share it.
lab exec nc -u -l 0.0.0.0 53 >"$TMP/peer" 2>"$TMP/peer.err" &
peer=$!
at_exit 'kill "$peer" 2>/dev/null'
bound() { [[ -n $(lab exec ss -Hunl 'sport = :53') ]]; }
check 'a peer on 0.0.0.0:53' wait_for 20 bound
is 'DNS goes on beside it' "$(ask 9.9.9.9 A)" 198.18.0.2
lab exec bash -c 'echo -n for the peer >/dev/udp/10.13.37.1/53'
heard() { [[ $(<"$TMP/peer") == 'for the peer' ]]; }
check 'the peer hears what is its own' wait_for 20 heard
is 'and nothing else' "$(<"$TMP/peer")$(<"$TMP/peer.err")" 'for the peer'

# Many ports; lengths odd and even, and more than a frame holds.
is '300 ports are answered, each from itself' "$(device '
	for ((p = 20000; p < 20300; p++)); do
		exec 9<>/dev/udp/203.0.113.$((p % 250))/$p
		echo -n "mirror$p" >&9
		IFS= read -r -t 3 -N 11 -u 9 x && [[ $x == "mirror$p" ]] && echo good
	done | wc -l')" 300
for length in 6 7 1400 1473 9000; do
	is "an answer of $length bytes, IPv4 and IPv6" "$(device "
		for a in 203.0.113.9 2001:db8::9; do
			exec 9<>/dev/udp/\$a/4000
			printf 'mirror%0*d' $length 0 |
				dd bs=$length count=1 iflag=fullblock >&9 2>/dev/null
			timeout 3 dd bs=65536 count=1 <&9 2>/dev/null | wc -c
		done" | xargs)" "$length $length"
done
kill -TERM "$serve"
wait "$serve"
is 'every checksum is right' "$(tshark -r "$TMP/run/traffic.pcapng" \
	-o udp.check_checksum:TRUE -Y 'udp.checksum.status == "Bad" and
	(ip.dst == 10.13.37.2 or ipv6.dst == fd13:37::2)' 2>/dev/null | wc -l)" 0
