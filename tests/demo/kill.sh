#!/usr/bin/env bash
# A program dies in the middle of a run: exit 1, a readable folder that says
# who died, and nothing left on the machine.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/_run.bash"

why=$(run_impossible)
[[ -z $why ]] || { skip 'deaths during a run' "$why"; exit 0; }

# begin VICTIM: starts a run and waits until two commands are out.
begin() {
	lab=t$1$$ out=$TMP/$1
	"$KAGE" run "$LINEBOT" --profile gafgyt --out "$out" --lab "$lab" \
		>"$TMP/$1.out" 2>"$TMP/$1.err" &
	run=$!
	at_exit "kill $run 2>/dev/null"
	wait_for 60 commands_sent "$out" 2 ||
		{ not_ok "$1: the run got going" "$(tail -n 5 "$TMP/$1.err")"; return 1; }
}

# ended VICTIM: what must hold afterwards.
ended() {
	wait "$run"
	is "$1: exit 1" "$?" 1
	check "$1: jq reads every line" lines_read "$out"
	check "$1: tshark reads the capture" capture_reads "$out"
	# shellcheck disable=SC2016 # jq's variable
	check "$1: run.json says who" jq -e --arg who "$2" \
		'.exit_code == 1 and (.verdict | test($who))' "$out/run.json"
	check "$1: two commands in the ledger" \
		jq -e '.commands | length >= 2' "$out/report.json"
	is "$1: nothing is left" "$(leftovers "$lab")" ''
}

for victim in responder recorder qemu; do
	begin "$victim" || continue
	pid=$(child_of_run "$victim" "$out")
	if [[ -z $pid ]]; then
		not_ok "$victim: found" "$(pgrep -af "$out")"
		kill "$run"; wait "$run"
		continue
	fi
	kill -KILL "$pid"
	case $victim in
	qemu) ended qemu 'device' ;;
	*) ended "$victim" "$victim died" ;;
	esac
done

# Ctrl-C, at every stage of a run: INT to the whole group, as a terminal does.
# A job in the background starts with INT ignored; env gives it back.
stage_lab() { [[ -e /run/netns/kage-$lab ]]; }
stage_recorder() { [[ -s $out/traffic.pcapng ]]; }
stage_device() { grep -qs '"state":"started"' "$out/device.jsonl"; }
stage_commands() { commands_sent "$out" 2; }
for stage in lab recorder device commands; do
	lab=i$stage$$ out=$TMP/int-$stage
	setsid env --default-signal=INT "$KAGE" run "$LINEBOT" --profile gafgyt --out "$out" --lab "$lab" \
		>"$TMP/int.out" 2>"$TMP/int.err" &
	run=$!
	wait_for 60 "stage_$stage" || not_ok "Ctrl-C at $stage: reached" "$(cat "$TMP/int.err")"
	kill -INT -- "-$run"
	wait "$run"
	is "Ctrl-C at $stage: exit 1" "$?" 1
	check "Ctrl-C at $stage: run.json says interrupted" \
		jq -e '.verdict == "interrupted"' "$out/run.json"
	check "Ctrl-C at $stage: the report came out" test -s "$out/report.txt"
	is "Ctrl-C at $stage: nothing is left" "$(leftovers "$lab")" ''
done

# SIGTERM, and again and again, as timeout(1) does: it ends as with one.
for stage in recorder commands; do
	lab=m$stage$$ out=$TMP/term-$stage
	"$KAGE" run "$LINEBOT" --profile gafgyt --out "$out" --lab "$lab" \
		>"$TMP/term.out" 2>"$TMP/term.err" &
	run=$!
	wait_for 60 "stage_$stage" || not_ok "SIGTERM at $stage: reached" "$(cat "$TMP/term.err")"
	for _ in {1..40}; do kill -TERM "$run" 2>/dev/null; done
	wait "$run"
	is "SIGTERM at $stage: exit 1" "$?" 1
	check "SIGTERM at $stage: run.json says interrupted" \
		jq -e '.verdict == "interrupted"' "$out/run.json"
	check "SIGTERM at $stage: the report came out" test -s "$out/report.txt"
	is "SIGTERM at $stage: nothing is left" "$(leftovers "$lab")" ''
done
