#!/usr/bin/env bash
# make install: what lands there works from there, knows its own folders and
# not the checkout's, and make uninstall takes it all away.
. "$(dirname "$0")/../tap.sh"
unset KAGEMUSHA_BUILD

check 'installs' "$TOP/scripts/install-files" "$BUILD" "$TMP/dest" /usr
kage=$TMP/dest/usr/bin/kagemusha
lib=$TMP/dest/usr/libexec/kagemusha
is 'says its version' "$("$kage" --version)" \
	"kagemusha $(sed -n 's/^VERSION := //p' "$TOP/Makefile")"
is 'knows the same commands' "$("$kage" --help)" \
	"$("$TOP/scripts/kagemusha" --help)"
for f in "$lib"/kagemusha-*; do
	name=${f##*/kagemusha-}
	help=$("$kage" "$name" --help 2>"$TMP/err" </dev/null)
	is "$name --help" "$?:$(head -n1 <<<"$help" | cut -c1-$((17 + ${#name})))" \
		"0:usage: kagemusha $name"
	check "$name --help has an example" grep -q '^example: ' <<<"$help"
done
is 'home and programs are the installed ones' "$(cd / && bash -euc \
	". '$lib/lib.bash'; echo \$KAGE_HOME \$KAGE_BUILD \$KAGE_INSTALLED")" \
	"$TMP/dest/usr/share/kagemusha $lib 1"
for program in "$BUILD"/*; do
	[[ -x $program && ! -d $program ]] || continue
	program=${program##*/}
	check "$program runs" "$lib/$program" --help
done
is 'every profile is there' \
	"$(cd "$TMP/dest/usr/share/kagemusha/lua-profiles" && find . -type f | sort)" \
	"$(cd "$TOP/lua-profiles" && find . -type f | sort)"
is 'profile list from there' "$(cd / && "$kage" profile list)" \
	"$(cd / && "$TOP/scripts/kagemusha" profile list)"
is 'inspect from there' "$("$kage" inspect /bin/true)" \
	"$("$TOP/scripts/kagemusha" inspect /bin/true)"
is 'report from there' "$("$kage" report --no-files "$TOP/tests/report/runs/linebot" | head -n 40)" \
	"$("$TOP/scripts/kagemusha" report --no-files "$TOP/tests/report/runs/linebot" | head -n 40)"
is 'device list from there' "$("$kage" device list | cut -c1-12)" \
	"$("$TOP/scripts/kagemusha" device list | cut -c1-12)"
is 'image recipes keep their modes' \
	"$(cd "$TMP/dest/usr/share/kagemusha/vm/image" && find . -type f -perm -u+x | sort)" \
	"$(cd "$TOP/vm/image" && find . -type f -perm -u+x | sort)"
is 'nothing is writable by others' \
	"$(find "$TMP/dest" -type f -perm /022)" ''
is 'no file names the checkout' "$(grep -rlIF "$TOP" "$TMP/dest" | head -n 3)" ''

find "$TMP/dest" -type f | sort >"$TMP/have"
"$TOP/scripts/install-files" --list "$BUILD" "$TMP/dest" /usr | sort >"$TMP/list"
check '--list is what lies there' diff "$TMP/list" "$TMP/have"

# Manual pages and completion.
for page in "$TMP"/dest/usr/share/man/man1/*.1; do
	if ! command -v groff >/dev/null; then
		skip "${page##*/}" 'groff is not installed'
		continue
	fi
	is "${page##*/} has no mistake" \
		"$(groff -mandoc -Tutf8 -ww -z "$page" 2>&1)" ''
done
# complete_words WORD...: what completion offers for the last of them.
complete_words() {
	(
		# shellcheck source=/dev/null
		. "$TMP/dest/usr/share/bash-completion/completions/kagemusha"
		COMP_WORDS=("$kage" "$@")
		COMP_CWORD=$#
		_kagemusha
		printf '%s\n' "${COMPREPLY[@]}"
	)
}
is 'completes a command' "$(complete_words la)" lab
is 'completes an action' "$(complete_words lab ver)" verify
mkdir -p "$TMP/captures/20261122-100000-bot"
nc -lU "$TMP/captures/20261122-100000-bot/attach.sock" >"$TMP/nc" 2>&1 &
at_exit "kill $! 2>/dev/null"
wait_for 20 test -S "$TMP/captures/20261122-100000-bot/attach.sock"
is 'completes a run that goes on' \
	"$(KAGEMUSHA_CAPTURES=$TMP/captures complete_words attach 2026)" \
	20261122-100000-bot
is 'completes an option' "$(complete_words lab up --off)" --offline

touch "$lib/mine"
check 'uninstalls' "$TOP/scripts/install-files" --remove "$BUILD" "$TMP/dest" /usr
is "leaves only a user's own file" "$(find "$TMP/dest" -type f)" "$lib/mine"
"$TOP/scripts/install-files" "$BUILD" "$TMP/dest" relative 2>/dev/null
is 'a relative PREFIX is refused' "$?" 2
