# shellcheck shell=bash
# Sourced after _lab.bash: a bot of this machine beside the lab, without QEMU,
# driven by the responder.
[[ -x $BUILD/responder ]] || { skip "${0##*/}" 'no responder is built'; exit 0; }
arch=$(own_arch) ||
	{ skip "${0##*/}" 'no specimen is built that this machine runs'; exit 0; }

runs=0
kage=$TOP/scripts/kagemusha

# drive SPECIMEN[,ARGUMENT] OPTION...: starts the responder and the specimen,
# waits until the profile says that it is done (and the function $LOOK, if
# there is one, that it saw what it wants), and stops both. The journal is
# $journal. $BOT is run instead of a specimen.
drive() {
	local name=$1 program=$BUILD/specimens/$arch/${1/,/ } responder bot line
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
		not_ok "$name: the responder is ready" "$(<"$run/log")"
		return
	}
	"$kage" lab exec --lab "$LAB" --as-device unshare --pid --fork --kill-child \
		sh -c "${BOT:-$program}; sleep 90" &
	bot=$!
	wait_for 60 finished || diag "$name: not finished"
	[[ -z ${LOOK:-} ]] || wait_for 10 "$LOOK" || diag "$name: not seen: $LOOK"
	kill -KILL "$bot" 2>/dev/null # unshare takes no other
	kill "$responder" 2>/dev/null
	wait "$bot" "$responder" 2>/dev/null
	rm -f /tmp/.{line,irc,poll,bin,shell,tutor}bot
	[[ -z ${KEEP:-} ]] || cp "$journal" "$KEEP/$runs-$name.jsonl"
}

# real COMMAND OPTION...: drives a bot of one line of shell, which comes back a
# second after it has ended.
real() {
	local command=$1
	shift
	printf '#!/bin/sh\nwhile :; do %s; sleep 1; done &\n' "$command" >"$TMP/bot"
	chmod +x "$TMP/bot"
	BOT=$TMP/bot drive real "$@"
}

finished() { [[ -n $(events '.event_type == "run" and .run.state == "finished"') ]]; }
# events FILTER: the journal's events that fit.
events() { jq -c "select($1)" "$journal" 2>/dev/null; }
count() { events "$1" | wc -l; }
# sent: the names of the commands as they were sent, with commas.
sent() {
	events '.event_type == "command"' | jq -r .command_info.name | paste -sd,
}
# players: the profiles that sent commands.
players() {
	events '.event_type == "command"' | jq -r .profile | sort -u | paste -sd,
}
# said NAME TEXT: was this the reply to the command?
said() {
	check "$1 is answered" grep -q "$2" <(events ".event_type == \"note\" and
		.note.kind == \"reply\" and .note.name == \"$1\"")
}
