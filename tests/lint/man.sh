#!/usr/bin/env bash
# A command's manual page names no option that the command's --help doesn't; a
# page or an option that is yet to be written is told.
. "$(dirname "$0")/../tap.sh"

for f in "$TOP"/scripts/kagemusha-*; do
	name=${f##*/}
	page=$TOP/scripts/man/$name.1
	if [[ ! -e $page ]]; then
		skip "$name has a manual page" "scripts/man/$name.1 is missing"
		continue
	fi
	# Without quotes, .Nm alone says "kagemusha" in the rest of the page.
	is "$name: its page calls it by its name" \
		"$(sed -n '/^\.Sh NAME/{n;p}' "$page")" \
		".Nm \"kagemusha ${name#kagemusha-}\""
	help=$("$TOP/scripts/kagemusha" "${name#kagemusha-}" --help) || {
		skip "$name: same options" '--help needs what is missing here'
		continue
	}
	grep -oE -e '(^|[ [(|])--[a-z][a-z-]+' <<<"$help" |
		grep -oE -e '--[a-z-]+' | grep -vx -e --help | sort -u >"$TMP/help"
	grep -oE 'Fl Fl [a-z-]+' "$page" | sed 's/Fl Fl /--/' | sort -u >"$TMP/page"
	is "$name: its page names no option of old" \
		"$(comm -13 "$TMP/help" "$TMP/page")" ''
	new=$(comm -23 "$TMP/help" "$TMP/page")
	[[ -z $new ]] || skip "$name: all options" \
		"scripts/man/$name.1 lacks ${new//$'\n'/ }"
done
