#!/usr/bin/env bash
# TLS on any port: curl, OpenSSL, GnuTLS and busybox as clients; what the
# journal and the key log say.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/daemon/_responder.sh
source "$(dirname "$0")/_responder.sh"
command -v openssl >/dev/null || { skip tls 'no openssl'; exit 0; }
mkdir -p "$RUN" "$TMP/profiles"
cat >"$TMP/profiles/starter.lua" <<'L'
return {
  name = "starter", kind = "service", description = "STARTTLS by hand",
  ports = { tcp = { 25 } },
  stream = function(conn)
    conn:send("220 hello\r\n")
    while true do
      local line = conn:recv_line()
      if not line or line == "QUIT" then return end
      if line == "STARTTLS" then
        conn:send("220 go\r\n")
        local ok, err = conn:start_tls()
        conn:note("starttls", { ok = ok or false, err = err or "", sni = conn:sni() or "" })
        if not ok then return end
      else
        conn:send("250 " .. line .. "\r\n")
      end
    end
  end,
}
L
start_responder --profile "$TMP/profiles/starter.lua" --set silence=0.5 \
	--set client_certificates=1 --set handshake_timeout=2 --listen 127.0.0.1:0@198.18.0.7:443 --listen 127.0.0.1:0@198.18.0.7:25 \
	--listen 127.0.0.1:0@8.8.8.8:853 --listen '[::1]:0@[2001:2::7]:48101' || exit 0
https=$(port 1) smtp=$(port 2) dot=$(port 3) six=$(port 4)
ca=$BUILD/test-cache/ca/ca.pem

# client NAME VERSION OPTION...: one GET through openssl; the answer's status.
client() {
	printf 'GET /%s HTTP/1.0\r\n\r\n' "$1" | timeout 10 openssl s_client \
		-connect "127.0.0.1:$https" -quiet -ign_eof -cipher 'ALL:@SECLEVEL=0' "${@:2}" \
		2>"$TMP/client.err" | head -n 1 | tr -d '\r'
}
for v in tls1 tls1_1 tls1_2 tls1_3; do
	is "openssl -$v" "$(client $v -$v -servername $v.example)" 'HTTP/1.1 200 OK'
done
is 'no SNI: the address stands in the certificate' "$(client none -noservername \
	-CAfile "$ca" -verify_return_error -verify_ip 198.18.0.7)" 'HTTP/1.1 200 OK'
is 'no SNI, TLS 1.0, RSA only' "$(client rsa -noservername -tls1 \
	-cipher 'kRSA:@SECLEVEL=0')" 'HTTP/1.1 200 OK'
is 'a client certificate is kept' "$(
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=bot-7 \
		-keyout "$TMP/c.key" -out "$TMP/c.pem" 2>/dev/null
	client cert -cert "$TMP/c.pem" -key "$TMP/c.key")" 'HTTP/1.1 200 OK'
has '.fileinfo.filename == "client-certificate.pem"'
stored=$(events 'select(.event_type == "file" and .fileinfo.filename == "client-certificate.pem") | .fileinfo.sha256' | tr -d '"')
is 'in files/, byte for byte' "$(openssl x509 -in "$RUN/files/$stored" -noout -subject 2>&1)" 'subject=CN = bot-7'
if command -v curl >/dev/null; then
	is 'curl trusts the lab CA for any name' "$(curl -s -o /dev/null -w '%{http_code} %{http_version}' \
		--cacert "$ca" --resolve "shop.example:$https:127.0.0.1" "https://shop.example:$https/x")" '200 1.1'
	is 'curl over IPv6, any port' "$(curl -s -g -o /dev/null -w '%{http_code}' --cacert "$ca" \
		--resolve "six.example:$six:[::1]" "https://six.example:$six/x")" 200
	curl -s --resolve "pinned.example:$https:127.0.0.1" "https://pinned.example:$https/" >/dev/null 2>&1
	has '.tls.sni == "pinned.example"'
	is 'a client that trusts nobody: said in words' "$(events 'select(.tls.sni == "pinned.example") | .tls.failure')" \
		'"client'\''s alert unknown_ca: the client doesn'\''t trust the lab'\''s CA"'
else
	skip 'curl' 'no curl'
fi
if command -v gnutls-cli >/dev/null; then
	is 'gnutls-cli' "$(printf 'GET / HTTP/1.0\r\n\r\n' | timeout 10 gnutls-cli --logfile=/dev/null \
		--x509cafile "$ca" --sni-hostname gnu.example --verify-hostname gnu.example \
		-p "$https" 127.0.0.1 2>&1 | grep -m1 -o 'HTTP/1.1 200')" 'HTTP/1.1 200'
else
	skip 'gnutls-cli' 'no gnutls-cli'
fi
if grep -q no-check <<<"$(busybox wget --help 2>&1)"; then
	check 'busybox wget' timeout 10 busybox wget -q -O "$TMP/wget" --no-check-certificate "https://127.0.0.1:$https/busy"
else
	skip 'busybox wget' 'no busybox wget with TLS'
fi
is 'HTTP inside is seen by its profile' "$(events 'select(.event_type == "close" and .profile == "http") | .session' | wc -l | sed 's/^0$/none/;t;s/.*/some/')" some
is 'fingerprints' "$(events 'select(.tls.sni == "tls1_3.example") | .tls |
	[.version, (.ja3.hash | length), (.ja3s.hash | length), .ja4[0:3], .ja4s[0:3]]')" '["TLSv1.3",32,32,"t13","t13"]'
is 'what is inside is journalled, the hello is not' "$(events 'select(.event_type == "data" and
	.data.direction == "to_server" and .session == 1) | .data.text')" '"GET /tls1 HTTP/1.0\r\n\r\n"'

# --- STARTTLS
is 'STARTTLS' "$(printf 'NOOP inside\r\nQUIT\r\n' | timeout 10 openssl s_client -connect "127.0.0.1:$smtp" \
	-starttls smtp -name me -servername mail.example -quiet 2>/dev/null | tail -n 1 | tr -d '\r')" '250 NOOP inside'
has '.note.kind == "starttls"'
is 'the profile knows its SNI' "$(events 'select(.note.kind == "starttls") | .note | [.ok, .sni]')" '[true,"mail.example"]'
say "$smtp" 'STARTTLS\r\nGET / HTTP/1.0\r\n\r\nxxxxxxxxxxxxxxxx' >/dev/null
check 'STARTTLS that fails tells the profile' has '.note.err == "tls" and .note.ok == false'

# --- sessions: each has a handshake of its own, which names it
is 'no session is resumed' "$(timeout 20 openssl s_client -connect "127.0.0.1:$https" -tls1_2 \
	-reconnect -servername again.example </dev/null 2>/dev/null | grep -oE '^(New|Reused)' | sort | uniq -c | xargs)" '6 New'
named() { (($(events 'select(.tls.sni == "again.example" and .tls.subject == "again.example")' | wc -l) == 6)); }
check 'all say whom they asked for' wait_for 10 named

# --- clients that say hello and are gone: their sessions end, too
pids=()
before=$(events 'select(.event_type == "open").session' | tail -n 1)
hello="\\x16\\x03\\x01\\0\\x2d\\x01\\0\\0\\x29\\x03\\x03$(printf 'r%.0s' {1..32})\\0\\0\\x02\\0\\x2f\\x01\\0"
gone() {
	events 'select(.event_type == "close" and .close.reason == "TLS handshake failed" and .session > '"$before"').close.age'
}
all_gone() { (($(gone | wc -l) == 8)); }
if command -v socat >/dev/null; then
	for _ in {1..8}; do printf '%b' "$hello" | socat -u - "TCP:127.0.0.1:$https,linger=0" & pids+=($!); done
	wait "${pids[@]}"
	check 'who is gone after the hello' wait_for 30 all_gone
	is 'is not waited for' "$(gone | jq -s 'max < 8')" true
else
	skip 'gone after the hello' 'no socat'
fi

# --- DNS over TLS
if command -v kdig >/dev/null; then
	is 'DNS over TLS' "$(kdig @127.0.0.1 -p "$dot" +tls +short cnc.example A)" 198.18.0.2
else
	query='\0\x1d\0\1\1\0\0\1\0\0\0\0\0\0\3cnc\7example\0\0\1\0\1'
	answer=$( (printf '%b' "$query"; sleep 0.5) | timeout 10 openssl s_client -connect "127.0.0.1:$dot" -quiet 2>/dev/null |
		od -An -tx1 | tr -d ' \n')
	is 'DNS over TLS' "${answer: -8}" c6120002
fi

# --- not TLS after all
is 'a byte that begins like TLS is only a byte' "$(say "$https" '\x16nothing' 3)" ''
timeout 20 openssl s_client -connect "127.0.0.1:$https" -cipher 'NULL-SHA256:@SECLEVEL=0' -tls1_2 </dev/null >/dev/null 2>&1
check 'no cipher in common' has '.tls.failure == "no cipher in common with the client"'
printf '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03half' | timeout 20 nc -N 127.0.0.1 "$https" >/dev/null
check 'half a hello' has '.tls.failure // "" | startswith("the client closed before")'

{ printf '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03silent'; has '.close.reason == "TLS handshake timed out"'; } |
	timeout 10 nc 127.0.0.1 "$https" >/dev/null
check 'a client that goes silent' has '.tls.failure == "the client went silent in the handshake"'

check 'the key log has all that Wireshark needs' grep -q '^CLIENT_TRAFFIC_SECRET_0 ' "$RUN/tls.keys"
stop_responder
is 'it ends well' "$STATUS" 0
is 'every session has its end' "$(events 'select(.event_type == "open")' | wc -l)" \
	"$(events 'select(.event_type == "close")' | wc -l)"
