#!/usr/bin/env bash
# JA3 and JA3S in the journal are what tshark computes from the packets, for
# clients of three TLS libraries; DNS over TLS on the way.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
for p in responder recorder; do
	[[ -x $BUILD/$p ]] || { skip fingerprints.sh "no $p is built"; exit 0; }
done
for p in tshark curl openssl kdig; do
	command -v "$p" >/dev/null || { skip fingerprints.sh "no $p"; exit 0; }
done

serve_lab
device() { lab exec --as-device timeout 20 "$@" 2>&1; }
hello() {
	device openssl s_client -connect "$1" "${@:2}" </dev/null >/dev/null
}

is "curl over TLS 1.3" "$(device curl -sk -o /dev/null -w '%{http_code}' \
	--resolve c2.example:443:203.0.113.7 https://c2.example/)" 200
is "curl over TLS 1.2, IPv6, any port" "$(device curl -sk -o /dev/null \
	-w '%{http_code}' --tls-max 1.2 'https://[2001:db8::7]:48101/')" 200
hello 203.0.113.8:993 -servername mail.example -alpn imap
hello 203.0.113.8:8443 -noservername -tls1_2 -cipher AES128-SHA
hello 203.0.113.8:8444 -tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256
is "kdig +tls (GnuTLS)" "$(device kdig @1.1.1.1 +tls +short c2.example A)" \
	198.18.0.2
is "kdig +tls, with a server's name" "$(device kdig @9.9.9.9 +tls \
	+tls-sni=dns.quad9.net +short c2.example AAAA)" 2001:2::2
kill "$serve"
wait "$serve"

# port ja3 ja3s, one line a handshake, as each of them sees it. In tshark the
# two hellos are frames of their own, joined by the stream's number.
tshark -r "$TMP/run/traffic.pcapng" -d tcp.port==1-65535,tls -Y tls.handshake.type==1 \
	-T fields -e tcp.stream -e tcp.dstport -e tls.handshake.ja3 \
	2>/dev/null | sort >"$TMP/ja3"
tshark -r "$TMP/run/traffic.pcapng" -d tcp.port==1-65535,tls -Y tls.handshake.type==2 \
	-T fields -e tcp.stream -e tls.handshake.ja3s 2>/dev/null |
	sort >"$TMP/ja3s"
join -t $'\t' "$TMP/ja3" "$TMP/ja3s" | cut -f 2- | sort >"$TMP/tshark"
jq -r 'select(.event_type == "tls" and .tls.ja3)
	| [.dest_port, .tls.ja3.hash, .tls.ja3s.hash] | @tsv' \
	"$TMP/run/session.jsonl" | sort >"$TMP/ours"
is "as many handshakes as clients" "$(wc -l <"$TMP/ours")" 7
is "every JA3 and JA3S is tshark's" "$(cat "$TMP/ours")" "$(cat "$TMP/tshark")"
# Version, name or address, how many ciphers (with the signal of RFC 5746),
# first and last letter of the protocol: what was asked for on the command line.
is "JA4 says what each client offered" "$(jq -r 'select(.tls.ja4 and
	(.dest_port | . == 993 or . == 8443 or . == 8444))
	| "\(.dest_port) \(.tls.ja4[0:6])\(.tls.ja4[8:10])"' \
	"$TMP/run/session.jsonl" | sort | xargs)" \
	"8443 t12i0200 8444 t13i0200 993 t13d31ip"
is "the name that DNS over TLS was asked under" "$(jq -r 'select(.dest_port == 853
	and .tls.ja4) | .tls.sni // "none"' "$TMP/run/session.jsonl" | sort | xargs)" \
	"dns.quad9.net none"
