#!/usr/bin/env bash
# Each specimen, driven through its family's whole list in one run: the ledger
# says of every command what the specimen's source says, in ledgers/SPECIMEN.
# The five families are found by --profile auto, by what the bot says first;
# binary and tutor are named, as nobody could find them. SPECIMENS names some
# instead of all.
#
# A ledger file: "family NAME", "commands TEXT" (for --set commands=), then
# "VERDICT COMMAND" in the order in which they are sent.
. "$(dirname "$0")/../tap.sh"
# shellcheck source=../demo/_run.bash
. "$TOP/tests/demo/_run.bash"
why=$(run_impossible)
[[ -z $why ]] || { skip families.sh "$why"; exit 0; }

folder=$(dirname "$0")/ledgers
for file in "$folder"/*; do
	specimen=${file##*/}
	[[ " ${SPECIMENS:-$specimen} " == *" $specimen "* ]] || continue
	family=$(sed -n 's/^family //p' "$file")
	run=$TMP/$specimen options=(--profile auto)
	case $family in
	binary) options=(--profile binary --set
		"commands=$(sed -n 's/^commands //p' "$file" | paste -sd'|')") ;;
	tutor)
		awk '/^```lua/ { on = 1; next } /^```/ { on = 0 } on' \
			"$TOP/lua-profiles/README.md" >"$TMP/tutor.lua"
		options=(--profile "$TMP/tutor.lua")
		;;
	esac
	timeout -k 20 300 "$KAGE" run "$BUILD/specimens/i386/$specimen" \
		"${options[@]}" --time 180 --out "$run" --lab "fam$$" --quiet \
		>/dev/null 2>"$TMP/err"
	is "$specimen: the run ends with 0" $? 0
	[[ ! -s $TMP/err ]] || diag "$(tail -n 5 "$TMP/err")"
	is "$specimen: all was sent before the time was up" \
		"$(jq -r .verdict "$run/run.json")" finished
	is "$specimen: $family plays it" "$(jq -r 'select(.event_type == "command").profile' \
		"$run/session.jsonl" | sort -u)" "$family"
	is "$specimen: the profile made no mistake" \
		"$(jq -c 'select(.event_type == "error")' "$run/session.jsonl")" ''
	is "$specimen: the ledger" \
		"$(jq -r '.commands[] | "\(.verdict) \(.name)"' "$run/report.json")" \
		"$(grep -vE '^(#|family |commands )' "$file")"
	[[ -z ${KEEP:-} ]] || cp -r "$run" "$KEEP/"
	rm -rf "$run"
done
