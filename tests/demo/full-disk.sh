#!/usr/bin/env bash
# The disk fills up in the midst of a run: it ends at once with a line that
# names the disk, what was written stays readable, and the report comes out.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/_run.bash"

why=$(run_impossible)
[[ -z $why ]] || { skip 'a full disk' "$why"; exit 0; }
disk=$TMP/disk
mkdir "$disk"
mount -t tmpfs -o size=400k tmpfs "$disk" 2>/dev/null ||
	{ skip 'a full disk' 'no tmpfs can be mounted here'; exit 0; }
at_exit "umount '$disk'"
begin=$SECONDS status=0
# Once two commands are out, something else takes the room that is left.
timeout 200 "$KAGE" run "$LINEBOT" --profile gafgyt --time 100 --level full \
	--out "$disk/run" --lab "full$$" >"$TMP/out" 2>"$TMP/err" &
run=$!
wait_for 90 commands_sent "$disk/run" 2 || not_ok 'the run got going' "$(<"$TMP/err")"
cat /dev/zero >"$disk/other" 2>/dev/null
wait "$run" || status=$?
is 'exit 1' "$status" 1
check 'in time' test $((SECONDS - begin)) -le 100
check 'a line names the disk' grep -qE \
	"the disk of $disk/run \\($disk, on tmpfs\\) is full" "$TMP/err"
check 'run.json says it' jq -e '.verdict == "disk full" and .exit_code == 1 and
	.containment.proved' "$disk/run/run.json"
is 'nothing is left of the lab' "$(leftovers "full$$")" ''

# Cut last lines are no error of a reader.
whole() { [[ -s $1 ]] && head -n -1 "$1" | jq -e . >/dev/null; }
for file in device session flows; do
	check "$file.jsonl is readable" whole "$disk/run/$file.jsonl"
done
check 'the capture is readable' capture_reads "$disk/run"
rm "$disk/other"
check 'with room again, the report works' "$KAGE" report --quiet "$disk/run"
check 'and has the commands until then' jq -e '.commands | length >= 2' \
	"$disk/run/report.json"
