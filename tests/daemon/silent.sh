#!/usr/bin/env bash
# Who speaks first to a peer that is silent: of the families at home on the
# port the surest, at the next connection the next one; never one whose match
# says so; what made the peer go on is remembered. And who is spoken to without
# being silent: a client of a protocol whose servers speak first.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/daemon/_responder.sh
source "$(dirname "$0")/_responder.sh"

# family NAME SCORE: at home on 77, greets with its name.
family() {
	cat >"$TMP/$1.lua" <<-L
		return { name = "$1", kind = "family", ports = { tcp = { 77 } },
		  match = function(first) return first == "" and $2 or 0 end,
		  stream = function(conn)
		    conn:send("$1\n")
		    conn:recv_line()
		  end }
	L
}
family unsure 5
family never false
family sure 20
start_responder --listen 127.0.0.1:0@198.18.0.7:77 \
	--listen 127.0.0.1:0@198.18.0.7:4022 --profile "$TMP/unsure.lua" \
	--profile "$TMP/never.lua" --profile "$TMP/sure.lua" --set silence=0.05 || exit 1

# greeted [TEXT]: connects, hears a line, says the text and hangs up.
greeted() {
	local line=''
	exec 3<>"/dev/tcp/127.0.0.1/$(port 1)"
	IFS= read -r -t 20 line <&3
	[[ -z $1 ]] || echo "$1" >&3
	exec 3>&-
	echo "$line"
	((n += 1))
	wait_for 20 closed_sessions "$n"
}
closed_sessions() { (($(events 'select(.event_type == "close")' | wc -l) >= $1)); }
n=0
greeted '' >"$TMP/1"
is 'the surest family speaks first' "$(<"$TMP/1")" sure
greeted go >"$TMP/2"
is 'then the next one, and the peer goes on' "$(<"$TMP/2")" unsure
greeted go >"$TMP/3"
is 'which is remembered' "$(<"$TMP/3")" unsure
is 'never the one that never speaks' "$(events 'select(.profile == "never")')" ''
# Who doesn't wait, but speaks a protocol whose servers speak first.
exec 3<>"/dev/tcp/127.0.0.1/$(port 2)"
printf 'SSH-2.0-OpenSSH_9.2\r\n' >&3
IFS= read -r -t 20 line <&3
exec 3>&-
is 'an SSH client that speaks first hears a banner' "${line%%OpenSSH*}" SSH-2.0-
exec 3<>"/dev/tcp/127.0.0.1/$(port 2)"
printf 'who knows\n' >&3
decided() { (($(events 'select(.note.by == "nobody")' | wc -l) == 2)); }
wait_for 20 decided
exec 3>&-
wait_for 20 closed_sessions $((n + 2))
is 'who speaks nothing of the kind hears nothing' \
	"$(events 'select(.close) | .close.bytes_toclient' | tail -n 1)" 0
is 'each greeting is an event' "$(events 'select(.note.kind == "greeting").note |
	[.try, .profile]' | head -n 2 | paste -sd' ')" '[1,"sure"] [2,"unsure"]'
is 'the banner is one, too' "$(events 'select(.note.kind == "greeting") |
	.note.text' | tail -n 1)" "$(sed -n 's/^greeting { port = 22, \(.*\) }/\1/p' \
	"$TOP/lua-profiles/responder.lua")"
stop_responder
is 'SIGTERM ends with 0' "$STATUS" 0
