#!/usr/bin/env bash
# Name resolution as samples do it: the resolvers of glibc, musl, dietlibc,
# uClibc-ng and busybox, dig and kdig, in a device's place, on whichever server
# they ask.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
# shellcheck source=tests/lab/_uclibc.bash
. "$TOP/tests/lab/_uclibc.bash"
for p in responder recorder; do
	[[ -x $BUILD/$p ]] || { skip resolvers.sh "no $p is built"; exit 0; }
done
command -v dig >/dev/null || { skip resolvers.sh "no dig"; exit 0; }

serve_lab

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

# Every C library's own resolver: both families, the old call for one name,
# and back from the address.
cat >"$TMP/resolve.c" <<'C'
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
int main(int argc, char **argv)
{
	struct addrinfo *a, hints = { .ai_socktype = SOCK_STREAM };
	struct hostent *h;
	struct in_addr in;
	char text[64];
	if (argc < 2 || getaddrinfo(argv[1], "80", &hints, &a) != 0)
		return 1;
	for (; a; a = a->ai_next)
		if (!getnameinfo(a->ai_addr, a->ai_addrlen, text,
		    sizeof text, NULL, 0, NI_NUMERICHOST))
			puts(text);
	if ((h = gethostbyname(argv[1])) == NULL)
		return 2;
	in = *(struct in_addr *)h->h_addr;
	printf("byname %s\n", inet_ntoa(in));
	if ((h = gethostbyaddr(&in, sizeof in, AF_INET)) == NULL)
		return 3;
	printf("byaddr %s\n", h->h_name);
	return 0;
}
C
# library NAME WHY COMMAND...: builds it with that; its answers on servers.
library() {
	local name=$1 why=$2 server said
	shift 2
	rm -f "$TMP/resolve"
	if ! "$@" >"$TMP/cc" 2>&1; then skip "$name" "$why"; return; fi
	for server in 8.8.8.8 203.0.113.54 198.18.0.99 2001:4860:4860::8844; do
		said=$(with "$server" "$TMP/resolve" c2.example)
		is "$name asks $server" "$(addresses <<<"$said") $(grep -E \
			'^by' <<<"$said" | xargs)" \
			"198.18.0.2 2001:2::2 byname 198.18.0.2 byaddr c2.example"
	done
	is "$name: a name that never is" \
		"$(with 8.8.8.8 "$TMP/resolve" nothing.invalid; echo "$?")" 1
	is "$name: a name of 63 and one without dots" "$(
		for n in "$(printf 'l%.0s' {1..63}).example" cnc; do
			with 9.9.9.9 "$TMP/resolve" "$n" | grep -c '^byname 198'
		done | xargs)" "1 1"
}
library glibc "no gcc" gcc -o "$TMP/resolve" "$TMP/resolve.c"
library musl "no musl-gcc (Debian: musl-tools)" \
	musl-gcc -static -o "$TMP/resolve" "$TMP/resolve.c"
library dietlibc "no diet (Debian: dietlibc-dev)" \
	diet gcc -o "$TMP/resolve" "$TMP/resolve.c"
if compgen -G '/usr/src/uClibc-ng-*.tar.xz' >/dev/null &&
	[[ $(uname -m) == x86_64 ]]; then
	library uClibc-ng "it can't be built here" \
		uclibc_gcc "$TMP/resolve" "$TMP/resolve.c"
else
	skip uClibc-ng "no uclibc-source (which takes a minute to build)"
fi

# kdig and dig with what they can do, through the lab, on servers that nobody
# ever heard of.
if command -v kdig >/dev/null; then
	kdig() { with 192.0.2.1 command kdig +timeout=5 +retry=0 "$@"; }
	for server in 203.0.113.1 2001:db8::53; do
		for how in +notcp +tcp +tls +https; do
			is "kdig $how @$server" \
				"$(kdig $how +short "@$server" c2.example)" 198.18.0.2
		done
	done
	is "kdig +edns=1: no such version" "$(kdig +edns=1 @8.8.8.8 c2.example |
		grep -o BADVERS | head -n 1)" BADVERS
	is "kdig ANY" "$(kdig +short @8.8.8.8 c2.example ANY | sort | xargs)" \
		"198.18.0.2 2001:2::2"
	is "kdig TYPE65" "$(kdig +short @8.8.8.8 c2.example TYPE65)" \
		'1 . alpn=http/1.1 ipv4hint=198.18.0.2 ipv6hint=2001:2::2'
else
	skip kdig "no kdig (Debian: knot-dnsutils)"
fi
dig() { with 192.0.2.1 command dig +tries=1 +time=5 "$@"; }
for how in +tls +https +https-get +http-plain; do
	is "dig $how" "$(dig $how +short @203.0.113.1 c2.example)" 198.18.0.2
done
for code in 1 2 4 5 6 15; do
	is "dig +opcode=$code" "$(dig +opcode=$code @203.0.113.1 c2.example |
		grep -o 'status: [A-Z]*')" 'status: NOTIMP'
done

is "a server's answers bear its own address" "$(jq -r \
	'select(.event_type == "dns" and .dest_ip == "203.0.113.53" and
	.dns.rrtype == "AAAA") | .dns.answers[0].rdata' \
	"$TMP/run/session.jsonl")" 2001:2::2
