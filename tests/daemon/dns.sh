#!/usr/bin/env bash
# Names: the responder answers dig over UDP and TCP, and flows bear the name.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/daemon/_responder.sh
source "$(dirname "$0")/_responder.sh"
command -v dig >/dev/null || { skip "DNS with dig" "no dig (Debian: dnsutils)"; exit 0; }

start_responder --listen 127.0.0.1:0@8.8.8.8:53 --listen '[::1]:0@[2001:4860::1]:53' \
	--listen 127.0.0.1:0@198.18.0.2:7 --set dns_ttl=77 --set silence=3 \
	--profile "$TOP/tests/daemon/profiles/resolve.lua" --set instructions=2000000 || exit 1
ask() { dig +time=3 +tries=1 +short @127.0.0.1 -p "$(port 1)" "$@"; }
is "A over UDP" "$(ask c2.example.net A)" 198.18.0.2
is "AAAA, the same index" "$(ask C2.Example.NET AAAA)" 2001:2::2
is "the next name over TCP" "$(ask +tcp other.example A)" 198.18.0.3
is "two queries over one TCP connection" \
	"$(ask +tcp +keepopen a.example A b.example A | tr '\n' ' ')" "198.18.0.4 198.18.0.5 "
is "PTR of what was handed out" "$(ask -x 198.18.0.2)" c2.example.net.
p6=$(grep -oE 'udp=\[::1\][^ ]*' <<<"$READY")
is "over IPv6" "$(dig +time=3 +tries=1 +short @::1 -p "${p6##*:}" c2.example.net)" 198.18.0.2
is "TTL is a setting" "$(dig +time=3 @127.0.0.1 -p "$(port 1)" c2.example.net |
	awk '$1 ~ /^c2/ && $4 == "A" { print $2 }')" 77
printf '\0\005abcde' | timeout 20 nc -N 127.0.0.1 "$(port 1)" >/dev/null
# What is no DNS is somebody else's, as on any port: commands come from 53, too.
is "HTTP at the name server's port" \
	"$(say "$(port 1)" 'GET / HTTP/1.0\r\n\r\n' | head -n 1)" $'HTTP/1.1 200 OK\r'
# All of it takes longer than a silence, but no pause does.
is "a family's line, letter by letter" "$(for c in B O T T Y $'\n'; do printf %s "$c"; sleep 0.7; done |
	timeout 20 nc -N 127.0.0.1 "$(port 1)")" $'who?\nbot BOTTY'
exec 3<>"/dev/tcp/127.0.0.1/$(port 1)"
IFS= read -r -t 10 line <&3
is "a family greets who is silent" "$line" 'who?'
exec 3>&-
is "DNS in small pieces" "$({ printf '\0'; sleep 0.1; printf '\x1b\x12\x34\1\0\0\1\0\0\0\0\0\0'
	sleep 0.1; printf '\1a\7example\0\0\1\0\1'; } |
	timeout 10 nc -N 127.0.0.1 "$(port 1)" | tail -c 4 | od -An -tx1)" ' c6 12 00 04'
u=$(grep -oE 'udp=127[^ ]*' <<<"$READY" | sed -n '1s/.*://p')
printf 'LOGIN mips' | timeout 20 nc -u -W 1 127.0.0.1 "$u" >"$TMP/login"
is "a family's datagram" "$(<"$TMP/login")" 'who? LOGIN mips'
is "garbage leaves the server alive" "$(ask c2.example.net)" 198.18.0.2
is "a profile's TXT" "$(ask txt.resolve.example TXT)" '"k=TXT from 8.8.8.8"'
is "a profile's two addresses" "$(ask two.resolve.example | tr '\n' ' ')" "192.0.2.1 192.0.2.2 "
is "a profile's MX" "$(ask mx.resolve.example MX)" "10 mail.resolve.example."
is "a profile's NXDOMAIN" "$(dig +time=3 @127.0.0.1 -p "$(port 1)" dead.resolve.example | grep -o NXDOMAIN)" NXDOMAIN
for n in broken odd loop; do
	check "a $n resolve leaves the usual answer" grep -q ^198.18.0 <<<"$(ask $n.resolve.example)"
done
say "$(port 3)" hi >/dev/null
stop_responder
is "and each is told" "$(events 'select(.event_type=="error")' | wc -l)" 3
is "both are kept" "$(events 'select(.event_type=="data" and .proto=="UDP").data | [.direction, .text]')" \
	$'["to_server","LOGIN mips"]\n["to_client","who? LOGIN mips"]'
is "dns events" "$(events 'select(.dns.rrname=="C2.Example.NET") | [.proto, .dest_ip, .dest_port, .dns.rrtype, .dns.rcode, .dns.answers[0].rdata]')" \
	'["UDP","8.8.8.8",53,"AAAA","NOERROR","2001:2::2"]'
is "over TCP they belong to a session" \
	"$(events 'select(.dns.rrname=="other.example") | [.proto, .session > 0, .profile]')" '["TCP",true,"dns"]'
is "a flow bears the name that it was dialled by" \
	"$(events 'select(.dest_port==7 and .event_type=="open").name')" '"c2.example.net"'
