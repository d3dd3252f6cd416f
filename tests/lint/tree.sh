#!/usr/bin/env bash
# What the tree must and must not hold: tabs in C, includes that only go down,
# nothing that needs Python or Perl, no compiled file.
. "$(dirname "$0")/../tap.sh"
cd "$TOP" || exit 1

# none NAME TEXT: passes if the text is empty.
none() { if [[ -z $2 ]]; then ok "$1"; else not_ok "$1" "$2"; fi; }

mapfile -t c_files < <(find responder vm tests -name '*.[ch]' \
	! -path "*/corpus/*" 2>/dev/null | sort)
none 'C is indented with tabs' \
	"$(grep -nE '^ {8}' "${c_files[@]}" | head)"
none 'no blanks at line ends' \
	"$(grep -rnIE '[ 	]+$' --include='*.[ch]' --include='*.lua' \
		--include='*.sh' responder vm tests scripts lua-profiles \
		2>/dev/null | grep -v /corpus/ | head)"
none 'no Python, no Perl' \
	"$(grep -rnIE '^#!.*(python|perl)|\b(python3?|perl) -' scripts vm tests \
		Makefile 2>/dev/null | grep -v tests/lint/tree.sh | head)"

# floor FILE: the height of a file in the house, by its room.
floor() {
	case $1 in
	responder/base/* | base/*) f=0 ;;
	responder/wire/* | wire/*) f=1 ;;
	responder/net/* | net/* | responder/record/* | record/*) f=2 ;;
	responder/script/* | script/*) f=3 ;;
	*) f=4 ;;
	esac
}

up=
while IFS=: read -r file line text; do
	[[ $text =~ \"([^\"]+)\" ]] || continue
	target=${BASH_REMATCH[1]}
	case $target in */*) ;; *) continue ;; esac
	floor "$target"; to=$f
	floor "$file"; from=$f
	((to <= from)) || up+="$file:$line includes $target"$'\n'
	case $file:$target in
	responder/net/*:record/* | responder/record/*:net/*)
		up+="$file:$line includes $target"$'\n' ;;
	esac
done < <(grep -rnE '^#include "' responder)
none 'includes go down, never up or across' "$up"

if [[ -e .git ]] && command -v git >/dev/null; then
	none 'nothing compiled is in git' "$(git ls-files -z | xargs -0 file -- \
		2>/dev/null | grep -E 'ELF|archive data|Python' | head)"
else
	skip 'nothing compiled is in git' 'not a git checkout'
fi
