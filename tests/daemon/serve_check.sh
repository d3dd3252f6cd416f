#!/usr/bin/env bash
# kagemusha serve --check: mistakes in the settings by line, without root.
. "$(dirname "$0")/../tap.sh"
[[ -x $BUILD/responder ]] || { skip serve_check.sh 'no responder is built'; exit 0; }
check() { "$TOP/scripts/kagemusha" serve --check "$@" 2>&1; }

out=$(check)
is 'our own settings are fine' "$?" 0
printf 'silence = 1\nidle_timeout = "soon"\n' >"$TMP/bad.lua"
out=$(cd "$TMP" && check --config bad.lua)
is 'a mistake: exit 2' "$?" 2
is 'with file and line' "$(grep -c "$TMP/bad.lua:2:" <<<"$out")" 1
out=$(check --config "$TMP/nosuch.lua")
is 'no such file: exit 2' "$?" 2
