#!/usr/bin/env bash
# What the responder and the recorder are still allowed once they serve; and
# that it is enough: to answer as any port, to keep payloads, to reload.
. "$(dirname "$0")/../tap.sh"
. "$TOP/tests/lab/_lab.bash"
for p in responder recorder; do
	[[ -x $BUILD/$p ]] || { skip rights.sh "no $p is built"; exit 0; }
done

run=$TMP/run profiles=$TMP/profiles
mkdir "$run"
# Profiles that nobody but root can read.
cp -r "$TOP/lua-profiles" "$profiles"
chmod -R go-rwx "$profiles"
lab up
mkfifo "$TMP/ready"
exec 8<>"$TMP/ready"
setpriv --pdeathsig TERM ip netns exec "kage-$LAB" "$BUILD/responder" --run "$run" \
	--profiles "$profiles" --ready-fd 8 >"$TMP/log" 2>&1 &
responder=$!
at_exit "kill $responder 2>/dev/null"
read -r -t 10 -u 8 line
check 'the responder is ready' test "${line%% *}" = ready
[[ $line == ready* ]] || diag "$(<"$TMP/log")"
ip netns exec "kage-$LAB" "$BUILD/recorder" --interface br-lab --run "$run" \
	--ready-fd 8 2>"$TMP/rec.log" &
recorder=$!
at_exit "kill $recorder 2>/dev/null"
read -r -t 10 -u 8 line
is 'the recorder is ready' "$line" ready

# status PID KEY: a line of its status, without white space in front.
status() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
# Bits 2, 10, 12: CAP_DAC_READ_SEARCH, CAP_NET_BIND_SERVICE, CAP_NET_ADMIN.
for set in CapPrm CapEff; do
	is "responder: $set" "$(status "$responder" $set)" 0000000000001404
	is "recorder: $set" "$(status "$recorder" $set)" 0000000000000000
done
for pid in $responder $recorder; do
	name=$(<"/proc/$pid/comm")
	is "$name: no inheritable or ambient capability" \
		"$(status "$pid" CapInh) $(status "$pid" CapAmb)" \
		'0000000000000000 0000000000000000'
	is "$name: no new rights" "$(status "$pid" NoNewPrivs)" 1
	is "$name: calls are filtered" "$(status "$pid" Seccomp)" 2
done
is 'the responder is not root' "$(status "$responder" Uid)" $'65534\t65534\t65534\t65534'
is 'nor of any other group' "$(status "$responder" Groups | tr -d ' ')" ''

as_device() { lab exec --as-device timeout 20 bash -c "$1"; }
journal() { jq -e -n "first(inputs | select($1))" "$run/session.jsonl"; }
# A datagram's answer bears a port below 1024, made when it is first needed.
is 'a port below 1024 answers' "$(as_device 'exec 9<>/dev/udp/198.18.0.9/7
	echo hello >&9; timeout 10 dd bs=64 count=1 status=none <&9')" hello
as_device "exec 9<>/dev/tcp/198.18.0.9/80
	printf 'POST /gate HTTP/1.0\r\nContent-Length: 5\r\n\r\nstolen'>&9; cat <&9" >/dev/null
check 'a payload is kept' wait_for 20 journal \
	'.event_type == "file" and .fileinfo.stored'
is 'as a file of its sum' "$(cat "$run/files/$(printf stole | sha256sum | cut -d' ' -f1)")" stole

sed 's/name = "echo"/name = "parrot"/' "$TOP/lua-profiles/services/echo.lua" \
	>"$profiles/services/echo.lua"
chmod 600 "$profiles/services/echo.lua"
kill -HUP "$responder"
check 'profiles are loaded again' wait_for 10 journal '.run.state? == "reloaded"'
as_device 'exec 9<>/dev/udp/198.18.0.10/7; echo again >&9; read -r -t 10 -u 9 line'
check 'and play' wait_for 20 journal '.profile == "parrot"'

kill "$responder" "$recorder"
wait "$responder"
is 'the responder ends well' $? 0
wait "$recorder"
is 'the recorder too' $? 0
check 'and wrote its summary' jq -e '.packets > 0' "$run/recorder.json"
is 'in its log nothing went wrong' "$(grep -E 'error|warn' "$TMP/log" "$TMP/rec.log")" ''

# A folder of a user's own: its files are that user's, and it needs no rights.
mkdir "$TMP/theirs"
chown 4711:4711 "$TMP/theirs"
chmod 711 "$TMP"
ip netns exec "kage-$LAB" "$BUILD/recorder" --interface br-lab --run "$TMP/theirs" \
	--ready-fd 8 2>"$TMP/rec.log" &
recorder=$!
at_exit "kill $recorder 2>/dev/null"
read -r -t 10 -u 8 line
is 'the recorder becomes the owner of the folder' \
	"$(status "$recorder" Uid | cut -f1) $(status "$recorder" CapPrm)" '4711 0000000000000000'
kill "$recorder"
wait "$recorder"
is 'what it wrote is theirs' "$(stat -c %u "$TMP"/theirs/* | sort -u)" 4711
