#!/usr/bin/env bash
# responder.lua: mistakes by line, policies, greetings, name server rules, and
# all of it again on SIGHUP.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/daemon/_responder.sh
source "$(dirname "$0")/_responder.sh"

responder() { "$BUILD/responder" --profiles "$TOP/lua-profiles" "$@"; }
check "the file that we ship is fine" responder --check
# shellcheck disable=SC2016 # awk's
is "it holds every setting with its default" \
	"$(sed -nE 's/^([a-z_0-9]+) = "?([^"]*)"?$/\1 \2/p' "$TOP/lua-profiles/responder.lua")" \
	"$(responder --help | awk '/^settings/ { on = 1; next } on { print $1, $2 }')"

# Profiles that ask for things while they are loaded, when nobody is there.
cat >"$TMP/curious.lua" <<'L'
responder.finished()
assert(responder.option("mine") == "yes" and not responder.option("other"))
assert(lab.name_of("198.18.0.2") == nil and lab.target() == "198.18.0.1")
assert(not responder.held() and not dns.answer("x") and not device.connected())
return { name = "curious", kind = "family", stream = function() end }
L
check "profiles that ask while they are loaded" \
	responder --check --set mine=yes --profile "$TMP/curious.lua"
check "all families at once" responder --check --profile auto
responder --check --profile gafgyt --set hold=x >"$TMP/out" 2>&1
is "an option that can't be" "$? $(grep -c "option hold: 'x' is no number" "$TMP/out")" '1 1'

cat >"$TMP/bad.lua" <<'L'
silence = 0.5
idle_timeout = "soon"
silense = 1
policy {
  port = 70000 }
policy { prot = "tcp" }
policy { action = "explode" }
greeting { port = 21 }
dns { name = "x.example", action = "maybe" }
dns { name = "x.example", type = "A", answer = "300.1.1.1" }
allow_target "10.0.0.1/8"
dns { name = "fine.example", action = "nxdomain" }
dns { name = "x.example", action = "series" }
dns { name = "x.example", action = "answer" }
tproxy_port = 65536
sessions = 0
tls = 2
policy "drop"
option "key"
L
responder --check --config "$TMP/bad.lua" >"$TMP/out" 2>&1
is "mistakes end with 2" $? 2
is "each with its line" "$(grep -oE 'bad.lua:[0-9]+' "$TMP/out" | tr '\n' ' ')" \
	"$(for n in 2 3 4 6 7 8 9 10 11 {13..19}; do printf 'bad.lua:%d ' "$n"; done)"
check "in words" grep -q "bad.lua:2: idle_timeout: a time in seconds is wanted" "$TMP/out"
printf '\npolicy { port = 1, profile = "tsunami" }\n' >"$TMP/bad.lua"
responder --check --config "$TMP/bad.lua" >"$TMP/out" 2>&1
is "a policy's profile that nobody named" "$? $(grep -o 'bad.lua:2: no profile .tsunami.' "$TMP/out")" \
	"2 bad.lua:2: no profile 'tsunami'"
check "named, it is fine" responder --check --config "$TMP/bad.lua" --profile tsunami
printf 'silence = = 1\n' >"$TMP/bad.lua"
responder --check --config "$TMP/bad.lua" >"$TMP/out" 2>&1
check "syntax" grep -q "bad.lua:1:" "$TMP/out"
printf 'while true do local x = 1 end\n' >"$TMP/bad.lua"
responder --check --config "$TMP/bad.lua" >"$TMP/out" 2>&1
is "a loop" $? 2

cat >"$TMP/conf.lua" <<'L'
silence = 0.05
idle_timeout = 0.3
policy { port = 1111, action = "refuse" }
policy { port = { 2222, 2223 }, action = "drop" }
policy { port = 3333, reset_after = 5 }
policy { port = 4444, delay = 0.2, profile = "echo" }
policy { name = "*.named.example", profile = "discard" }
greeting { port = 5555, "first\n", "second\n", "third\n" }
greeting { "anyone?\n" }
dns { name = "dead.example", action = "nxdomain" }
dns { name = "txt.example", type = "TXT", answer = "\"payload\"", ttl = 5 }
L
ports=(1111 2222 3333 4444 5555 6666)
listen=()
for p in "${ports[@]}"; do listen+=(--listen "127.0.0.1:0@198.18.0.200:$p"); done
start_responder "${listen[@]}" --listen 127.0.0.1:0@8.8.8.8:53 \
	--listen 127.0.0.1:0@198.18.0.2:77 --config "$TMP/conf.lua" || exit 1
declare -A at
for i in "${!ports[@]}"; do at[${ports[i]}]=$(port $((i + 1))); done
ask() { dig +time=3 +tries=1 @127.0.0.1 -p "$(port 7)" "$@"; }

say "${at[1111]}" 'hello' >/dev/null 2>&1
is "dropped: never an answer" "$(say "${at[2222]}" 'hello\n' 3)" ""
say "${at[3333]}" 'hello, world' >/dev/null 2>&1
is "delayed, and played by whom the policy says" "$(say "${at[4444]}" 'hello')" hello
listen_to() { timeout 20 nc -d 127.0.0.1 "${at[$1]}"; }
is "a silent client on a random port is greeted" "$(listen_to 6666)" "anyone?"
is "one that dials again hears the next greeting" \
	"$(listen_to 5555) $(listen_to 5555)" "first second"
exec 3<>"/dev/tcp/127.0.0.1/${at[5555]}"
IFS= read -r -t 20 third <&3
echo "go on" >&3
exec 3>&-
has '.data.text=="go on\n"'
has '.session==8 and .event_type=="close"'
is "what made it go on is remembered" "$third $(listen_to 5555)" "third third"
is "a rule's NXDOMAIN" "$(ask dead.example | grep -o NXDOMAIN)" NXDOMAIN
is "a rule's TXT" "$(ask +short txt.example TXT)" '"payload"'
is "a policy by name" "$(ask +short c2.named.example) $(say "$(port 8)" 'GET / HTTP/1.0\r\n\r\n')" "198.18.0.2 "

# A reload: what is wrong changes nothing; what is right holds at once.
exec 4<>"/dev/tcp/127.0.0.1/${at[4444]}"
printf 'before' >&4
IFS= read -rN 6 -t 20 _ <&4
echo 'policy { port = "x" }' >>"$TMP/conf.lua"
kill -HUP "$RESPONDER_PID"
wait_for 20 grep -q 'not reloaded' "$TMP/responder.log"
is "a broken file changes nothing" "$(ask dead.example | grep -o NXDOMAIN)" NXDOMAIN
sed -i '$d' "$TMP/conf.lua"
sed -i '/dead.example/d; s/anyone/somebody/' "$TMP/conf.lua"
kill -HUP "$RESPONDER_PID"
has '.run.state=="reloaded"'
is "a reload takes new rules" "$(ask +short dead.example)" 198.18.0.3
is "and new greetings" "$(listen_to 6666)" "somebody?"
printf 'after!' >&4
IFS= read -rN 6 -t 20 after <&4
is "a session from before goes on" "$after" 'after!'
exec 4>&-
echo 'policy { port = 53, profile = "echo" }' >>"$TMP/conf.lua"
kill -HUP "$RESPONDER_PID"
reloads() { (($(events 'select(.run.state=="reloaded")' | wc -l) == $1)); }
wait_for 10 reloads 2
query='\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01'
hex() { od -An -v -tx1 | tr -d ' \n'; }
is "a policy's profile plays at the name server's port, too" \
	"$(say "$(port 7)" "\\0\\x13$query" | hex)" "$(printf %b "\\0\\x13$query" | hex)"
u=$(grep -oE 'udp=[^ ]*' <<<"$READY" | sed -n '7s/.*://p')
is "and its datagrams" "$(printf %b "$query" | timeout 20 nc -u -W 1 127.0.0.1 "$u" | hex)" \
	"$(printf %b "$query" | hex)"
stop_responder
is "SIGTERM ends with 0" "$STATUS" 0
reason() { events "select(.dest_port==$1 and .event_type==\"close\").close.reason" | head -1; }
is "refused" "$(reason 1111)" '"refused by policy"'
is "on plain sockets only after the handshake, which the journal says" \
	"$(events 'select(.note.kind=="policies").note | [.act, .why]' | sort -u)" \
	'["after the handshake","we listen on plain sockets"]'
is "dropped" "$(reason 2222)" '"dropped by policy"'
is "reset after some bytes" "$(reason 3333)" '"reset by policy"'
is "dropped until the timeout" "$(events 'select(.dest_port==2222 and .event_type=="data").data.text')" '"hello\n"'
is "who plays by a policy" \
	"$(events 'select(.dest_port==77 and .note.kind=="detect").note | [.by, .profile]')" '["policy","discard"]'
