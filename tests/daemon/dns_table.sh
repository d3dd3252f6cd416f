#!/usr/bin/env bash
# DNS as clients see it: each row is a question of dig's and what its answer
# boils down to:
#
#   WHAT :: dig's arguments :: STATUS flags | answer, … | authority | additional
#
# Records come without class; flags that are always there (qr rd ra) are left
# out, and so are empty sections at the end. An SOA with the usual figures is
# "SOA of DOMAIN".
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/daemon/_responder.sh
source "$(dirname "$0")/_responder.sh"
for tool in dig jq; do
	command -v "$tool" >/dev/null ||
		{ skip dns_table "no $tool (Debian: dnsutils, jq)"; exit 0; }
done
start_responder --listen 127.0.0.1:0@8.8.8.8:53 || exit 1
udp=$(grep -oE 'udp=[^ ]*' <<<"$READY")
udp=${udp##*:} tcp=$(port 1)

# Sums up dig's output, in one line for each question.
sum_up() {
	awk '
	function tell(    last, line, i) {
		if (!asked++) return
		last = part[3] != "" ? 3 : part[2] != "" ? 2 : part[1] != "" ? 1 : 0
		line = status flags
		for (i = 1; i <= last; i++) line = line " |" part[i]
		print line
		status = flags = ""
		s = 0
		split("", part)
	}
	/^; <<>> DiG/ { tell() }
	/^;; ->>HEADER<<-/ {
		for (i = 1; i < NF; i++) if ($i == "status:") status = $(i + 1)
		sub(/,/, "", status)
	}
	/^;; flags:/ {
		sub(/^;; flags: */, ""); sub(/;.*/, "")
		for (i = 1; i <= NF; i++)
			if ($i !~ /^(qr|rd|ra)$/) flags = flags " " $i
	}
	/^; EDNS:/ { flags = flags " edns" }
	/no servers could be reached|timed out/ { status = "silence" }
	/^;; ANSWER SECTION/ { s = 1; next }
	/^;; AUTHORITY SECTION/ { s = 2; next }
	/^;; ADDITIONAL SECTION/ { s = 3; next }
	/^$/ { s = 0 }
	s > 0 && !/^;/ {
		if ($4 == "SOA" && $5 == ($1 == "." ? "a.root-servers.net." : \
			"ns1." $1) && $6 == "hostmaster." ($1 == "." ? "" : $1))
			sub(/60[ \t]+IN.* 2024010100 7200 3600 1209600 60$/, "SOA")
		sub(/[ \t]+IN[ \t]+/, " ")
		gsub(/[ \t]+/, " ")
		if ($2 == "SOA" && NF == 2) $0 = "SOA of " $1
		part[s] = part[s] (part[s] == "" ? " " : ", ") $0
	}
	END { tell() }'
}

# question ARGUMENTS: dig's whole line.
question() {
	local port=$udp
	[[ " $1 " == *' +tcp '* || " $1 " == *' ANY '* ]] && port=$tcp
	[[ " $1 " != *' +notcp '* ]] || port=$udp
	echo "@127.0.0.1 -p $port +tries=1 +time=2 +nocookie +noedns $1"
}

# ask: a line about dig's answer for each line of its arguments, in their order.
ask() {
	dig -f /dev/stdin 2>&1 | sum_up
}

# Addresses are handed out in the order of the first question, so the order of
# the rows matters.
names=() wanted=()
: >"$TMP/questions"
while IFS= read -r row; do
	[[ -n $row && $row != '#'* ]] || continue
	IFS=$'\t' read -r what args want <<<"${row// :: /$'\t'}"
	names+=("$what") wanted+=("$want")
	question "$args" >>"$TMP/questions"
done <<'ROWS'
# --- addresses
A :: c2.example A :: NOERROR | c2.example. 60 A 198.18.0.2
another name, another address :: dl.example A :: NOERROR | dl.example. 60 A 198.18.0.3
AAAA, same place in its pool :: c2.example AAAA :: NOERROR | c2.example. 60 AAAA 2001:2::2
the case that was asked (0x20) :: C2.eXaMPle A :: NOERROR | C2.eXaMPle. 60 A 198.18.0.2
A over TCP :: +tcp c2.example A :: NOERROR | c2.example. 60 A 198.18.0.2
a host without dots :: cnc A :: NOERROR | cnc. 60 A 198.18.0.4
a label of 63 :: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example A :: NOERROR | aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example. 60 A 198.18.0.5
bytes that are no letters :: a\046b\255.example A :: NOERROR | a\.b\255.example. 60 A 198.18.0.6
without recursion desired :: +norecurse c2.example A :: NOERROR | c2.example. 60 A 198.18.0.2
checking disabled comes back :: +cdflag c2.example A :: NOERROR cd | c2.example. 60 A 198.18.0.2
authentic data does not :: +adflag c2.example A :: NOERROR | c2.example. 60 A 198.18.0.2
ANY (RFC 8482) :: +notcp c2.example ANY :: NOERROR | c2.example. 60 A 198.18.0.2, c2.example. 60 AAAA 2001:2::2
ANY over TCP :: +tcp c2.example ANY :: NOERROR | c2.example. 60 A 198.18.0.2, c2.example. 60 AAAA 2001:2::2
class ANY :: -c ANY -t A -q c2.example :: NOERROR | c2.example. 60 A 198.18.0.2
# --- what is around a domain
CNAME: none :: c2.example CNAME :: NOERROR | | SOA of c2.example.
NS, with addresses :: c2.example NS :: NOERROR | c2.example. 60 NS ns1.c2.example., c2.example. 60 NS ns2.c2.example. | | ns1.c2.example. 60 A 198.18.0.7, ns1.c2.example. 60 AAAA 2001:2::7, ns2.c2.example. 60 A 198.18.0.8, ns2.c2.example. 60 AAAA 2001:2::8
that server, asked for :: ns2.c2.example A :: NOERROR | ns2.c2.example. 60 A 198.18.0.8
NS of a host: none :: www.c2.example NS :: NOERROR | | SOA of c2.example.
SOA :: c2.example SOA :: NOERROR | SOA of c2.example.
SOA of a host is its domain's :: a.b.c2.example SOA :: NOERROR | | SOA of c2.example.
a domain under a registry :: www.shop.co.uk SOA :: NOERROR | | SOA of shop.co.uk.
MX, with addresses :: c2.example MX :: NOERROR | c2.example. 60 MX 10 mail.c2.example. | | mail.c2.example. 60 A 198.18.0.9, mail.c2.example. 60 AAAA 2001:2::9
MX of the mail host :: mail.c2.example MX :: NOERROR | mail.c2.example. 60 MX 10 mail.c2.example. | | mail.c2.example. 60 A 198.18.0.9, mail.c2.example. 60 AAAA 2001:2::9
TXT :: c2.example TXT :: NOERROR | c2.example. 60 TXT "v=spf1 mx a -all"
TXT of DMARC :: _dmarc.c2.example TXT :: NOERROR | _dmarc.c2.example. 60 TXT "v=DMARC1; p=none"
TXT of a host: none :: x.c2.example TXT :: NOERROR | | SOA of c2.example.
SRV :: _sip._udp.c2.example SRV :: NOERROR | _sip._udp.c2.example. 60 SRV 0 0 5060 c2.example. | | c2.example. 60 A 198.18.0.2, c2.example. 60 AAAA 2001:2::2
SRV of no service: none :: _x._tcp.c2.example SRV :: NOERROR | | SOA of c2.example.
CAA :: c2.example CAA :: NOERROR | c2.example. 60 CAA 0 issue "letsencrypt.org"
HTTPS :: c2.example HTTPS :: NOERROR | c2.example. 60 HTTPS 1 . alpn="http/1.1" ipv4hint=198.18.0.2 ipv6hint=2001:2::2
TYPE65 is HTTPS :: c2.example TYPE65 :: NOERROR | c2.example. 60 HTTPS 1 . alpn="http/1.1" ipv4hint=198.18.0.2 ipv6hint=2001:2::2
SVCB: none :: c2.example SVCB :: NOERROR | | SOA of c2.example.
HINFO: none :: c2.example HINFO :: NOERROR | | SOA of c2.example.
NAPTR: none :: c2.example NAPTR :: NOERROR | | SOA of c2.example.
DS: none :: c2.example DS :: NOERROR | | SOA of c2.example.
DNSKEY: none :: c2.example DNSKEY :: NOERROR | | SOA of c2.example.
an unknown type: none :: c2.example TYPE65300 :: NOERROR | | SOA of c2.example.
# --- back from the address
PTR :: -x 198.18.0.2 :: NOERROR | 2.0.18.198.in-addr.arpa. 60 PTR c2.example.
PTR, IPv6 :: -x 2001:2::3 :: NOERROR | 3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.2.ip6.arpa. 60 PTR dl.example.
PTR of the lab's own target: none :: -x 198.18.0.1 :: NXDOMAIN | | SOA of in-addr.arpa.
PTR of what nobody asked for :: -x 198.18.77.77 :: NXDOMAIN | | SOA of in-addr.arpa.
PTR of a part of an address :: 18.198.in-addr.arpa PTR :: NOERROR | | SOA of in-addr.arpa.
PTR of no address :: 1.2.3.256.in-addr.arpa PTR :: NXDOMAIN | | SOA of in-addr.arpa.
PTR of 127.0.0.1 :: -x 127.0.0.1 :: NOERROR | 1.0.0.127.in-addr.arpa. 60 PTR localhost.
an address of an address: none :: 2.0.18.198.in-addr.arpa A :: NOERROR | | SOA of in-addr.arpa.
# --- names of special use
localhost :: localhost A :: NOERROR | localhost. 60 A 127.0.0.1
localhost, IPv6 :: a.localhost AAAA :: NOERROR | a.localhost. 60 AAAA ::1
a name that never is :: nothing.invalid A :: NXDOMAIN | | SOA of invalid.
an onion :: abc.onion A :: NXDOMAIN | | SOA of onion.
the root's servers :: +noadditional . NS :: NOERROR | . 60 NS a.root-servers.net., . 60 NS b.root-servers.net.
the root has no address :: . A :: NOERROR | | SOA of .
a designated resolver: none :: _dns.resolver.arpa SVCB :: NOERROR | | SOA of resolver.arpa.
# --- the server itself
version.bind :: version.bind CH TXT :: NOERROR | version.bind. 0 CH TXT "unbound 1.17.1"
hostname.bind :: hostname.bind CH TXT :: NOERROR | hostname.bind. 0 CH TXT "resolver1"
another name in CH :: example CH TXT :: REFUSED
class HS :: c2.example HS A :: REFUSED
# --- EDNS
EDNS0 :: +edns=0 c2.example A :: NOERROR edns | c2.example. 60 A 198.18.0.2
EDNS0, DO :: +dnssec c2.example A :: NOERROR edns | c2.example. 60 A 198.18.0.2
EDNS1: BADVERS :: +edns=1 +noednsneg c2.example A :: BADVERS edns
EDNS1, negotiated down :: +edns=1 +ednsneg c2.example A :: NOERROR edns | c2.example. 60 A 198.18.0.2
EDNS with a cookie :: +edns=0 +cookie=0102030405060708 c2.example A :: NOERROR edns | c2.example. 60 A 198.18.0.2
EDNS with an unknown option :: +edns=0 +ednsopt=65001:abcd c2.example A :: NOERROR edns | c2.example. 60 A 198.18.0.2
EDNS with an unknown flag :: +edns=0 +ednsflags=0x40 c2.example A :: NOERROR edns | c2.example. 60 A 198.18.0.2
EDNS with a subnet :: +edns=0 +subnet=198.51.100.0/24 c2.example A :: NOERROR edns | c2.example. 60 A 198.18.0.2
EDNS over TCP :: +tcp +edns=0 c2.example A :: NOERROR edns | c2.example. 60 A 198.18.0.2
# --- what no name can answer
opcode STATUS :: +opcode=2 c2.example A :: NOTIMP
opcode NOTIFY :: +opcode=4 c2.example SOA :: NOTIMP
opcode UPDATE :: +opcode=5 c2.example SOA :: NOTIMP
opcode 15, over TCP :: +tcp +opcode=15 c2.example A :: NOTIMP
no question :: +header-only c2.example A :: FORMERR
MAILB :: c2.example MAILB :: NOTIMP
a meta type that nobody has :: c2.example TYPE200 :: NOTIMP
type 0 :: c2.example TYPE0 :: FORMERR
ROWS
mapfile -t answers < <(ask <"$TMP/questions")
for i in "${!names[@]}"; do
	is "${names[i]}" "${answers[i]:-}" "${wanted[i]}"
done
is 'an answer for each' "${#answers[@]}" "${#names[@]}"
check "${#names[@]} questions are at least 60" test "${#names[@]}" -ge 60

# A refused transfer is printed in a way of its own.
for type in AXFR IXFR=1; do
	check "$type is refused" grep -q 'Transfer failed' <(dig @127.0.0.1 \
		-p "$tcp" +tries=1 +time=2 c2.example "$type" 2>&1)
done

# escape HEX: the bytes as printf wants them.
escape() {
	local i
	for ((i = 0; i < ${#1}; i += 2)); do printf '\\x%s' "${1:i:2}"; done
}
# raw HEX...: sends datagrams of our own; the first reply's header in hex.
raw() {
	local fd hex
	exec {fd}<>"/dev/udp/127.0.0.1/$udp"
	for hex; do printf '%b' "$(escape "$hex")" >&"$fd"; done
	timeout 10 dd bs=512 count=1 <&"$fd" 2>/dev/null |
		od -An -v -tx1 -N12 | tr -d ' \n'
	exec {fd}>&-
}
q=0161076578616d706c650000010001
is "two questions (RFC 9619): FORMERR" \
	"$(raw "123401000002000000000000$q$q")" 123481810000000000000000
is "a name that points to itself: FORMERR" \
	"$(raw "123401000001000000000000c00c00010001")" \
	123481810000000000000000
is "a record that is missing: FORMERR" \
	"$(raw "123401000001000000000001$q")" 123481810001000000000000
after="777701000001000000000000$q"
is "a response: silence" "$(raw "555581000001000000000000$q" "$after")" \
	777781800001000100000000
is "half a header: silence" "$(raw 123401 "$after")" 777781800001000100000000

# More than 512 bytes of additional addresses are left out without TC.
long=$(printf 'l%.0s' {1..63}).$(printf 'm%.0s' {1..63}).$(printf 'n%.0s' {1..63})
is "never more than 512 bytes without EDNS" "$(dig @127.0.0.1 -p "$udp" \
	+noedns +tries=1 "_sip._tcp.$long" SRV |
	awk '/^;; flags/ { tc = / tc/ } /MSG SIZE/ { print tc, ($NF <= 512) }')" "0 1"
is "several questions on one connection" "$(dig @127.0.0.1 -p "$tcp" +tcp \
	+keepopen +short c2.example A dl.example A)" $'198.18.0.2\n198.18.0.3'
# Two queries in one segment (RFC 7766, 6.2.1.1): both are answered.
one="001b""1234""01000001000000000000$q" two="001b""1235""01000001000000000000$q"
is "two queries in one segment" "$(say "$tcp" \
	"$(escape "$one$two")" 2 | od -An -v -tx1 | tr -d ' \n' |
	grep -oE '123[45]8180' | tr '\n' ' ')" "12348180 12358180 "
if command -v kdig >/dev/null; then
	is "kdig: the case comes back, EDNS padding is no trouble" \
		"$(kdig @127.0.0.1 -p "$udp" +edns +padding=64 +short c2.example AAAA)" 2001:2::2
	is "kdig over TCP with an option it invents" \
		"$(kdig @127.0.0.1 -p "$tcp" +tcp +ednsopt=65001:00 +short c2.example)" 198.18.0.2
else
	skip "kdig" "no kdig (Debian: knot-dnsutils)"
fi
is "and it still answers" "$(question 'c2.example A' | ask)" \
	"NOERROR | c2.example. 60 A 198.18.0.2"

stop_responder
is "a clean stop" "$STATUS" 0
is "each question is in the journal, as it was asked" \
	"$(events 'select(.dns.rrname == "C2.eXaMPle")
		| [.proto, .dns.rrtype, .dns.rcode, .dns.answers[0].rdata]')" \
	'["UDP","A","NOERROR","198.18.0.2"]'
is "BADVERS by its name" "$(events 'select(.dns.rcode == "BADVERS")
	| .dns.rrname' | sort -u)" '"c2.example"'
is "and what was no query: it is kept as anybody's datagram" \
	"$(events 'select(.proto == "UDP") | .data // empty | [.length, .base64 // .text]')" \
	'[27,"VVWBAAABAAAAAAAAAWEHZXhhbXBsZQAAAQAB"]
[3,"\u00124\u0001"]'
is "of a query that can't be read every byte" \
	"$(events 'select(.dns.rcode == "FORMERR" and (.dns | has("rrname") | not) and .dns.id == 4660).dns |
		[.length, .base64 // .text]' | sort -u | wc -l)" 2
