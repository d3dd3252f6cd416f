#!/usr/bin/env bash
# Two bots at once, of two addresses: each is driven through the whole list,
# one goes on where it was after it has hung up, and the run is finished when
# both are done.
# shellcheck source=tests/tap.sh
source "$(dirname "$0")/../tap.sh"
# shellcheck source=tests/daemon/_responder.sh
source "$(dirname "$0")/_responder.sh"

start_responder --listen 127.0.0.1:0@198.18.0.7:23 --profile gafgyt \
	--set window=0.1 --set quiet=0.05 --set max=0.2 --set hold=0.1 \
	--set only=GETLOCALIP,UDP,HOLD,STD,LOLNOGTFO || exit 1
want='GETLOCALIP,UDP,HOLD,stop HOLD,STD,LOLNOGTFO'

# sent ADDRESS: the commands that went there.
sent() {
	events "select(.event_type == \"command\" and .src_ip == \"$1\") | .command_info.name" |
		jq -r . | paste -sd,
}
# bot ADDRESS FD: connects and greets; it stays as long as the descriptor.
bot() {
	mkfifo "$TMP/fifo$2"
	eval "exec $2<>'$TMP/fifo$2'"
	nc -s "$1" 127.0.0.1 "$(port 1)" <"$TMP/fifo$2" >"$TMP/heard$2" 3>&- 4>&- 5>&- &
	at_exit "kill $! 2>/dev/null"
	echo 'BUILD MIPS' >&"$2"
}
bot 127.0.0.2 3
first=$!
bot 127.0.0.3 4
has_sent() { [[ $(sent "$1") == *"$2"* ]]; }
check 'both are driven at once' wait_for 20 has_sent 127.0.0.3 GETLOCALIP
check 'the first hangs up in the middle' wait_for 20 has_sent 127.0.0.2 HOLD
kill "$first"
bot 127.0.0.2 5
check 'the run is finished' has '.run.state == "finished"'
is 'the one that stayed had the whole list' "$(sent 127.0.0.3)" "$want"
is 'the one that came back, too: nothing twice' "$(sent 127.0.0.2)" "$want"
is 'finished once, with the sum' \
	"$(events 'select(.run.state == "finished").run.reason')" '"all 12 commands sent"'
is 'the return is noted' \
	"$(events 'select(.note.kind == "reconnected") | .src_ip')" '"127.0.0.2"'
check 'each bot heard its own' grep -q '^!\* LOLNOGTFO$' "$TMP/heard4"
stop_responder
is 'SIGTERM ends with 0' "$STATUS" 0
