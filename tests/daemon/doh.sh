#!/usr/bin/env bash
# DNS over HTTPS (RFC 8484), over HTTP/1.1 and HTTP/2, and HTTP/2 as such, by
# clients that nobody here wrote: kdig and curl.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/daemon/_responder.sh
source "$(dirname "$0")/_responder.sh"
command -v curl >/dev/null || { skip doh 'no curl'; exit 0; }
mkdir -p "$RUN"
start_responder --listen 127.0.0.1:0@198.18.0.7:443 \
	--listen 127.0.0.1:0@198.18.0.7:80 || exit 0
https=$(port 1) plain=http://127.0.0.1:$(port 2)
url=https://dns.example:$https

# get OPTION... PATH: curl to our TLS port under a name of its own.
get() {
	curl -sS -k --max-time 10 --resolve "dns.example:$https:127.0.0.1" \
		"${@:1:$#-1}" "$url${!#}"
}

# The question of RFC 8484, 4.1.1: www.example.com A, id 0, in base64url.
question=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB
base64 -d <<<"${question}" >"$TMP/question"

# address FILE: the last four bytes of an answer, as an address.
address() { tail -c 4 "$1" | od -An -tu1 | awk '{ print $1 "." $2 "." $3 "." $4 }'; }

get -o "$TMP/get" "/dns-query?dns=$question"
is 'GET: the answer is from the sink pool' "$(address "$TMP/get")" 198.18.0.2
is 'GET: the type' "$(get -o /dev/null -w '%{content_type}' "/dns-query?dns=$question")" \
	application/dns-message
get -o "$TMP/post" -H 'content-type: application/dns-message' \
	--data-binary "@$TMP/question" /dns-query
is 'POST: the same answer' "$(address "$TMP/post")" 198.18.0.2
is 'GET of what is no question: 400' \
	"$(get -o /dev/null -w '%{http_code}' '/dns-query?dns=AAAA')" 400
check 'the journal has the question' has \
	'.event_type == "dns" and .dns.rrname == "www.example.com" and .dns.rrtype == "A"'

if command -v kdig >/dev/null && grep -q "+.*https" <<<"$(kdig --help 2>&1)"; then
	kdig_at() { kdig @127.0.0.1 -p "$https" +timeout=5 "$@"; }
	is 'kdig +https' "$(kdig_at +https +short mail.example)" 198.18.0.3
	is 'kdig +https=GET, AAAA' "$(kdig_at +https-get +short mail.example AAAA)" 2001:2::3
	check 'kdig spoke HTTP/2' grep -q 'HTTP session (HTTP/2' \
		<<<"$(kdig_at +https mail.example)"
else
	skip 'kdig +https' 'no kdig with HTTPS'
fi

if grep -q HTTP2 <<<"$(curl --version)"; then
	# Inside TLS curl offers HTTP/1.1 too, which is preferred; kdig was h2 alone.
	h2() { curl -sS --max-time 10 --http2-prior-knowledge "${@:1:$#-1}" "$plain${!#}"; }
	is 'h2: a page' "$(h2 -o /dev/null -w '%{http_version} %{http_code}' /)" '2 200'
	is 'h2: HEAD' "$(h2 -I -o /dev/null -w '%{http_code}' /)" 200
	h2 -o "$TMP/h2" "/dns-query?dns=$question"
	is 'h2: DNS' "$(address "$TMP/h2")" 198.18.0.2
	head -c 200000 /dev/urandom >"$TMP/upload"
	h2 -o /dev/null --data-binary "@$TMP/upload" /up
	check 'h2: an upload is kept' cmp "$TMP/upload" \
		"$RUN/files/$(sha256sum <"$TMP/upload" | cut -d' ' -f1)"
	head -c 400000 /dev/zero >"$TMP/large"
	h2 -o /dev/null --data-binary "@$TMP/large" /large >/dev/null 2>&1
	is 'h2: one too large is refused: a stream error' "$?" 92
else
	skip 'HTTP/2' 'curl has none'
fi

if command -v h2load >/dev/null; then
	is 'h2load: 600 requests, 30 at a time on each of 4 connections' \
		"$(h2load -n 600 -c 4 -m 30 "$plain/many" | grep -o '[0-9]* succeeded.*errored')" \
		'600 succeeded, 0 failed, 0 errored'
else
	skip 'many streams' 'no h2load (nghttp2-client)'
fi

# What comes behind the preface may be anything.
{
	printf 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
	head -c 5000 /dev/urandom
} | timeout 10 openssl s_client -connect "127.0.0.1:$https" -quiet >/dev/null 2>&1
printf 'PRI * HTTP/2.0\r\n\r\nno' | timeout 10 openssl s_client \
	-connect "127.0.0.1:$https" -quiet >/dev/null 2>&1
is 'after garbage it goes on' "$(get -o /dev/null -w '%{http_code}' /)" 200
is 'no profile raised an error' "$(events 'select(.event_type == "error")' | head -n 3)" ''
stop_responder
is 'a clean stop' "$STATUS" 0
