#!/usr/bin/env bash
# The responder on loopback: what profiles can do, and what they can't.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/daemon/_responder.sh
source "$(dirname "$0")/_responder.sh"

ports=(23 24 31 32 33 34 35 36 37 38 4444 7 67 99)
listen=()
for p in "${ports[@]}"; do listen+=(--listen "127.0.0.1:0@198.18.0.7:$p"); done
start_responder "${listen[@]}" --listen '[::1]:0@[2001:2::7]:7' \
	--profile "$TOP/tests/daemon/profiles/talk.lua" \
	--set silence=0.05 --set task_memory=4M --set instructions=15000000 || exit 1
declare -A at
for i in "${!ports[@]}"; do at[${ports[i]}]=$(port $((i + 1))); done
lines() { for ((i = 0; i < $1; i++)); do IFS= read -r -t 20 line <&3; echo "$line"; done; }

# A peer that is silent is greeted; then every kind of receive.
exec 3<>"/dev/tcp/127.0.0.1/${at[23]}"
IFS= read -rN 7 -t 20 greeting <&3
is "a silent peer is greeted by the family at home" "$greeting" "login: "
printf 'root\r\nsecret\n1234a:b::xyz' >&3
IFS= read -rN 10 -t 20 greeting <&3
is "lines, bytes, delimiters; and a line that is too long, and a timeout" \
	"$(lines 3; printf '1\n' >&3; lines 3)" \
	"root/secret
1234
a:b
nil toolong xyz
1 nil nil
nil timeout "
printf 'ab' >&3
exec 3>&-
has '.session==1 and .event_type=="close"'
is "the end of the peer" \
	"$(events 'select(.session==1 and .data.direction=="to_client").data.text' | tail -1)" \
	'"nil closed ab\n"'
is "credentials" "$(events '.credentials | values')" \
	'{"user":"root","secret":"secret"}'

# Commands and evidence.
exec 3<>"/dev/tcp/127.0.0.1/${at[24]}"
echo hello >&3
is "commands, the lab's target, foreign ones refused, a settle, a file" \
	"$(cat <&3)" \
	"UDP 198.18.0.1 80 1
id 1
quiet true
nil refused: 8.8.8.8 is outside the lab (--allow-target would allow it)
nil
VERSION
239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5"
exec 3>&-
has '.session==2 and .event_type=="close"'
is "the command events" "$(events 'select(.event_type=="command") | [.command, .command_info]')" \
'[1,{"name":"udp","offset":0,"length":20,"text":"UDP 198.18.0.1 80 1\n","target":"198.18.0.1","seconds":1}]
[2,{"name":"UDP","length":17,"text":"UDP 8.8.8.8 80 1\n","refused":"8.8.8.8 is outside the lab (--allow-target would allow it)"}]
[3,{"name":"UDP","length":7,"text":"UDP x 1","target":"2001:db8::1","refused":"2001:db8::1 is outside the lab (--allow-target would allow it)"}]
[4,{"length":6,"text":"\u0001\u0002\b\b\b\b","words":"flood 8.8.8.8","refused":"8.8.8.8 is outside the lab (--allow-target would allow it)"}]
[5,{"name":"VERSION","offset":112,"length":8,"text":"VERSION\n"}]'
is "a command's bytes bear its id" \
	"$(events 'select(.event_type=="data" and .command==1).data.offset')" 0
is "what was refused was not sent" \
	"$(events 'select(.event_type=="data" and .session==2 and (.command | values) > 1).command')" 5
is "notes keep bytes that are no text" "$(events 'select(.note.kind=="evidence").note | [.text_base64, .list]')" \
	'["/w==",[1,"two",true]]'
is "a file lies under its sum alone" "$(cd "$RUN/files" && sha256sum ./* | tr -d ' .')" \
	"239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5/239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5"
is "the family says that it has finished" \
	"$(events 'select(.run.state=="finished").run.reason')" '"all said"'

# Mistakes end their own session only.
say "${at[31]}" 'x\n' >/dev/null
for p in 32 33 34 35 36 37 38; do say "${at[$p]}" 'x\n' >/dev/null & done
closed() { (($(events 'select(.event_type=="close")' | wc -l) >= $1)); }
wait_for 20 closed 10
why() { events "select(.dest_port==$1 and .event_type==\"error\").error.message" | sed 's/^".*talk.lua:[0-9]*: /"/'; }
is "an error" "$(why 31)" '"my mistake"'
check "its traceback" has '.error.traceback | strings | contains("talk.lua")'
is "an endless loop behind pcall" "$(why 32)" '"too many instructions without waiting"'
is "endless memory" "$(why 33)" '"not enough memory"'
is "sending to a closed conn" "$(events 'select(.note.kind=="late").note.err')" '"closed"'
is "an endless loop where Lua can't yield" "$(why 35)" '"too many instructions without waiting"'
check "an endless __close ends, too" has '.dest_port==36 and .event_type=="close"'
is "no finalizers" "$(why 37)" '"__gc is not available here"'
check "no io" test "$(why 38 | grep -c io)" = 1
is "their reason" "$(events 'select(.event_type=="close" and .dest_port==31).close.reason')" '"error"'

# Choice.
is "a match plays any port" "$(say "${at[4444]}" 'BUILD i386\n')" "hello, bot"
is "echo at home" "$(say "${at[7]}" 'echo\xff' | od -An -c | tr -d ' ')" 'echo377'
is "UDP: one answer a datagram" \
	"$(printf 'abc' | timeout 20 nc -u -W 2 -w 3 127.0.0.1 "${at[99]}")" ABC
printf 'no lease' >"/dev/udp/127.0.0.1/${at[67]}"
check "what is no DHCP at its port is kept like any datagram" \
	wait_for 10 has '.dest_port==67 and .data.text=="no lease"'
p6=$(grep -oE 'tcp=\[::1\][^ ]*' <<<"$READY")
is "IPv6" "$(printf six | timeout 20 nc -N ::1 "${p6##*:}")" six

# The stop.
exec 4<>"/dev/tcp/127.0.0.1/${at[4444]}"
printf 'nobody knows this' >&4
has '.data.text=="nobody knows this"'
stop_responder
is "SIGTERM ends with 0" "$STATUS" 0
is "the journal says who was chosen, and why" \
	"$(events 'select(.dest_port==4444 and .note.kind=="detect").note' | head -1)" \
	'{"kind":"detect","by":"match","profile":"talk","score":90,"protocol":"line","protocol_score":15}'
check "IPv6's destination" has '.dest_ip=="2001:2::7" and .event_type=="open"'
is "every session has its close" \
	"$(events 'select(.event_type=="close")' | wc -l)" \
	"$(events 'select(.event_type=="open")' | wc -l)"
is "the open one was stopped" "$(events 'select(.event_type=="close" and .close.reason=="stopped" and .proto=="TCP").close.bytes_toserver')" 17
is "the last event" "$(tail -1 "$RUN/session.jsonl" | jq -r .run.state)" stopped
is "offsets and lengths join without a gap" "$(jq -s '[.[] | select(.event_type=="data")] |
	group_by([.session, .data.direction]) | map(reduce .[] as $e (0;
	if $e.data.offset == . then . + $e.data.length else -1e9 end)) | map(select(. < 0)) | length' \
	"$RUN/session.jsonl")" 0
