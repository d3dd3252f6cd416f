#!/usr/bin/env bash
# TLS clients that nobody here wrote, in a device's place: to any name and
# address, IPv4 and IPv6, on any port, in every version. With the key log
# tshark shows the plain HTTP inside.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
for p in responder recorder; do
	[[ -x $BUILD/$p ]] || { skip tls_clients.sh "no $p is built"; exit 0; }
done
for p in curl openssl tshark; do
	command -v $p >/dev/null || { skip tls_clients.sh "no $p"; exit 0; }
done
export KAGEMUSHA_CACHE=$BUILD/test-cache
"$BUILD/responder" --make-authority >/dev/null
ca=$BUILD/test-cache/ca/ca.pem
serve_lab
device() { lab exec --as-device timeout 60 "$@" 2>/dev/null; }
uris=()
# page N: a path of its own for each client, which tshark has to find.
page() { uris+=("$1"); }

# --- curl: by name (its own resolver), by address, any port ------------------------
for to in shop.example:443 shop.example:8443 203.0.113.5:48101 \
	'[2001:db8::5]:443' '[2001:db8::5]:61000' 198.18.0.1:23; do
	page "/curl-$((${#uris[@]} + 1))"
	is "curl https://$to" "$(device curl -sg -o /dev/null -m 20 --cacert "$ca" \
		-w '%{http_code} %{ssl_verify_result}' "https://$to${uris[-1]}")" '200 0'
done
for family in -4 -6; do
	page "/curl$family"
	is "curl $family, a name" "$(device curl -s $family -o /dev/null -m 20 \
		--cacert "$ca" -w '%{http_code}' "https://six.example:2083${uris[-1]}")" 200
done

# --- openssl s_client: every version, with and without a name -----------------------
# version FLAG TO PATH NAME...: the answer's status.
version() {
	printf 'GET %s HTTP/1.0\r\nHost: x\r\n\r\n' "$3" | device openssl s_client \
		"$1" -connect "$2" -quiet -ign_eof -cipher 'ALL:@SECLEVEL=0' \
		"${@:4}" | head -n 1 | tr -d '\r'
}
for v in tls1 tls1_1 tls1_2 tls1_3; do
	page "/s_client-$v-4"
	is "s_client -$v, IPv4" "$(version -$v 203.0.113.6:$((RANDOM % 9000 + 20000)) "${uris[-1]}" \
		-servername $v.example)" 'HTTP/1.1 200 OK'
	page "/s_client-$v-6"
	is "s_client -$v, IPv6, no name" "$(version -$v \
		"[2001:db8::6]:$((RANDOM % 9000 + 20000))" "${uris[-1]}" -noservername)" \
		'HTTP/1.1 200 OK'
done

# --- gnutls-cli, busybox wget ---------------------------------------------------------
if command -v gnutls-cli >/dev/null; then
	for to in 203.0.113.7 2001:db8::7 gnu.example; do
		page "/gnutls-${#uris[@]}"
		is "gnutls-cli $to" "$(printf 'GET %s HTTP/1.0\r\n\r\n' "${uris[-1]}" |
			device gnutls-cli --logfile=/dev/null --no-ca-verification \
			-p 5061 "$to" | grep -m 1 -o 'HTTP/1.1 200')" 'HTTP/1.1 200'
	done
else
	skip gnutls-cli 'no gnutls-cli (Debian: gnutls-bin)'
fi
for to in 203.0.113.8 '[2001:db8::8]:9443' box.example:10443; do
	page "/busybox-${#uris[@]}"
	check "busybox wget https://$to" device busybox wget -q -O /dev/null \
		--no-check-certificate "https://$to${uris[-1]}"
done

# --- what Wireshark sees ---------------------------------------------------------------
kill -TERM "$serve"
wait "$serve"
is 'serve ends well' "$?" 0
seen() {
	tshark -r "$TMP/run/traffic.pcapng" "$@" -Y http.request -T fields \
		-e http.request.uri 2>/dev/null | sort
}
want=$(printf '%s\n' "${uris[@]}" | sort)
# Any port: what TLS it is tshark has to be told; -d knows ranges.
tls=(-d 'tcp.port==1-65535,tls')
is 'tshark -o tls.keylog_file shows the plain HTTP inside' "$(seen "${tls[@]}" \
	-o "tls.keylog_file:$TMP/run/tls.keys")" "$want"
is 'and so does the finished capture alone' "$(seen "${tls[@]}")" "$want"
is 'each handshake is in the journal, none failed' "$(jq -r 'select(
	.event_type == "tls") | .tls.failure // "fine"' "$TMP/run/session.jsonl" |
	sort | uniq -c | xargs)" "${#uris[@]} fine"
