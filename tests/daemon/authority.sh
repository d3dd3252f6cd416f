#!/usr/bin/env bash
# The first run of all: the lab's CA isn't there. Ready doesn't wait for RSA
# keys, who needs one waits, and --make-authority makes all of it before.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/daemon/_responder.sh
source "$TOP/tests/daemon/_responder.sh"
for tool in openssl flock; do
	command -v $tool >/dev/null || { skip authority "no $tool"; exit 0; }
done
ca=$TMP/ca
# hello CIPHER: the certificate's key as the client sees it.
hello() {
	timeout 60 openssl s_client -connect "127.0.0.1:$(port 1)" -tls1_2 \
		-cipher "$1" -CAfile "$ca/ca.pem" -verify_return_error \
		-servername first.example </dev/null 2>&1 |
		grep -oE 'Peer signature type: .*|Verification: .*' | sort | xargs
}

# The folder with ECDSA alone, as it stands when a first run has just begun;
# nobody may fill it while we hold its lock.
"$BUILD/responder" --make-authority --authority "$ca" >"$TMP/out"
is '--make-authority says what clients trust' "$?:$(<"$TMP/out")" "0:$ca/ca.pem"
is 'both certificates' "$(grep -c BEGIN "$ca/ca.pem")" 2
rm "$ca"/*-rsa.*
cp "$ca/ca-ecdsa.pem" "$ca/ca.pem"
(exec {lock}<"$ca" && flock "$lock" && exec sleep 1000) &
holder=$!
at_exit 'kill "$holder" 2>/dev/null'
locked() { ! flock -n "$ca" true; }
wait_for 10 locked
start_responder --listen 127.0.0.1:0 --authority "$ca" || exit 1
ok 'ready without RSA keys'
is 'ECDSA is served' "$(hello ECDHE-ECDSA-AES128-GCM-SHA256)" \
	'Peer signature type: ECDSA Verification: OK'
is 'and RSA is still not there' "$(compgen -G "$ca/*rsa*")" ''
kill "$holder"
wait "$holder" 2>/dev/null
check 'then it is made' wait_for 60 test -e "$ca/ca-rsa.key"
is 'and served by the same responder' "$(hello ECDHE-RSA-AES128-GCM-SHA256)" \
	'Peer signature type: RSA-PSS Verification: OK'
stop_responder
is 'SIGTERM ends with 0' "$STATUS" 0

# A client that knows RSA alone comes at once: it waits, and is served.
rm -r "$ca" "$RUN"
start_responder --listen 127.0.0.1:0 --authority "$ca" || exit 1
is 'RSA at once, on a first run' "$(timeout 60 openssl s_client \
	-connect "127.0.0.1:$(port 1)" -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256 \
	</dev/null 2>&1 | grep -o 'type: RSA-PSS')" 'type: RSA-PSS'
is 'who trusts both is told now' "$(hello ECDHE-RSA-AES128-GCM-SHA256)" \
	'Peer signature type: RSA-PSS Verification: OK'
stop_responder
is 'keys are for the owner alone' "$(stat -c %a "$ca"/*.key | sort -u)" 600
is 'and nothing is left beside them' "$(cd "$ca" && echo *)" \
	'ca-ecdsa.key ca-ecdsa.pem ca-rsa.key ca-rsa.pem ca.pem leaf-ecdsa.key leaf-rsa.key'

# Two at once: one set of keys.
rm -r "$ca"
"$BUILD/responder" --make-authority --authority "$ca" >/dev/null &
"$BUILD/responder" --make-authority --authority "$ca" >/dev/null
wait $!
is 'two at once' "$?:$(openssl x509 -in "$ca/ca-rsa.pem" -noout -pubkey |
	cmp - <(openssl pkey -in "$ca/ca-rsa.key" -pubout) && echo fits)" 0:fits
"$BUILD/responder" --make-authority --authority /proc/none/ca 2>/dev/null
is 'no folder to be had' "$?" 1
