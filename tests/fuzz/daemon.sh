#!/usr/bin/env bash
# 200,000 queries of garbage and rude sessions against the whole responder,
# under the sanitizers where they were built: nothing crashes, proper questions
# are answered all the while, and a session that was there before goes on.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/daemon/_responder.sh
source "$TOP/tests/daemon/_responder.sh"
check "the rude client builds" make -s -C "$TOP" B="$BUILD" "$BUILD/fuzz/garbage"
garbage=$BUILD/fuzz/garbage
[[ ! -x $BUILD/asan/responder ]] || BUILD=$BUILD/asan
diag "against $BUILD/responder"
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1

start_responder --listen 127.0.0.1:0@8.8.8.8:53 \
	--listen 127.0.0.1:0@203.0.113.1:4444 || exit 1
udp=$(grep -oE 'udp=[^ ]*' <<<"$READY" | sed -n '1s/.*://p')

# A session from before, half of its request said.
exec {web}<>"/dev/tcp/127.0.0.1/$(port 2)"
printf 'GET / HTTP/1.1\r\nHost: steady.example\r\n' >&"$web"

for to in 1 2; do
	check "100000 queries, sessions to port $to" timeout 120 \
		"$garbage" "$udp" "$(port "$to")" 100000 "$to"
done
printf 'Connection: close\r\n\r\n' >&"$web"
is "the session from before goes on" \
	"$(timeout 10 head -n 1 <&"$web" | tr -d '\r')" "HTTP/1.1 200 OK"
exec {web}>&-
# Garbage for attach.sock: bytes, then requests whose parts fit by chance.
for _ in {1..20}; do
	head -c 100000 /dev/urandom |
		timeout 10 nc -NU "$RUN/attach.sock" >/dev/null
done
pick() { eval "word=\${$1[RANDOM % \${#$1[@]}]}"; }
# shellcheck disable=SC2034 # pick reads them
{
	verbs=(list watch unwatch send close hold go dance)
	sessions=(1 2 3 0 -1 99999999999999999999 null '"x"' '[1]')
	texts=('""' '"a\u0000b"' 5 null '"\ud83d\ude00"' '{"text":[]}')
	hexes=(00 zz '' '0' 'ff 00')
}
word=
for _ in {1..2000}; do
	pick verbs; printf '{"do":"%s",' "$word"
	pick sessions; printf '"session":%s,' "$word"
	pick texts; printf '"%s":%s,"id":%s,' text "$word" "$word"
	pick hexes; printf '"hex":"%s"}\n' "$word"
done >"$TMP/requests"
echo '{"do":"unwatch"}' >>"$TMP/requests"
timeout 60 nc -NU "$RUN/attach.sock" <"$TMP/requests" >"$TMP/answers"
is "every request is answered" "$(grep -c '"re":' "$TMP/answers")" 2001
check "by JSON" jq empty "$TMP/answers"
check "the process is still the same" kill -0 "$RESPONDER_PID"
stop_responder
is "a clean stop" "$STATUS" 0
is "the sanitizers are silent" \
	"$(grep -cE 'Sanitizer|runtime error' "$TMP/responder.log")" 0
check "every line of the journal is JSON" jq empty "$RUN/session.jsonl"
is "every session has its close" \
	"$(events 'select(.event_type == "open") | .session' | wc -l)" \
	"$(events 'select(.event_type == "close") | .session' | wc -l)"
