#!/usr/bin/env bash
# Each family drives its specimen through the whole list, over real sockets in
# a lab, with the specimen beside the lab instead of in a machine of its own.
# The specimens of a device's tests are the same; these runs take no QEMU.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
. "$TOP/tests/lab/_drive.bash"

lab up

# listed FAMILY: the names of the commands in the family's list.
listed() {
	"$TOP/scripts/kagemusha-profile" list --json |
		jq -r "select(.name == \"$1\") | .commands[]" | sort -u
}
# whole FAMILY: the checks that hold for every family.
whole() {
	is "$1: every command was sent" \
		"$(comm -13 <(sent | tr , '\n' | sort -u) <(listed "$1") | paste -sd,)" ''
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
# reached PROTO PORT: sessions of the specimen to the lab's target.
reached() {
	count ".event_type == \"open\" and .proto == \"$1\" and
		.dest_ip == \"198.18.0.1\" and .dest_port == $2"
}

drive linebot --profile gafgyt
whole gafgyt
is 'linebot: hangs up after CLOSE and after CRASH' "$(after CLOSE)$(after CRASH)" 11
said GETLOCALIP 'My IP: 10.13.37.2'
is 'linebot: TCP connects five times' "$(reached TCP 9999)" 5
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
is 'httpbot: tasks are taken one by one' "$(sent)" 'info,udp,get,hold,stop hold,drop,exec'
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
is 'binary: every command was sent' "$(sent)" udp,tcp,ask,bye,crash,none
is 'binbot: hangs up and crashes' "$(after bye)$(after crash)" 11
is 'binbot: connects twice' "$(reached TCP 9999)" 2
said ask 'a specimen'

drive linebot --profile line --set prefix='!* ' \
	--set 'commands=UDP {target} {port} 2|who: GETLOCALIP|NOTHING'
said who 'My IP'
is 'line: every command was sent' "$(sent)" 'UDP {target} {port} 2,who,NOTHING'

# The tutorial: a profile that was written from lua-profiles/README.md alone.
awk '/^```lua/ { on = 1; next } /^```/ { on = 0 } on' \
	"$TOP/lua-profiles/README.md" >"$TMP/tutor.lua"
drive tutorbot --profile "$TMP/tutor.lua"
is 'tutorbot: every command was sent' "$(sent)" \
	'ring,call,keep,stop keep,leaf,guess,bye'
is 'tutorbot: three replies are as expected' \
	"$(count '.note.kind == "reply" and .note.matched')" 3
is 'tutorbot: hangs up after bye' "$(after bye)" 1

# auto: the first bytes choose the family, or silence.
for pair in linebot:gafgyt vectorbot:mirai ircbot:tsunami pollbot:httpbot \
	shellbot:shell linebot,silent:gafgyt shellbot,silent:shell; do
	list=GETLOCALIP
	case $pair in
	vectorbot*) list=udp ;;
	ircbot*) list=VERSION ;;
	pollbot*) list=info ;;
	shellbot*) list=id ;;
	esac
	drive "${pair%:*}" --profile auto --set only=$list
	is "auto: ${pair%:*} is ${pair#*:}" "$(players)" "${pair#*:}"
	is "auto: ${pair%:*} is driven" "$(sent)" "$list"
done

lab down
