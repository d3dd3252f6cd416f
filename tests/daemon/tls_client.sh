#!/usr/bin/env bash
# Who a TLS client is: its certificate where a profile asks for it, and hellos
# in SSLv2's form, which OpenSSL 0.9.8 and many old devices send.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/daemon/_responder.sh
source "$TOP/tests/daemon/_responder.sh"
command -v openssl >/dev/null || { skip tls_client 'no openssl'; exit 0; }
mkdir -p "$TMP/profiles"
cat >"$TMP/profiles/asker.lua" <<'L'
-- Asks where it is at home.
return {
  name = "asker", kind = "service", description = "Wants to know who calls",
  ports = { tcp = { 4433 } },
  client_certificate = true,
  match = function() return 0 end,
  stream = function(conn)
    local line = conn:recv_line()
    conn:note("shown", { pem = conn:client_certificate() or "none", line = line })
    conn:send("seen\n")
  end,
}
L
cat >"$TMP/profiles/upgrade.lua" <<'L'
-- Asks in the middle, as it is told.
return {
  name = "upgrade", kind = "service", description = "TLS in the middle",
  ports = { tcp = { 25 } },
  stream = function(conn)
    conn:send("220 mail ESMTP\r\n")
    local ask = false
    while true do
      local line = conn:recv_line()
      if not line or line == "QUIT" then return end
      if line:find("^EHLO ask") then ask = true end
      if line == "STARTTLS" then
        conn:send("220 go\r\n")
        if not conn:start_tls { client_certificate = ask } then return end
        conn:note("upgraded", { pem = conn:client_certificate() or "none", sni = conn:sni() })
      elseif line:find("^EHLO") then
        conn:send("250-mail\r\n250 STARTTLS\r\n")
      else
        conn:send("250 " .. line .. "\r\n")
      end
    end
  end,
}
L
start_responder --profile "$TMP/profiles/asker.lua" \
	--profile "$TMP/profiles/upgrade.lua" --set silence=0.5 \
	--listen 127.0.0.1:0@198.18.0.7:4433 --listen 127.0.0.1:0@198.18.0.7:443 \
	--listen 127.0.0.1:0@198.18.0.7:25 || exit 1
asks=$(port 1) other=$(port 2) smtp=$(port 3)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-subj /CN=bot-7 -keyout "$TMP/c.key" -out "$TMP/c.pem" 2>/dev/null
show=(-cert "$TMP/c.pem" -key "$TMP/c.key")

# client PORT TEXT OPTION...: what a client hears, that shows its certificate
# to who asks.
client() {
	printf '%s\r\n' "$2" | timeout 10 openssl s_client -quiet -ign_eof \
		-connect "127.0.0.1:$1" "${show[@]}" "${@:3}" 2>/dev/null |
		tail -n 1 | tr -d '\r'
}
stored() {
	events 'select(.fileinfo.filename == "client-certificate.pem") |
		.fileinfo.sha256' | tr -d '"' | sort -u
}
subject() { openssl x509 -noout -subject 2>&1; }

# --- whoever asks is shown it ---------------------------------------------------
is 'nobody asks: nothing is shown' "$(client "$other" 'GET / HTTP/1.0
' | head -c 0; stored)" ''
for v in tls1_2 tls1_3; do
	is "a profile at home on the port asks, $v" \
		"$(client "$asks" "$v" -"$v")" seen
	has ".note.line == \"$v\""
	is "and sees it, $v" "$(events "select(.note.line == \"$v\").note.pem" |
		jq -r . | subject)" 'subject=CN = bot-7'
done
is "it is in the run's files" "$(openssl x509 -noout -subject \
	-in "$RUN/files/$(stored)" 2>&1)" 'subject=CN = bot-7'
show=()
is 'who has none is served all the same' "$(client "$asks" bare)" seen
has '.note.line == "bare"'
is 'and has shown none' "$(events 'select(.note.line == "bare").note.pem')" \
	'"none"'

# --- STARTTLS ---------------------------------------------------------------------
show=(-cert "$TMP/c.pem" -key "$TMP/c.key")
is 'openssl s_client -starttls smtp' "$(client "$smtp" 'NOOP inside
QUIT' -starttls smtp -name plain -servername mail.example)" '250 NOOP inside'
has '.note.sni == "mail.example"'
is 'not asked' "$(events 'select(.note.kind == "upgraded").note |
	[.pem, .sni]')" '["none","mail.example"]'
client "$smtp" QUIT -starttls smtp -name ask -servername ask.example >/dev/null
has '.note.sni == "ask.example"'
is 'a profile that asks in its STARTTLS' "$(events 'select(
	.note.sni == "ask.example").note.pem' | jq -r . | subject)" \
	'subject=CN = bot-7'
is 'JA3 and JA4 of a hello behind STARTTLS' "$(events 'select(
	.tls.sni == "mail.example").tls | [(.ja3.hash, .ja3s.hash | length),
	.ja4[0:4], .ja4s[0:3], (.ja3.string | startswith("771,"))]')" \
	'[32,32,"t13d","t13",true]'

# --- hellos in SSLv2's form -----------------------------------------------------------
# OpenSSL 0.9.8's, as its s_client sends it: TLS 1.0, no extensions.
ciphers=00003900003800003500001600001300000a0700c000003300003200002f
ciphers+=030080000005000004010080000015000012000009060040000014000011
ciphers+=000008000006040080000003020080
challenge=8f3a5b7c9d0e1f2031425364758697a8b9cadbecfd0e1f203142536475869708
challenge=${challenge:0:64}
# hello VERSION CIPHERS: the message, with its length.
hello() {
	local body=01$1 n
	body+=$(printf '%04x00000020' $((${#2} / 2)))$2$challenge
	n=$((${#body} / 2))
	printf '%04x%s' $((0x8000 | n)) "$body"
}
bytes() {
	local i escaped=''
	for ((i = 0; i < ${#1}; i += 2)); do escaped+="\\x${1:i:2}"; done
	printf '%b' "$escaped"
}
# answers HEX...: what comes back, in hex.
answers() {
	{ bytes "$1"; sleep 0.7; } | timeout 10 nc -N 127.0.0.1 "$other" |
		od -An -v -tx1 | tr -d ' \n'
}
old=$(answers "$(hello 0301 "$ciphers")")
is 'the form of SSLv2, TLS 1.0: a ServerHello' "${old:0:6} ${old:10:2} ${old:18:4}" \
	'160301 02 0301'
for v in 0302 0303; do
	new=$(answers "$(hello $v "$ciphers")")
	is "the form of SSLv2, version $v" "${new:18:4}" "$v"
done
ja3='769,57-56-53-22-19-10-51-50-47-5-4-21-18-9-20-17-8-6-3,,,'
has ".tls.ja3.string == \"$ja3\""
is 'its JA3: no extensions, the ciphers that TLS has' "$(events "select(
	.tls.ja3.string == \"$ja3\").tls.ja3.hash")" \
	"\"$(printf %s "$ja3" | md5sum | cut -d' ' -f1)\""
is 'its JA4' "$(events "select(.tls.ja3.string == \"$ja3\").tls.ja4[0:10]")" \
	'"t10i190000"'
# Nothing speaks SSLv2 itself any more: it is bytes like others.
old=$(hello 0002 "$ciphers")
answers "$old" >/dev/null
check 'SSLv2 itself is kept as bytes' has ".event_type == \"data\" and
	.data.direction == \"to_server\" and
	.data.base64 == \"$(bytes "$old" | base64 -w 0)\""
stop_responder
is 'it ends well' "$STATUS" 0
