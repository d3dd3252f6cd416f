#!/usr/bin/env bash
# The first step of the tutorial in lua-profiles/README.md, as it is printed:
# a run with a wrong command, and jq, tell the words that the bot knows. (The
# profile that the tutorial ends in drives it in families.sh.)
. "$(dirname "$0")/../tap.sh"
# shellcheck source=../demo/_run.bash
. "$TOP/tests/demo/_run.bash"
why=$(run_impossible)
[[ -z $why ]] || { skip tutorial.sh "$why"; exit 0; }

awk '/^kagemusha run build.*--profile line/ { on = 1 } /^```/ { on = 0 } on' \
	"$TOP/lua-profiles/README.md" >"$TMP/steps"
is 'README.md prints the two commands' "$(grep -cE '^(kagemusha|jq) ' "$TMP/steps")" 2
mkdir "$TMP/captures"
export KAGEMUSHA_CAPTURES=$TMP/captures
sed -e "s|^kagemusha|'$KAGE'|; s|build/|$BUILD/|" -e "s|captures/…|$TMP/captures/*|" \
	"$TMP/steps" >"$TMP/steps.sh"
timeout -k 20 200 bash "$TMP/steps.sh" >"$TMP/out" 2>"$TMP/err" ||
	diag "$(tail -n 5 "$TMP/err")"
for word in ring call keep rest leaf bye; do
	check "the bot compares help with $word" grep -qF "[\"help\",\"$word\"]" "$TMP/out"
done
check 'it answers alive? with yes' jq -en 'first(inputs |
	select(.note.kind == "reply" and .note.name == "alive?" and .note.replies == ["yes"]))' \
	"$TMP"/captures/*/session.jsonl
