#!/usr/bin/env bash
# The device link: what the sample does reaches profiles, and settle waits for
# it; word that the run has finished goes back.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/daemon/_responder.sh
source "$(dirname "$0")/_responder.sh"
grep -q -- -U <<<"$(nc -h 2>&1)" || { skip "device link" "no nc with -U (Debian: netcat-openbsd)"; exit 0; }

start_responder --listen 127.0.0.1:0@198.18.0.7:26 --device-socket "$TMP/dev.sock" \
	--profile "$TOP/tests/daemon/profiles/watch.lua" || exit 1
is "the socket is its owner's" "$(stat -c %a "$TMP/dev.sock")" 600
mkfifo "$TMP/events"
nc -U "$TMP/dev.sock" <"$TMP/events" >"$TMP/back" &
at_exit "kill $! 2>/dev/null"
exec 5>"$TMP/events"
echo '{"event_type":"device","device":{"state":"ready","arch":"i386"}}' >&5
exec 3<>"/dev/tcp/127.0.0.1/$(port 1)"
echo go >&3
IFS= read -r -t 20 line <&3
is "nothing happens: a timeout" "$line" "timeout true"
printf '%s\n' 'no event at all' '[1]' \
	'{"event_type":"function","pid":3,"function":{"name":"recvLine","action":"entry"}}' \
	'{"event_type":"function","pid":4,"function":{"name":"processCmd","action":"entry","args":["UDP"]}}' >&5
IFS= read -r -t 20 line <&3
is "the event that was waited for" "$line" "i386 UDP 4"
# One doing that counts, waiting that doesn't.
printf '%s\n' '{"event_type":"syscall","pid":4,"syscall":{"name":"sendto"}}' \
	'{"event_type":"syscall","pid":4,"syscall":{"name":"poll"}}' \
	'{"event_type":"syscall","pid":4,"syscall":{"name":"recv","errno":"EAGAIN"}}' >&5
IFS= read -r -t 15 line <&3
is "settle waits for the device, and counts what it did" "$line" "quiet true 1"
finished() { jq -e 'select(.run.state == "finished" and .run.reason == "seen enough")' "$TMP/back"; }
check "the device hears that the run has finished" wait_for 20 finished
head -c 1200000 /dev/zero | tr '\0' x >&5
check "a line without end closes the link" wait_for 20 grep -q 'line without end' "$TMP/responder.log"
exec 5>&-
stop_responder
is "SIGTERM ends with 0" "$STATUS" 0
# As root it has lost the right to remove it (base/rights.h).
answers() { nc -U "$TMP/dev.sock" </dev/null >/dev/null 2>&1; }
answers
is "nobody answers at the socket any more" $? 1
