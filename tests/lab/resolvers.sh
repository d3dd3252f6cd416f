#!/usr/bin/env bash
# Name resolution as samples do it: glibc's, musl's and busybox's resolvers,
# dig and kdig, in a device's place, on whichever server they ask.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
for p in responder recorder; do
	[[ -x $BUILD/$p ]] || { skip resolvers.sh "no $p is built"; exit 0; }
done
command -v dig >/dev/null || { skip resolvers.sh "no dig"; exit 0; }

"$TOP/scripts/kagemusha" serve --lab "$LAB" --out "$TMP/run" \
	>"$TMP/out" 2>"$TMP/err" &
serve=$!
at_exit 'kill "$serve" 2>/dev/null; wait "$serve" 2>/dev/null'
wait_for 15 grep -qs '"state":"ready"' "$TMP/run/session.jsonl" || {
	not_ok "serve is ready" "$(cat "$TMP/err")"
	exit 0
}

# with SERVER COMMAND...: in the device's place, with that resolv.conf.
with() {
	printf 'nameserver %s\noptions timeout:2 attempts:1\n' "$1" \
		>"$TMP/resolv.conf"
	lab exec --as-device unshare --mount timeout 20 bash -c '
		mount --bind "$1" /etc/resolv.conf && shift && "$@"' \
		- "$TMP/resolv.conf" "${@:2}" 2>&1
}
addresses() { grep -oE '198\.18\.[0-9.]+|2001:2::[0-9a-f]+' | sort -u | xargs; }

for server in 8.8.8.8 203.0.113.53 198.18.0.77 2001:4860:4860::8888; do
	is "dig @$server" "$(with 192.0.2.1 dig +short +tries=1 +time=3 \
		"@$server" c2.example A c2.example AAAA | xargs)" \
		"198.18.0.2 2001:2::2"
done
is "dig +tcp" "$(with 192.0.2.1 dig +tcp +short +tries=1 +time=3 @9.9.9.9 \
	c2.example)" 198.18.0.2
for server in 8.8.8.8 2001:4860:4860::8888; do
	is "glibc asks $server: both families" \
		"$(with "$server" getent ahosts c2.example | addresses)" \
		"198.18.0.2 2001:2::2"
done
is "glibc: back from the address" \
	"$(with 8.8.8.8 getent hosts 198.18.0.2 | xargs)" "198.18.0.2 c2.example"
is "glibc: a name that never is" \
	"$(with 8.8.8.8 getent ahosts nothing.invalid; echo "$?")" 2
is "busybox nslookup, its resolv.conf" \
	"$(with 8.8.4.4 busybox nslookup c2.example | sed 1,3d | addresses)" \
	"198.18.0.2 2001:2::2"
is "busybox nslookup, another server" \
	"$(with 192.0.2.1 busybox nslookup c2.example 203.0.113.9 |
		sed 1,3d | addresses)" "198.18.0.2 2001:2::2"
is "busybox nslookup, another type" "$(with 8.8.8.8 busybox nslookup \
	-type=mx c2.example | grep -o 'mail exchanger.*')" \
	"mail exchanger = 10 mail.c2.example"
is "nslookup of BIND" "$(with 8.8.8.8 nslookup c2.example | sed 1,3d |
	addresses)" "198.18.0.2 2001:2::2"

if command -v musl-gcc >/dev/null; then
	cat >"$TMP/resolve.c" <<-'C'
	#include <netdb.h>
	#include <stdio.h>
	int main(int argc, char **argv)
	{
		struct addrinfo *a, hints = { .ai_socktype = SOCK_STREAM };
		char text[64];
		if (argc < 2 || getaddrinfo(argv[1], "80", &hints, &a) != 0)
			return 1;
		for (; a; a = a->ai_next)
			if (!getnameinfo(a->ai_addr, a->ai_addrlen, text,
			    sizeof text, NULL, 0, NI_NUMERICHOST))
				puts(text);
		return 0;
	}
	C
	musl-gcc -static -o "$TMP/resolve" "$TMP/resolve.c"
	is "musl: both families" \
		"$(with 8.8.8.8 "$TMP/resolve" c2.example | addresses)" \
		"198.18.0.2 2001:2::2"
	is "musl: a name that never is" \
		"$(with 8.8.8.8 "$TMP/resolve" nothing.invalid; echo "$?")" 1
else
	skip "musl" "no musl-gcc (Debian: musl-tools)"
fi

is "a server's answers bear its own address" "$(jq -r \
	'select(.event_type == "dns" and .dest_ip == "203.0.113.53" and
	.dns.rrtype == "AAAA") | .dns.answers[0].rdata' \
	"$TMP/run/session.jsonl")" 2001:2::2
