#!/usr/bin/env bash
# Programs that know nothing of us, on ports where no profile is at home: what
# they wait for is said, and what they make of it.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
for p in responder recorder; do
	[[ -x $BUILD/$p ]] || { skip strangers.sh "no $p is built"; exit 0; }
done
serve_lab
device() { lab exec --as-device timeout 60 "$@" </dev/null 2>&1; }
# said PORT TEXT: has a peer of that port said it?
said() {
	jq -r --argjson port "$1" 'select(.dest_port == $port and
		.data.direction == "to_server") | .data |
		.text // (.base64 | @base64d)' "$journal" 2>/dev/null |
		grep -caF "$2" >/dev/null
}

# OpenSSH speaks at once, and goes on once it has heard a banner.
if command -v ssh >/dev/null; then
	for port in 22 2222; do
		device ssh -p $port -o BatchMode=yes -o ConnectTimeout=20 \
			-o StrictHostKeyChecking=no \
			-o UserKnownHostsFile=/dev/null root@203.0.113.9 >"$TMP/ssh" &
		ssh=$!
		check "ssh, port $port: its key exchange is in the journal" \
			wait_for 30 said $port curve25519-sha256
		kill "$ssh"
		wait "$ssh" 2>/dev/null
	done
else
	skip ssh 'needs openssh-client'
fi
# telnet is silent where it doesn't think that it is telnet; busybox's is not.
lab exec --as-device timeout 20 busybox telnet 203.0.113.9 23 \
	< <(exec sleep 20) >"$TMP/telnet" 2>&1 &
telnet=$!
check 'busybox telnet is asked for a login' wait_for 15 grep -q 'login: ' "$TMP/telnet"
kill "$telnet"
wait "$telnet" 2>/dev/null
if command -v nmap >/dev/null; then
	device nmap -Pn -n -sT -sV --version-light -p 22 203.0.113.7 >"$TMP/nmap"
	device nmap -6 -Pn -n -sT -p 22,80,4711 2001:db8::7 >"$TMP/nmap6"
	check 'nmap takes port 22 for OpenSSH' \
		grep -q '^22/tcp *open *ssh *OpenSSH' "$TMP/nmap"
	is 'nmap finds any port of IPv6 open' "$(grep -c '^[0-9]*/tcp *open' "$TMP/nmap6")" 3
else
	skip nmap 'needs nmap'
fi
is 'no profile made a mistake' \
	"$(jq -c 'select(.event_type == "error")' "$journal")" ''
